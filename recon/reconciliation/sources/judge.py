"""The verdict on one amount of an independent source. Pure (semantics 5.12).

1. It is judged by the rules and tolerances of the EMS's reports, at the cut of its own time.
2. What the books cannot answer for is not judged, and says why. Nothing is guessed.
3. If the source says what the EMS's reports say, and the books have a break of just that, it bears the break out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.source_check import CheckVerdict, SourceCheck
from recon.reconciliation.sources.books_then import BooksThen, books_then, owned_then
from recon.times import to_datetime

SET_ASIDE: Final = "recon failed to compare it"


def unjudged_reason(context: ComparisonContext, check: SourceCheck) -> str | None:
    """Return why a unit's books cannot be held against a source now; None if they can."""
    unit, balance = context.unit, context.unit.balance
    if unit.unmodelled is not None:
        return f"its balance does not follow from the reports: {unit.unmodelled}"
    if context.comparison.set_aside:
        return SET_ASIDE
    if not context.judged:
        return "the cash of contracts is not known yet"
    if balance.opening is None:
        return "the books have no opening of it yet"
    if check.us < balance.opening_us:
        return f"the books begin at {to_datetime(balance.opening_us):%Y-%m-%d %H:%M:%S} UTC"
    coverage = context.account.coverage
    if not coverage.observed or coverage.backfilling:
        return f"the account is not covered: {coverage.state}" + (f", {coverage.reason}" if coverage.reason else "")
    return "an order of it is not accounted for, or its cash is not known" if unit.withheld else None


def judge(context: ComparisonContext, check: SourceCheck) -> SourceCheck:
    """Return a check with its verdict; its books can be held against it."""
    books = books_then(context, check.us)
    tolerance = context.tolerance_of(check.reported)
    fitting = books.fits(check.reported, tolerance)
    if fitting is not None:
        return _with(context, check, expected=fitting, verdict="agreed")
    borne_out = _borne_out(context, check, books, tolerance)
    if borne_out is not None:
        reason = "it says what the EMS reports: the break of the reports is borne out"
        return _with(context, check, expected=books.plain, verdict="break", reason=reason, break_id=borne_out)
    drift = check.reported - books.plain
    reason = f"{check.source} holds {shown(check.reported)}, the books had {shown(books.plain)}: {shown(drift)}"
    return _with(context, check, expected=books.plain, verdict="break", reason=reason)


def not_judged(check: SourceCheck, reason: str, seq: int) -> SourceCheck:
    """Return a check that is not judged, with the reason."""
    return msgspec.structs.replace(check, verdict="not_judged", reason=reason, judged_seq=seq)


def _with(
    context: ComparisonContext,
    check: SourceCheck,
    *,
    expected: Decimal,
    verdict: CheckVerdict,
    reason: str | None = None,
    break_id: str | None = None,
) -> SourceCheck:
    return msgspec.structs.replace(
        check,
        unit=context.unit.code,
        expected=expected,
        verdict=verdict,
        reason=reason,
        break_id=break_id,
        judged_seq=context.at.seq,
    )


def _borne_out(context: ComparisonContext, check: SourceCheck, books: BooksThen, tolerance: Decimal) -> str | None:
    """Return the break of the EMS's reports that a source bears out, being off by just as much; None: there is none."""
    for more, break_id in owned_then(context, check.us):
        if books.fits(check.reported, tolerance, more) is not None:
            return break_id
    return None
