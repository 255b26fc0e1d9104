"""How old a break is in business terms, and how much it matters."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.reconciliation.causes.registry import floor_of
from recon.reconciliation.model.ageing import DAY_US, business_us
from recon.reconciliation.model.severity import severity
from recon.times import microseconds
from tests.support.properties import steady

D = Decimal
HOUR_US = 3_600_000_000
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WORKDAYS = (0, 1, 2, 3, 4)


def us(day: int, hour: int = 0) -> int:
    """A moment of January 2026; the fifth is a Monday."""
    return microseconds(datetime(2026, 1, day, hour, tzinfo=UTC))


def hours(since: int, until: int, cutoff_hour: int, days: tuple[int, ...]) -> float:
    return business_us(since, until, cutoff_minute=60 * cutoff_hour, business_days=days) / HOUR_US


@pytest.mark.parametrize(
    ("since", "until", "cutoff", "days", "expected"),
    [
        (us(5, 9), us(5, 17), 0, EVERY_DAY, 8),
        (us(9, 12), us(12, 12), 0, EVERY_DAY, 72),
        (us(9, 12), us(12, 12), 0, WORKDAYS, 24),
        (us(10), us(12), 0, WORKDAYS, 0),
        (us(9, 16), us(9, 20), 17, WORKDAYS, 1),  # Friday ends at 17:00
        (us(11, 16), us(11, 20), 17, WORKDAYS, 3),  # and Monday begins on Sunday at 17:00
        (us(5), us(26), 17, WORKDAYS, 15 * 24),
        (us(5), us(26), 0, (), 0),
        (us(6), us(5), 0, EVERY_DAY, 0),
    ],
)
def test_only_business_time_ages(since: int, until: int, cutoff: int, days: tuple[int, ...], expected: float) -> None:
    assert hours(since, until, cutoff, days) == expected


@steady(100)
@given(
    st.integers(0, 40 * DAY_US),
    st.integers(0, 40 * DAY_US),
    st.integers(0, 40 * DAY_US),
    st.integers(0, 24 * 60 - 1),
    st.sets(st.integers(0, 6)),
)
def test_business_time_adds_up_and_is_all_time_where_every_day_counts(
    start: int, first: int, second: int, cutoff: int, days: set[int]
) -> None:
    middle, end = start + first, start + first + second

    def passed(since: int, until: int) -> int:
        return business_us(since, until, cutoff_minute=cutoff, business_days=days)

    assert passed(start, middle) + passed(middle, end) == passed(start, end)
    assert business_us(start, end, cutoff_minute=cutoff, business_days=EVERY_DAY) == end - start
    assert 0 <= passed(start, end) <= end - start


@pytest.mark.parametrize(
    ("usd", "days", "cause", "expected"),
    [
        ("50", 0, "deposit", "low"),
        ("50", 0, "fee_expected", "info"),
        ("100", 0, "fee_expected", "low"),
        ("-1000", 0, "fee_expected", "medium"),
        ("10000", 0, "deposit", "high"),
        ("-100000", 0, "deposit", "critical"),
        ("1", 1, "fee_expected", "low"),
        ("1", 2, "fee_expected", "medium"),
        ("1", 5, "fee_expected", "high"),
        ("1", 10, "fee_expected", "critical"),
        ("1", 0, "withdrawal", "medium"),
        ("1", 0, "liquidation", "high"),
        ("0.01", 0, "unit_or_side", "critical"),
        (None, 0, "fee_expected", "high"),
    ],
)
def test_the_most_severe_of_amount_age_and_cause_holds(usd: str | None, days: int, cause: str, expected: str) -> None:
    amount = None if usd is None else D(usd)
    assert severity(amount, days * DAY_US, floor_of(cause), material_usd=D(10_000)) == expected


def test_what_is_material_is_the_accounts_own_measure() -> None:
    assert severity(D(50), 0, "info", material_usd=D(50)) == "high"
    assert severity(D("0.01"), 0, "info", material_usd=D(0)) == "high", "everything is material"
