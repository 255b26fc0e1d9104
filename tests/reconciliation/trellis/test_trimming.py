"""What a unit keeps while the account is odd is bounded at any rate, and a quiet unit keeps all of it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.reconciliation.trellis import trimming
from recon.reconciliation.trellis.costs import DROP_PART, HOLD, KEEP_HOLDS
from tests.reconciliation.trellis.desk import Desk
from tests.reconciliation.trellis.synthetic_day import BASE, SECOND, WINDOW

FILLS_PER_SECOND = 10
#: Seconds that a unit keeps at least.
LEAST = KEEP_HOLDS * HOLD * WINDOW // SECOND


def _most_kept(seconds: int) -> int:
    """Play fills and reports of a unit after a loss, which keeps the account odd; return the most entries kept."""
    desk, value, most = Desk(), Decimal(10), 0
    desk.reports(range(30), BASE, "10")
    desk.report(30, BASE, "9")
    for second in range(31, 31 + seconds):
        for number in range(FILLS_PER_SECOND):
            at = second + number / FILLS_PER_SECOND
            desk.leg(at, BASE, "0.01", arrived=at)
            value += Decimal("0.01")
            desk.report(at + 0.05, BASE, str(value - 1))
        desk.advance(second + 0.99)
        most = max(most, len(desk.trellis._parts.units[BASE].entries.items))
    assert desk.told, "the loss is told"
    return most


def test_a_busy_unit_keeps_little_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trimming, "KEEP_ENTRIES", FILLS_PER_SECOND)
    needed = FILLS_PER_SECOND * (LEAST + 3 * WINDOW // SECOND)
    assert needed // 2 < _most_kept(100) <= needed * DROP_PART // (DROP_PART - 1)


def test_a_unit_with_few_entries_keeps_all_while_the_account_is_odd() -> None:
    assert _most_kept(100) == FILLS_PER_SECOND * 100
