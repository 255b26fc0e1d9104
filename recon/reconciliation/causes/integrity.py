"""Reports that contradict themselves or their past. Pure (semantics 2.3, 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, plain
from recon.reconciliation.causes.context import CaseContext, Opinion, Strength, no
from recon.reconciliation.model import cause_codes
from recon.reconciliation.model.break_ import Evidence

#: The more the amount differs from what the report is off by, the less sure: fees of other fills may be in it.
FAR_SHARE: Final = Decimal("0.5")
_SHARES: Final = (
    (ZERO, Strength.EXACT),
    (Decimal("0.02"), Strength.STRONG),
    (Decimal("0.1"), Strength.LIKELY),
    (FAR_SHARE, Strength.POSSIBLE),
)
#: Kinds of contradictions that the books tell of, and that are causes by themselves.
CONTRADICTIONS: Final = frozenset({cause_codes.AMOUNT_REGRESSION, cause_codes.OVERFILL})


def contradiction(kind: str) -> str:
    """Return the cause of a break that a contradictory report opens by itself."""
    return kind if kind in CONTRADICTIONS else cause_codes.INCONSISTENT_REPORT


def inconsistent_report(case: CaseContext) -> Opinion:
    """A report was booked by its average price, and its list of fills, which says otherwise, was right."""
    cause, own = cause_codes.INCONSISTENT_REPORT, case.own
    quotes = {pair.symbol: pair.quote for pair in case.pairs}
    for known in reversed(case.disagreements):
        off = abs(known.amount - own.amount)
        if quotes.get(known.symbol) != own.code or known.seq <= own.after_seq:
            continue
        if off > case.tolerance + FAR_SHARE * abs(known.amount):
            continue
        strength = next(strength for share, strength in _SHARES if off <= case.tolerance + share * abs(known.amount))
        why = f"the list of fills of order {known.order} tells {plain(known.amount)} more than its average price"
        return Opinion(cause, strength, why, (Evidence(why, known.seq, known.amount),))
    return no(cause, "no report contradicts itself by this amount")
