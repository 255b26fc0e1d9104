"""Steps whose breaks were explained, and entries that come late and explain them again. Pure (semantics 5.4, 7).

1. What was posted for a step stays in the books. If an entry comes late and the step is none, it is counted twice.
2. What is counted twice is a break of its own, in the case of the first one, until somebody opens the first one again.
"""

from __future__ import annotations

from decimal import Decimal

from recon.display.figures import shown
from recon.reconciliation.breaks import classification
from recon.reconciliation.breaks.identity import case_of, identity, remember_closed
from recon.reconciliation.causes.untested import IN_FLIGHT
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import MAX_ENDED, ComparisonState, EndedStep
from recon.reconciliation.model.step import Step


def note_ended(comparison: ComparisonState, break_: Break, amount: Decimal) -> None:
    """Remember the step of a break that is explained, with its amount; of many the latest."""
    if break_.step_seq:
        ended = {seq: each for seq, each in comparison.ended.items() if seq != break_.step_seq}
        ended[break_.step_seq] = EndedStep(amount, break_.was_fee_candidate)
        comparison.ended = dict(list(ended.items())[-MAX_ENDED:])


def close_break(comparison: ComparisonState, break_: Break, us: int) -> None:
    """Move a break from the active to the closed ones, which are remembered for a recurrence or a reopening."""
    comparison.breaks = [other for other in comparison.breaks if other is not break_]
    for other in comparison.breaks:
        if other.offset_by == break_.id:
            other.offset_by = None
    break_.closed_us, break_.acceptance = us, None
    remember_closed(comparison, break_)


def clear(context: ComparisonContext, known: Break, reason: str) -> None:
    """Clear an open break by data."""
    known.state = "cleared"
    close_break(context.comparison, known, context.at.us)
    context.emit(known, "cleared", reason)


def change_ended(context: ComparisonContext, seq: int, step: Step | None, reason: str) -> None:
    """Follow a step whose break was explained: entries that came late leave another amount of it, or none."""
    comparison = context.comparison
    ended = comparison.ended[seq]
    amount = Decimal(0) if step is None else step.amount
    change, left_over = amount - ended.amount, ended.left_over
    known = left_over_of(comparison, ended)
    if known is not None:
        known.amount += change
        known.candidates = [known.amount]
        if not known.amount:
            clear(context, known, reason)
        elif change:
            context.emit(known, "caused", f"{reason}; {shown(known.amount)} is left over")
    elif change:
        left_over = _open_left_over(context, seq, change, reason).id
    others = {other: each for other, each in comparison.ended.items() if other != seq}
    changed = EndedStep(amount, step.kind == "novel" if step is not None else False, left_over)
    comparison.ended = {**others, seq if step is None else step.seq: changed}


def left_over_of(comparison: ComparisonState, ended: EndedStep | None) -> Break | None:
    """Return the active break of what was posted beyond a step, None if there is none."""
    if ended is None:
        return None
    return next((known for known in comparison.breaks if known.id == ended.left_over), None)


def _open_left_over(context: ComparisonContext, seq: int, amount: Decimal, reason: str) -> Break:
    """Open a break for what was posted beyond a step; it is no step itself."""
    comparison, at = context.comparison, context.at
    explained = next((each for each in comparison.closed if each.step_seq == seq), None)
    break_id = identity(context.ledger.gateway, context.unit, at.seq, f"left over of {seq}")
    fresh = Break(
        id=break_id,
        case_id=case_of(break_id) if explained is None else explained.case_id,
        cause=IN_FLIGHT.code,
        certainty="exact",
        state="open",
        amount=amount,
        candidates=[amount],
        seen_us=at.us,
        opened_us=at.us,
        origin_seq=at.seq,
        after_seq=seq if explained is None else explained.after_seq,
        until_seq=at.seq,
        entries=context.unit.balance.entry_count,
        after_us=at.us if explained is None else explained.after_us,
    )
    classification.classify(context, fresh)
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", f"{reason}; what was posted for it is left over")
    return fresh
