"""Numbers as doubles show them: the noise is left out, and nothing else is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import exact, meant_scale, same_amount, unpadded, without_noise

D = Decimal


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("57.638000000000005", "57.638"),
        ("10000.000000000002", "10000"),
        ("0.30000000000000004", "0.3"),
        ("-0.29999999999999999", "-0.3"),
        ("8.9999999999999998e-8", "9E-8"),
        ("99999.999999999985", "100000"),
        ("98765432109.87654", "98765432109.87654"),
        ("0.1234567890123456", "0.1234567890123456"),
        ("1.000000000000000001", "1.000000000000000001"),
        ("100000.00000000", "100000.00000000"),
        ("5.551115123125783E-17", "5.551115123125783E-17"),
    ],
)
def test_a_short_number_with_noise_behind_it_is_meant(text: str, meant: str) -> None:
    value = without_noise(D(text))
    assert value == D(meant)
    assert value.as_tuple() == D(meant).as_tuple(), "the scale is that of the meaning"


@given(st.lists(st.integers(1, 10**7).map(lambda ticks: D(ticks).scaleb(-4)), min_size=1, max_size=40))
def test_a_sum_of_doubles_is_the_amount_that_was_meant(parts: list[D]) -> None:
    total = 0.0
    for part in parts:
        total += float(part)
    with exact():
        assert same_amount(without_noise(D(repr(total))), sum(parts, D(0)))


@given(st.decimals("0.0001", "1000000", places=4))
def test_amounts_a_tick_apart_are_two(amount: D) -> None:
    with exact():
        assert not same_amount(amount, amount + D("0.0001"))
        assert same_amount(amount, amount)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("9135.020000000125", 2),
        ("15075.920000000000273", 2),
        ("10000.000000000002", 0),
        ("50000.00", 2),
        ("0.1234567890123456", 16),
        ("9135.02000000125", 11),
    ],
)
def test_digits_of_noise_are_not_meant(text: str, digits: int) -> None:
    assert meant_scale(D(text)) == digits


@pytest.mark.parametrize(
    ("padded", "shown"),
    [
        ("1.500000000000000000", "1.5"),
        ("1200.000000000000000000", "1200"),
        ("-0.100", "-0.1"),
        ("0.000000000000000000", "0"),
        ("98765432109.876543210000000000", "98765432109.87654321"),
        ("7", "7"),
        ("1E+3", "1E+3"),
        ("NaN", "NaN"),
    ],
)
def test_zeros_that_a_type_pads_with_are_left_out(padded: str, shown: str) -> None:
    assert str(unpadded(Decimal(padded))) == shown
