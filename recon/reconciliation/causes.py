"""Coarse causes, from the surest to the vaguest. Pure (semantics 8, design 4).

A cause here says what is known of the circumstances; naming exact causes from the arithmetic comes on top.
"""

from __future__ import annotations

from typing import Final

from recon.books.coverage import Account
from recon.books.units import Unit

TIMING: Final = "timing"
STALE_COVERAGE: Final = "stale_coverage"
INCONSISTENT_REPORT: Final = "inconsistent_report"
UNMAPPED: Final = "unmapped"
UNEXPLAINED: Final = "unexplained"

#: The version of these rules, kept with each break.
VERSION: Final = 1


def cause_of(account: Account, unit: Unit, *, after_seq: int) -> tuple[str, str]:
    """Return the cause of a residual that arose after a log position, and why."""
    if unit.kind == "asset":
        for code, coinapi in account.unmapped.items():
            if code == unit.code or (coinapi is not None and coinapi == unit.coinapi):
                return UNMAPPED, f"legs of {code} have no balance row that is known to be theirs"
        if account.waiting:
            return UNMAPPED, f"fills of {', '.join(sorted(account.waiting))} wait for their instrument"
    if account.unaccounted and unit.withheld:
        return STALE_COVERAGE, f"order {unit.withheld[0]} was open before a gap and is not accounted for"
    if account.gap_seq is not None and account.gap_seq >= after_seq:
        return STALE_COVERAGE, f"it arose across the gap that began at event {account.gap_seq}"
    return UNEXPLAINED, "no report, gap or race explains it"
