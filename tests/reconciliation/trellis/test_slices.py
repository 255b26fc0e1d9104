"""Of reports that say just what is booked, the last one of a slice of a window is compared; all others are, too."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.reconciliation.trellis import slices
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.steps import Committed, Told
from tests.reconciliation.trellis.desk import CONTRACT, Desk, steps
from tests.reconciliation.trellis.synthetic_day import (
    BASE,
    QUOTE,
    SECOND,
    WINDOW,
    Habits,
    Loss,
    make_day,
    opened,
    play,
    told_rates,
)

#: More slices than microseconds: then every report is compared.
EACH_REPORT = 1 << 40
BUSY = Habits(seconds=30, fills_per_second=12, losses=(Loss(BASE, 15 * SECOND, Decimal("0.37")),))


def _open(desk: Desk) -> None:
    """Have a contract that holds 5, and whose opening is long over."""
    for second in range(20):
        desk.report(second, CONTRACT, "5")
    desk.advance(20)


def _waiting(desk: Desk) -> list[int]:
    return [each.seq for each in desk.trellis._parts.units[CONTRACT].queue]


def test_a_report_stands_for_those_before_it_in_its_slice() -> None:
    desk = Desk()
    _open(desk)
    before, last = _waiting(desk), 0
    for number in range(3):
        desk.leg(20.01 + number / 100, CONTRACT, "1", arrived=20.01 + number / 100)
        last = desk.report(20.015 + number / 100, CONTRACT, str(6 + number))
    assert _waiting(desk) == [*before, last]
    beyond = desk.report(20.2, CONTRACT, "8")
    assert _waiting(desk) == [*before, last, beyond]


@pytest.mark.parametrize(("missing", "kept"), [(0, (0, 2)), (1, (0, 1, 2)), (2, (1, 2))])
def test_a_report_that_says_anything_else_is_compared_and_so_is_the_one_before_it(
    missing: int, kept: tuple[int, ...]
) -> None:
    desk = Desk()
    _open(desk)
    before = _waiting(desk)
    told = []
    for number in range(3):
        desk.leg(20.01 + number / 100, CONTRACT, "1", arrived=20.01 + number / 100)
        told.append(desk.report(20.015 + number / 100, CONTRACT, str(6 + number - (number == missing))))
    assert _waiting(desk) == [*before, *(told[number] for number in kept)]


def test_at_a_rate_that_is_not_known_every_report_is_compared() -> None:
    desk = Desk()
    for second in range(20):
        desk.report(second, QUOTE, "1000")
    desk.advance(20)
    waiting = len(desk.trellis._parts.units[QUOTE].queue)
    for number in range(3):
        desk.leg(20.01 + number / 100, QUOTE, "10", arrived=20.01 + number / 100, role="quote")
        desk.report(20.015 + number / 100, QUOTE, str(1010 + 10 * number))
    assert len(desk.trellis._parts.units[QUOTE].queue) == waiting + 3


def test_beside_a_break_of_the_account_every_report_is_compared() -> None:
    desk = Desk()
    _open(desk)
    for second in range(20, 30):
        desk.report(second, CONTRACT, "3")
        desk.report(second + 0.01, BASE, "1")
    desk.advance(30)
    assert steps(desk.told) == [("Opened", "BTC-PERP", Decimal(-2))]
    waiting = len(desk.trellis._parts.units[BASE].queue)
    for number in range(3):
        desk.report(30.01 + number / 100, BASE, "1")
    assert len(desk.trellis._parts.units[BASE].queue) == waiting + 3


def _said(told: list[Told]) -> tuple[list[tuple[str, Decimal]], dict[str, Decimal]]:
    """Return the breaks that were told, and by unit what fees and rounding came to."""
    came_to: dict[str, Decimal] = {}
    for each in told:
        if isinstance(each, Committed):
            came_to[each.unit[2]] = came_to.get(each.unit[2], Decimal(0)) + each.fee + each.rounding
    return [(step.unit[2], step.amount) for step in opened(told)], came_to


def test_a_busy_day_is_told_as_if_every_report_were_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    day = make_day(11, BUSY)
    said = _said(play(AccountTrellis("desk", told_rates(BUSY), WINDOW), day))
    monkeypatch.setattr(slices, "SLICES", EACH_REPORT)
    assert _said(play(AccountTrellis("desk", told_rates(BUSY), WINDOW), day)) == said
    assert said[0] == [("BTC", Decimal("-0.37"))]
