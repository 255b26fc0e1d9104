"""Reports that contradict themselves or an earlier report. Pure (semantics 2.3, 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.model.break_ import Evidence

#: How many windows a report that takes a fill back and the balances that follow may be apart.
MAX_WINDOWS_APART: Final = 3600
#: How far the amount may be from the report's own contradiction, as a share of it: it may contain other fills' fees.
_MAX_DISTANCE: Final = Decimal("0.5")
_STRENGTHS: Final = (
    (ZERO, Strength.EXACT),
    (Decimal("0.02"), Strength.STRONG),
    (Decimal("0.1"), Strength.LIKELY),
    (_MAX_DISTANCE, Strength.POSSIBLE),
)


def _inconsistent_report(context: BreakContext) -> CauseMatch:
    """Match a report that was booked by its average price while its list of fills, which differs, was right."""
    break_ = context.break_
    quotes = {pair.symbol: pair.quote for pair in context.pairs}
    for report in reversed(context.disagreements):
        if quotes.get(report.symbol) != break_.code or report.seq <= break_.after_seq:
            continue
        distance, size = abs(report.amount - break_.amount), abs(report.amount)
        strength = next((value for share, value in _STRENGTHS if distance <= context.tolerance + share * size), None)
        if strength is None:
            continue
        why = f"the list of fills of order {report.order} comes to {shown(report.amount)} more than its average price"
        return CauseMatch(strength, why, (Evidence(why, report.seq, report.amount),))
    return no_match("no report contradicts itself by this amount")


def _amount_regression(context: BreakContext) -> CauseMatch:
    """Match what a report took back, once the venue's books follow: the quantity, or the cash with its fee."""
    break_ = context.break_
    legs = {pair.symbol: (pair.base, pair.quote) for pair in context.pairs}
    for report in reversed(context.regressions):
        base, quote = legs.get(report.symbol, (report.symbol, ""))
        amount = report.amount if break_.code == base else report.cash if break_.code == quote else None
        far = abs(break_.seen_us - report.us) > MAX_WINDOWS_APART * context.window_us
        if not amount or far or (amount > 0) != (break_.amount > 0):
            continue
        distance, share = abs(amount - break_.amount), context.max_fee_rate * abs(amount)
        if distance <= context.tolerance + share:
            strength = Strength.EXACT if distance <= context.tolerance else Strength.STRONG
            why = f"order {report.order} took back a fill that moved {shown(-amount)} here"
            return CauseMatch(strength, why, (Evidence(why, report.seq, amount),))
    return no_match("no report took back a fill of this amount")


INCONSISTENT_REPORT: Final = Cause(
    "inconsistent_report",
    meaning="a report contradicts itself, and its wrong part was booked",
    applies_to="asset",
    floor="medium",
    advice=advice.OPERATOR,
    test=_inconsistent_report,
)
AMOUNT_REGRESSION: Final = Cause(
    "amount_regression",
    meaning="a report takes back a filled amount that an earlier one contained",
    floor="medium",
    advice=advice.OPERATOR,
    test=_amount_regression,
)
OVERFILL: Final = Cause(
    "overfill",
    meaning="more was filled than ordered",
    floor="medium",
    advice=advice.OPERATOR,
)
SOURCE_DIFFERS: Final = Cause(
    "source_differs",
    meaning="an independent source holds another amount than the books had at that time",
    floor="medium",
    advice=advice.SOURCE,
)
CAUSES: Final = (INCONSISTENT_REPORT, AMOUNT_REGRESSION, OVERFILL, SOURCE_DIFFERS)


def cause_of_contradiction(kind: str) -> Cause:
    """Return the cause of a break that a finding of this kind opens by itself."""
    return next((cause for cause in (AMOUNT_REGRESSION, OVERFILL) if cause.code == kind), INCONSISTENT_REPORT)
