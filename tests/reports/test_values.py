"""What fits where: `decimal(38,18)`, and the fifteen digits of a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import EXACT, plain
from recon.reports.values import fits, is_spreadsheet_number, nearest_double, text_of

FINITE = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal((0, digits, exponent)),
    st.lists(st.integers(0, 9), min_size=1, max_size=80).map(tuple),
    st.integers(-60, 60),
)


@given(FINITE)
def test_what_a_spreadsheet_holds_comes_back_from_a_double_and_from_its_file_to_the_last_digit(value: Decimal) -> None:
    if is_spreadsheet_number(value):
        number = nearest_double(value)
        assert number is not None
        assert Decimal(repr(number)) == value
        assert float(f"{number:.16g}") == number, "as the workbook's file has it"


@given(FINITE)
def test_what_fits_is_what_38_digits_with_18_places_hold(value: Decimal) -> None:
    with_places = EXACT.copy()
    with_places.prec = 2000
    scaled = with_places.scaleb(value, 18)
    assert fits(value) is (scaled == scaled.to_integral_value() and abs(scaled) < Decimal(10) ** 38)


@pytest.mark.parametrize("digits", [15, 16])
def test_a_spreadsheet_keeps_fifteen_digits(digits: int) -> None:
    assert is_spreadsheet_number(Decimal("9" * digits)) is (digits == 15)
    assert is_spreadsheet_number(Decimal(f"0.{'9' * digits}")) is (digits == 15)
    assert is_spreadsheet_number(Decimal(f"1{'0' * digits}.{'0' * digits}")), "zeros are no digits"


def test_values_are_written_plainly() -> None:
    assert text_of(Decimal("1E+3")) == "1000"
    assert text_of(Decimal("-0.00")) == "0.00"
    assert text_of(datetime(2026, 1, 5, 10, tzinfo=timezone(timedelta(hours=1)))) == "2026-01-05T09:00:00.000000Z"
    assert text_of(datetime(2026, 1, 5, 9, 0, 0, 1, tzinfo=UTC)) == "2026-01-05T09:00:00.000001Z"
    assert [text_of(True), text_of(False), text_of(3), text_of("a")] == ["true", "false", "3", "a"]
    assert nearest_double(Decimal("1E+400")) is None
    assert plain(Decimal("1E+400")) == "1" + "0" * 400
