"""Entries that come after the reports that showed them, and movements that are told later."""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO
from recon.reconciliation.trellis.steps import Committed
from tests.reconciliation.trellis.desk import Desk, steps
from tests.reconciliation.trellis.synthetic_day import BASE

BITCOIN = "BTC"


def _desk_with_jump(until: int) -> Desk:
    """Return a desk whose balance rose by 2 at second 20, with a report every second."""
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.reports(range(20, until), BASE, "12")
    desk.advance(until)
    return desk


def test_a_jump_is_told_once_it_is_held() -> None:
    desk = _desk_with_jump(40)
    assert steps(desk.told) == [("Opened", BITCOIN, Decimal(2))]
    (step,) = [each.step for each in desk.told if hasattr(each, "step")]
    assert (step.seq, step.after_seq) == (21, 19)
    assert desk.trellis.pending(BASE) == []


def test_a_jump_is_pending_before_it_is_told() -> None:
    desk = _desk_with_jump(23)
    assert desk.told == [] or steps(desk.told) == []
    assert [step.amount for step in desk.trellis.pending(BASE)] == [Decimal(2)]


def test_a_movement_within_what_is_kept_clears_the_break() -> None:
    desk = _desk_with_jump(60)
    desk.leg(19.8, BASE, "2", arrived=60)
    assert steps(desk.advance(61)) == [("Cleared path", BITCOIN, ZERO)]


def test_a_movement_of_long_ago_clears_the_break_that_it_explains() -> None:
    desk = _desk_with_jump(600)
    assert len(desk.trellis._parts.units[BASE].columns) < 40
    desk.leg(19.8, BASE, "2", arrived=600)
    desk.reports(range(601, 660), BASE, "12")
    told = desk.advance(660)
    assert steps(told) == [("Cleared late_entry", BITCOIN, ZERO)]
    (change,) = [each for each in told if isinstance(each, Committed)]
    assert (change.kind, change.jump, change.accrual) == ("late_entry", Decimal(-2), ZERO)


def test_a_movement_of_long_ago_that_explains_a_part_makes_the_break_smaller() -> None:
    desk = _desk_with_jump(600)
    desk.leg(19.8, BASE, "1.5", arrived=600)
    desk.reports(range(601, 660), BASE, "12")
    told = desk.advance(660)
    assert steps(told) == [("Moved", BITCOIN, Decimal("0.5"))]
    assert sum((each.jump for each in told if isinstance(each, Committed)), ZERO) == Decimal("-1.5")


def test_a_movement_of_long_ago_that_no_report_showed_is_a_break() -> None:
    desk = _desk_with_jump(600)
    desk.leg(300, BASE, "1", arrived=600)
    desk.reports(range(601, 660), BASE, "12")
    assert steps(desk.advance(660)) == [("Opened", BITCOIN, Decimal(-1))]


def test_a_movement_of_long_ago_explains_a_jump_that_is_not_told_yet() -> None:
    desk = Desk()
    desk.reports(range(600), BASE, "10")
    desk.reports(range(603, 606), BASE, "12")
    desk.leg(598.3, BASE, "2", arrived=605.5)
    desk.reports(range(606, 640), BASE, "12")
    desk.advance(640)
    assert steps(desk.told) == []


def test_a_movement_that_reports_show_late_is_no_break() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.leg(19.5, BASE, "2")
    desk.report(20, BASE, "10")
    desk.reports(range(21, 40), BASE, "12")
    desk.advance(40)
    assert steps(desk.told) == []


def test_a_report_that_is_wrong_for_a_moment_is_no_break() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.report(20, BASE, "7.123")
    desk.reports(range(21, 40), BASE, "10")
    desk.advance(40)
    assert steps(desk.told) == []


def test_a_jump_of_the_last_report_is_told_when_nothing_follows() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.report(20, BASE, "7.5")
    desk.advance(23.9)
    assert steps(desk.told) == []
    desk.advance(26)
    assert steps(desk.told) == [("Opened", BITCOIN, Decimal("-2.5"))]


def test_what_the_rules_let_pass_is_no_break() -> None:
    for tolerance, expected in (("0.3", []), ("0.2", [("Opened", BITCOIN, Decimal("0.25"))])):
        desk = Desk()
        for second in range(40):
            desk.report(second, BASE, "10" if second < 20 else "10.25", tolerance=tolerance)
        desk.advance(40)
        assert steps(desk.told) == expected


def test_another_reading_of_a_report_is_no_break() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    for second in range(20, 40):
        desk.report(second, BASE, "3", "10")
    desk.advance(40)
    assert steps(desk.told) == []


def test_figures_are_those_of_the_last_report() -> None:
    desk = Desk()
    desk.reports(range(20), BASE, "10")
    desk.leg(20.5, BASE, "2", booked_fee=Decimal("0.1"))
    desk.advance(21.5)
    figures = desk.trellis.figures(BASE)
    assert figures is not None
    assert (figures.seq, figures.value, figures.amount_after) == (20, Decimal(10), Decimal(2))
    assert figures.booked_fees_after == Decimal("0.1")
