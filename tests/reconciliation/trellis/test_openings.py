"""When the opening of a unit is told, and that it never moves."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.reconciliation.trellis.steps import OpeningFound
from tests.reconciliation.trellis.desk import Desk, steps
from tests.reconciliation.trellis.synthetic_day import BASE

#: Two holds of the desk's window, and the window that a report waits.
SETTLED = 9


def _openings(desk: Desk) -> list[Decimal]:
    return [each.level for each in desk.told if isinstance(each, OpeningFound)]


def test_a_single_report_is_the_opening_after_a_hold_of_quiet() -> None:
    desk = Desk()
    desk.report(0, BASE, "10")
    desk.advance(3.9)
    assert not _openings(desk)
    desk.advance(4.1)
    assert _openings(desk) == [Decimal(10)]


@pytest.mark.parametrize(("first", "filled"), [("10", 0.1), ("10", -0.1), ("12", -0.1)])
def test_an_opening_that_fills_race_with_is_told_after_two_holds_though_nothing_follows(
    first: str, filled: float
) -> None:
    desk = Desk()
    desk.report(0, BASE, first)
    desk.leg(filled, BASE, "2", arrived=0.2)
    desk.report(0.4, BASE, "12")
    desk.advance(7)
    assert not _openings(desk)
    desk.advance(SETTLED)
    assert _openings(desk) == [Decimal(10)]
    assert not steps(desk.told)


@pytest.mark.parametrize("told_at", [6, 30])
def test_what_happened_before_the_first_report_and_is_told_later_moves_no_opening(told_at: int) -> None:
    """The books take it after the opening; reports that never show it differ."""
    desk = Desk()
    desk.reports(range(told_at), BASE, "10")
    desk.advance(told_at)
    desk.leg(-5, BASE, "2", arrived=told_at)
    desk.reports(range(told_at + 1, told_at + 20), BASE, "10")
    desk.advance(told_at + 20)
    assert _openings(desk) == [Decimal(10)]
    assert steps(desk.told) == [("Opened", "BTC", Decimal(-2))]


def test_a_unit_that_was_forgotten_is_stored_as_nothing() -> None:
    desk = Desk()
    desk.report(0, BASE, "10")
    desk.trellis.forget(BASE)
    assert desk.trellis.store().units == {BASE: b""}


def test_a_report_with_one_reading_may_be_passed_over_after_one_with_several() -> None:
    """The reading of the report before is none of the one that is passed over."""
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.leg(20.2, BASE, "2")
    for second in range(21, 26):
        desk.report(second, BASE, "5", "12")
    desk.report(26, BASE, "300")
    desk.advance(27.5)
    figures = desk.trellis.figures(BASE)
    assert figures is not None
    assert figures.value == Decimal(300)
    for second in range(28, 60):
        desk.report(second, BASE, "5", "12")
    desk.advance(60)
    assert not steps(desk.told)


def test_an_opening_waits_while_another_level_is_nearly_as_likely() -> None:
    """Equal sizes: a fill from before the first report, which it does not show, and reports that lag by a fill."""
    desk = Desk()
    fills = [(0.02, "-5"), (0.83, "5"), (3.15, "5"), (7.44, "5"), (8.25, "5"), (9.39, "5"), (9.76, "-5"), (10.27, "-5")]
    reports = [(0, "65"), (0.22, "60"), (1.2, "60"), (4.08, "65"), (8.01, "70"), (9.22, "75"), (10.27, "75")]
    events = sorted([(at, "leg", size) for at, size in fills] + [(at, "report", said) for at, said in reports])
    for at, what, amount in events:
        if what == "leg":
            desk.leg(at, BASE, amount, arrived=at)
        else:
            desk.report(at, BASE, amount)
    desk.advance(SETTLED)
    assert not _openings(desk)
    for second in range(12, 40):
        desk.report(second, BASE, "70")
    desk.advance(40)
    assert _openings(desk) == [Decimal(65)]
    assert not [each for each in steps(desk.told) if each[0] == "Opened"]
