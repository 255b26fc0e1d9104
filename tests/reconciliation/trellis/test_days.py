"""Days of one account: nothing is told of a clean day, and each planted loss once, with its amount and interval."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.exact import ZERO
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.steps import Cleared, Committed, OpeningFound, Told
from tests.reconciliation.trellis.synthetic_day import (
    BASE,
    QUOTE,
    SECOND,
    START,
    WINDOW,
    Habits,
    Loss,
    feed,
    make_day,
    opened,
    play,
    told_rates,
    uncertain,
)

CLEAN = {
    "one a second": Habits(),
    "four a second": Habits(fills_per_second=4),
    "equal sizes, polled": Habits(fills_per_second=2, equal_sizes=True, poll_us=SECOND),
    "stamps of a second": Habits(fills_per_second=0.5, resolution_us=SECOND),
    "no stamps": Habits(fills_per_second=0.5, resolution_us=0),
    "new tier": Habits(seconds=120, tier_at=60 * SECOND),
}


def _told(habits: Habits, seed: int, *, schedule: bool) -> list[Told]:
    table = told_rates(habits) if schedule else RateTable()
    return play(AccountTrellis("desk", table, WINDOW), make_day(seed, habits))


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("schedule", [True, False])
def test_nothing_is_told_of_a_clean_day(name: str, schedule: bool) -> None:
    for seed in (1, 2):
        told = _told(CLEAN[name], seed, schedule=schedule)
        assert opened(told) == []
        assert uncertain(told) == []


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 100_000),
    st.sampled_from([BASE, QUOTE]),
    st.integers(20, 45),
    st.booleans(),
    st.decimals("0.5", "900", places=3),
)
def test_a_loss_is_told_once_with_its_amount_and_interval(
    seed: int, unit: tuple[str, str, str], second: int, schedule: bool, amount: Decimal
) -> None:
    amount = amount * 1_000 if unit == QUOTE else amount
    habits = replace(CLEAN["one a second"], losses=(Loss(unit, second * SECOND, amount),))
    told = _told(habits, seed, schedule=schedule)
    (step,) = opened(told)
    assert step.unit == unit
    assert step.after_us <= START + second * SECOND <= step.at_us
    slack = Decimal("0.000001") if schedule else amount / 100
    assert abs(step.amount + amount) <= slack


def test_a_loss_is_told_within_some_windows() -> None:
    habits = replace(CLEAN["one a second"], losses=(Loss(BASE, 30 * SECOND, Decimal("0.37")),))
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    told: list[Told] = []
    for at, key, event in make_day(3, habits).events:
        if at > START + 36 * SECOND:
            break
        feed(trellis, at, key, event)
        told += trellis.advance(at)
    assert [step.amount for step in opened(told)] == [Decimal("-0.37")]


def test_a_loss_right_after_the_first_report_is_uncertain() -> None:
    habits = Habits(fills_per_second=0.2, losses=(Loss(QUOTE, 2 * SECOND, Decimal("123.4")),))
    told = _told(habits, 4, schedule=True)
    assert opened(told) == []
    (step,) = uncertain(told)
    assert (step.kind, step.amount) == ("opening", Decimal("-123.4"))
    assert step.after_us <= START + 2 * SECOND <= step.at_us


def test_the_opening_is_told_once() -> None:
    found = [each for each in _told(Habits(seconds=30), 1, schedule=True) if isinstance(each, OpeningFound)]
    assert {each.unit: each.level for each in found} == {BASE: Decimal(10), QUOTE: Decimal(1_000_000)}
    assert len(found) == 2


@pytest.mark.parametrize("schedule", [True, False])
def test_what_became_final_sums_to_the_fees_that_were_paid(schedule: bool) -> None:
    habits = Habits(losses=(Loss(QUOTE, 30 * SECOND, Decimal(1_000)),), classes=("post_only",))
    day = make_day(9, habits)
    table = told_rates(habits) if schedule else RateTable()
    told = play(AccountTrellis("desk", table, WINDOW), day)
    sums = [each for each in told if isinstance(each, Committed) and each.unit == QUOTE]
    legs = [event for _, key, event in day.events if key == QUOTE and isinstance(event, Leg)]
    fees = sum((abs(leg.amount) for leg in legs), ZERO) * habits.maker
    jump, accrual = sum((each.jump for each in sums), ZERO), sum((each.accrual for each in sums), ZERO)
    assert abs(jump + 1_000) < fees / 10
    assert abs(jump + accrual + 1_000 + fees) < Decimal("0.0001")
    assert not schedule or abs(jump + 1_000) < Decimal("0.0001")
    in_base = [each for each in told if isinstance(each, Committed) and each.unit == BASE]
    assert sum((each.accrual for each in in_base), ZERO) == 0


def test_a_fill_that_comes_late_clears_its_break() -> None:
    habits = Habits(fills_per_second=0.3, seconds=100, late_fill=(6, 70 * SECOND))
    told = _told(habits, 11, schedule=True)
    steps = opened(told)
    assert {step.unit for step in steps} == {BASE, QUOTE}
    cleared = {(each.unit, each.seq) for each in told if isinstance(each, Cleared)}
    assert cleared == {(step.unit, step.seq) for step in steps}


def test_memory_is_flat_over_a_long_day() -> None:
    habits = Habits(seconds=3_000, fills_per_second=1)
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    most = 0
    for at, key, event in make_day(2, habits).events:
        feed(trellis, at, key, event)
        trellis.advance(at)
        for unit in trellis._parts.units.values():
            most = max(most, len(unit.columns), len(unit.entries.items))
    assert most < 80
    assert opened(trellis.advance(START + 4_000 * SECOND)) == []


@pytest.mark.parametrize("schedule", [True, False])
def test_amounts_beyond_64_bits_are_compared_exactly(schedule: bool) -> None:
    loss = Decimal("12345678901.23456789")
    habits = Habits(step=Decimal(1_000_000_000), losses=(Loss(BASE, 30 * SECOND, loss),))
    told = _told(habits, 5, schedule=schedule)
    assert [step.amount for step in opened(told)] == [-loss]
