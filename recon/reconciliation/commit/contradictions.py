"""Breaks of reports that contradict themselves or an earlier one. Pure (semantics 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import plain
from recon.reconciliation.breaks.ended_steps import clear
from recon.reconciliation.breaks.identity import case_of, identity
from recon.reconciliation.causes.integrity import cause_of_contradiction
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Evidence

#: Breaks of contradictory reports that are open in one unit; further contradictions are findings only.
MAX_CONTRADICTIONS: Final = 256


def note_contradiction(context: ComparisonContext, kind: str, order: str, amount: Decimal | None) -> None:
    """Open a break of its own kind for a report that contradicts itself or its past; None: a later one agrees again."""
    if amount is None:
        _mend(context, kind, order)
    else:
        _contradict(context, kind, order, amount)


def _contradict(context: ComparisonContext, kind: str, order: str, amount: Decimal) -> None:
    at, comparison = context.at, context.comparison
    if sum(not known.owns_residual for known in comparison.breaks) >= MAX_CONTRADICTIONS:
        message = f"{kind} of order {order} opens no break: {MAX_CONTRADICTIONS} contradictions are open in the unit"
        context.ledger.note_finding(context.unit.account, at, "contradictions_many", context.unit.code, message)
        return
    break_id = identity(context.ledger.gateway, context.unit, at.seq, f"{kind}:{order}")
    fresh = Break(
        id=break_id,
        case_id=case_of(break_id),
        cause=cause_of_contradiction(kind).code,
        certainty="exact",
        state="open",
        amount=amount,
        candidates=[amount],
        seen_us=at.us,
        opened_us=at.us,
        origin_seq=at.seq,
        after_seq=at.seq - 1,
        until_seq=at.seq,
        entries=context.unit.balance.entry_count,
        owns_residual=False,
        note=f"{kind} of order {order}",
        evidence=[Evidence(f"{kind} of order {order}, by {plain(amount)}", at.seq, amount)],
    )
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", fresh.note)


def _mend(context: ComparisonContext, kind: str, order: str) -> None:
    """Clear a contradiction: a later report agrees with what is booked."""
    for known in list(context.comparison.breaks):
        if not known.owns_residual and known.note == f"{kind} of order {order}":
            clear(context, known, "a later report agrees with what is booked")
