"""Reports that contradict themselves or their past. Pure (semantics 2.3, 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, plain
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext
from recon.reconciliation.model.break_ import Evidence

#: The more the amount differs from what the report is off by, the less sure: fees of other fills may be in it.
FAR_SHARE: Final = Decimal("0.5")
_SHARES: Final = (
    (ZERO, Strength.EXACT),
    (Decimal("0.02"), Strength.STRONG),
    (Decimal("0.1"), Strength.LIKELY),
    (FAR_SHARE, Strength.POSSIBLE),
)


def inconsistent_report(case: CaseContext) -> CauseMatch:
    """A report was booked by its average price, and its list of fills, which says otherwise, was right."""
    own = case.own
    quotes = {pair.symbol: pair.quote for pair in case.pairs}
    for known in reversed(case.disagreements):
        off = abs(known.amount - own.amount)
        if quotes.get(known.symbol) != own.code or known.seq <= own.after_seq:
            continue
        if off > case.tolerance + FAR_SHARE * abs(known.amount):
            continue
        strength = next(strength for share, strength in _SHARES if off <= case.tolerance + share * abs(known.amount))
        why = f"the list of fills of order {known.order} tells {plain(known.amount)} more than its average price"
        return CauseMatch(strength, why, (Evidence(why, known.seq, known.amount),))
    return no_match("no report contradicts itself by this amount")


INCONSISTENT_REPORT: Final = Cause(
    "inconsistent_report",
    meaning="a report contradicts itself, and was booked by the part that is wrong",
    applies_to="asset",
    floor="medium",
    advice=advice.OPERATOR,
    test=inconsistent_report,
)
AMOUNT_REGRESSION: Final = Cause(
    "amount_regression",
    meaning="a report takes back what an earlier one said was filled",
    floor="medium",
    advice=advice.OPERATOR,
)
OVERFILL: Final = Cause(
    "overfill",
    meaning="more is filled than was ordered",
    floor="medium",
    advice=advice.OPERATOR,
)
CAUSES: Final = (INCONSISTENT_REPORT, AMOUNT_REGRESSION, OVERFILL)


def cause_of_contradiction(kind: str) -> Cause:
    """Return the cause of a break that a finding of this kind opens by itself."""
    return next((cause for cause in (AMOUNT_REGRESSION, OVERFILL) if cause.code == kind), INCONSISTENT_REPORT)
