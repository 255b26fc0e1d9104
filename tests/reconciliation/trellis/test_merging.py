"""Entries that no report speaks of for long are bounded, and nothing is lost or invented by it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.fees.rate_table import Evidence, RateTable
from recon.reconciliation.trellis.costs import MAX_UNREPORTED
from recon.reconciliation.trellis.steps import Committed, Opened
from tests.reconciliation.trellis.desk import Desk
from tests.reconciliation.trellis.synthetic_day import BASE, MARKET

FILLS = 3 * MAX_UNREPORTED
#: What each of them costs: a thousandth.
RATE = 10_000


def _traded(*, reported_first: bool) -> Desk:
    """Return a desk with many fills of 0.01 that no report speaks of."""
    table = RateTable()
    table.adopt(FeeKey("base", 1, "post_only", MARKET), RATE, 0, Evidence(3, 2_000))
    desk = Desk(table)
    if reported_first:
        desk.reports(range(30), BASE, "10")
        desk.advance(30)
    for number in range(FILLS):
        desk.leg(31 + number / 10, BASE, "0.01", role="base", booked_fee=Decimal("0.00001"))
    return desk


def _entries(desk: Desk) -> int:
    return len(desk.trellis._parts.units[BASE].entries.items)


def test_memory_is_bounded_before_the_first_report_and_after_it() -> None:
    for reported_first in (False, True):
        assert _entries(_traded(reported_first=reported_first)) <= MAX_UNREPORTED + 1


@pytest.mark.parametrize("loss", ["0", "1"])
def test_a_report_after_long_silence_is_compared_with_all_of_them(loss: str) -> None:
    desk = _traded(reported_first=True)
    now = 31 + FILLS // 10 + 10
    value = Decimal(10) + FILLS * Decimal("0.00999") - Decimal(loss)
    desk.reports(range(now, now + 30), BASE, str(value))
    desk.advance(now + 40)
    opened = [each.step.amount for each in desk.told if isinstance(each, Opened)]
    assert opened == ([-Decimal(loss)] if Decimal(loss) else [])
    accrued = sum((each.accrual for each in desk.told if isinstance(each, Committed)), Decimal(0))
    assert accrued == 0, "fees were booked with the fills already"
