"""What nobody could have told is told apart from what was missed: on hand-made days and on played ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from tests.faults.ceiling import LONGEST, Move, Report, agrees, undecidable
from tests.faults.days import Day, Flow
from tests.faults.play import played

AT: Final = datetime(2026, 1, 5, 9, 1, tzinfo=UTC)
D = Decimal


def at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def move(seconds: float, *amounts: str) -> Move:
    return Move(at(seconds), tuple(map(D, amounts)))


def report(seconds: float, value: str) -> Report:
    return Report(at(seconds), D(value))


def test_a_loss_between_reports_is_seen_by_anybody() -> None:
    reports = [report(0, "10"), report(5, "12"), report(10, "11")]
    assert agrees(reports, [move(3, "2")]) is False
    assert agrees(reports, [move(3, "2"), move(8, "-1")]) is True


def test_a_cut_hides_a_loss_only_within_the_delays() -> None:
    reports = [report(0, "10"), report(5, "10"), report(10, "12")]
    assert agrees(reports, [move(5 - LONGEST.total_seconds() / 2, "2")]) is True
    assert agrees(reports, [move(5 - 2 * LONGEST.total_seconds(), "2")]) is False


def test_cuts_do_not_go_back() -> None:
    reports = [report(0, "10"), report(5, "12"), report(5.1, "10"), report(9, "12")]
    assert agrees(reports, [move(4.9, "2")]) is False


def test_another_rate_may_hide_a_loss() -> None:
    reports = [report(0, "10"), report(5, "11.996")]
    assert agrees(reports, [move(3, "1.998")]) is False
    assert agrees(reports, [move(3, "1.998", "1.996")]) is True


def test_too_many_ways_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.faults.ceiling.MOST_WAYS", 8)
    moves = [move(3 + number / 100, "0", str(2**number)) for number in range(5)]
    assert agrees([report(0, "10"), report(5, "99")], moves) is None


FLOW: Final = Flow(0.5, equal_sizes=False, polled=None)


@pytest.mark.parametrize("published", [True, False])
def test_the_faults_of_a_day_are_decidable_and_a_step_that_never_happened_is_not(published: bool) -> None:
    """What was planted and found was decidable; taking a fault for known leaves nothing to tell."""
    day = Day(FLOW, "money", published, 1)
    spot = [each for each in played(day).planted if each.unit.account == "KRAKEN/JOHN"]
    assert spot
    for each in spot:
        assert undecidable(day, each) is False, str(each)
        nothing = replace(each, amount=D("0.1"))
        assert undecidable(day, nothing) is True


def test_the_cash_of_contracts_and_days_without_times_are_not_judged() -> None:
    day = Day(FLOW, "money", published=True, seed=1)
    planted = played(day).planted
    cash = next(each for each in planted if each.unit.account == "BITMEX")
    assert undecidable(day, cash) is None
    assert undecidable(day._replace(variant="no-stamps"), planted[0]) is None
