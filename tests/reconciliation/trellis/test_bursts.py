"""Bursts of fills whose order is not known cost a bounded search for each report."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.costs import FLOOD, MAX_SETS, MAX_STATES
from recon.reconciliation.trellis.cuts import candidates, wide_sets
from tests.reconciliation.trellis.synthetic_day import (
    BASE,
    SECOND,
    START,
    WINDOW,
    Habits,
    Loss,
    feed,
    make_day,
    opened,
    told_rates,
)

BURST = Habits(seconds=12, fills_per_second=10, losses=(Loss(BASE, 7 * SECOND, Decimal("0.37")),))


@pytest.mark.parametrize("resolution_us", [1_000, SECOND, 0])
def test_a_loss_within_a_burst_is_told(resolution_us: int) -> None:
    habits = Habits(seconds=12, fills_per_second=10, losses=BURST.losses, resolution_us=resolution_us)
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    told = []
    for at, key, event in make_day(3, habits).events:
        feed(trellis, at, key, event)
        told += trellis.advance(at)
    told += trellis.advance(START + 60 * SECOND)
    assert [(step.unit, step.amount) for step in opened(told)] == [(BASE, Decimal("-0.37"))]


def test_the_search_of_a_report_is_bounded() -> None:
    habits = Habits(seconds=5, fills_per_second=15, resolution_us=SECOND)
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    crowded = 0
    for at, key, event in make_day(3, habits).events:
        feed(trellis, at, key, event)
        for unit in trellis._parts.units.values():
            low, high = candidates(unit, at)
            sets = wide_sets(unit.entries, low, high)
            assert len(sets) <= MAX_SETS
            crowded += high - low > 16 and len(sets) <= MAX_SETS // 4
            assert all(len(column.states) <= MAX_STATES for column in unit.columns)
    assert crowded > 100


def test_of_a_flood_of_reports_a_bounded_number_is_compared_and_a_loss_is_told() -> None:
    habits = Habits(seconds=4, fills_per_second=400, resolution_us=1_000, losses=(Loss(BASE, 2 * SECOND, Decimal(37)),))
    trellis = AccountTrellis("desk", told_rates(habits), WINDOW)
    told, reported, most = [], 0, 0
    for at, key, event in make_day(3, habits).events:
        feed(trellis, at, key, event)
        told += trellis.advance(at)
        unit = trellis._parts.units.get(BASE)
        reported = max(reported, len(unit.queue) if unit else 0)
        most = max(most, len(unit.columns) if unit else 0)
    told += trellis.advance(START + 60 * SECOND)
    assert 0 < reported <= 3 * FLOOD
    assert FLOOD < most <= 6 * 2 * FLOOD
    (step,) = opened(told)
    assert step.unit == BASE
    assert abs(step.amount + 37) < 1, "which of the fills at one instant a report held, nobody can tell"
