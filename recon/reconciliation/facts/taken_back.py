"""A statement's trade explained a break, and a report brings the trade: what was posted for it is taken back. Pure.

1. The report's fills take their place by their stamps, so the reports need the step no more, or a smaller one.
2. What had explained it was in every cut, so its reversal is in none: the comparison sees the fills alone.
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO
from recon.ledger.facts.external_fact import MISSED_FILL
from recon.ledger.legs import Leg
from recon.reconciliation.commit.accruals import own
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.uncertain_opening import decided_by_fill
from recon.reconciliation.model.break_ import Break, Explanation
from recon.reconciliation.model.comparison import ComparisonState, EndedStep


def may_take(comparison: ComparisonState, leg: Leg) -> bool:
    """True if a unit has anything that a leg may be taken for; hardly ever."""
    return leg.takes_back or comparison.uncertain is not None


def is_taken(context: ComparisonContext, leg: Leg) -> bool:
    """Take a leg that decides an uncertain opening, or takes back what a statement told; True: it is no leg then."""
    return takes_back(context, leg) or decided_by_fill(context, leg)


def takes_back(context: ComparisonContext, leg: Leg) -> bool:
    """Take back what a statement's trade explained; return True if the reversal was of that, and is no leg."""
    known = _explained_by(context, leg) if leg.takes_back else None
    if known is None:
        return False
    comparison, seq = context.comparison, known.step_seq
    ended = comparison.ended.get(seq)
    if ended is None:
        known.explained = [each for each in known.explained if not _is_of(each, leg)]
    else:
        left = ended.amount + leg.amount
        rest = {seq: EndedStep(left, ended.is_fee, ended.left_over)} if left else {}
        comparison.ended = {other: each for other, each in comparison.ended.items() if other != seq} | rest
    own(context, seq, leg.amount, is_fee=known.was_fee_candidate if ended is None else ended.is_fee)
    return True


def _explained_by(context: ComparisonContext, leg: Leg) -> Break | None:
    """Return the break that a missed fill of as much explained, or of more where it is closed."""
    comparison = context.comparison
    found: list[tuple[Decimal, int, Break]] = []
    for known in comparison.breaks:
        found += [(ZERO, 0, known) for each in known.explained if known.step_seq and _is_of(each, leg)]
    for known in comparison.closed:
        if known.step_seq not in comparison.ended:
            continue
        for each in known.explained:
            beyond = (each.amount + leg.amount) * (1 if each.amount > 0 else -1)
            if each.cause == MISSED_FILL and each.amount * leg.amount < 0 and beyond >= 0:
                found.append((beyond, known.step_seq, known))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _is_of(each: Explanation, leg: Leg) -> bool:
    return each.cause == MISSED_FILL and each.amount == -leg.amount
