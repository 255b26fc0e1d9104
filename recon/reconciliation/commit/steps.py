"""Breaks from the steps of a unit that no posting explains. Pure (semantics 5, 8).

1. A break's id follows from the report that first showed it; a break that moves keeps id, assignee and history.
2. A break clears when the books catch up with the report. Where the report alone moves back, the opposite step is a
   break of its own, and the two are offset.
3. A step whose break is closed already opens it again, counted (semantics 8.3).
"""

from __future__ import annotations

from decimal import Decimal

from recon.display.figures import shown
from recon.reconciliation.breaks import classification
from recon.reconciliation.breaks.ended_steps import change_ended, clear, close_break, note_ended
from recon.reconciliation.breaks.identity import case_of, identity, partner_case, recurrence, settled_case
from recon.reconciliation.causes.untested import IN_FLIGHT
from recon.reconciliation.commit.accruals import RACE_WINDOWS, own, take_intolerable, take_unowned
from recon.reconciliation.commit.contradictions import adopt
from recon.reconciliation.commit.emptied import case_of_emptied, emptied_with_all
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import OpeningDoubt
from recon.reconciliation.model.path_evidence import PathEvidence
from recon.reconciliation.model.step import Step


def open_step(context: ComparisonContext, step: Step, path: PathEvidence | None) -> None:
    """Open a break for a step that is decided."""
    comparison = context.comparison
    _own(context, step)
    again = _of_step(context, step.seq)
    if again is not None or step.seq in comparison.ended:
        _take_back(context, step, again)
        return
    fresh = new_break(context, step)
    fresh.path = path
    _open(context, fresh)


def _open(context: ComparisonContext, fresh: Break) -> None:
    comparison, unit, us = context.comparison, context.unit, context.at.us
    related = classification.classify(context, fresh)
    if adopt(context, fresh):
        return
    if fresh.step_seq and emptied_with_all(context, fresh):
        comparison.emptied_seq = fresh.step_seq
    opposite = next(
        (known for known in comparison.breaks if known.owns_residual and known.amount == -fresh.amount), None
    )
    if opposite is not None and opposite.step_seq and opposite.step_seq == comparison.emptied_seq:
        _end_emptied(context, opposite)
        return
    if opposite is not None:
        opposite.offset_by, fresh.offset_by = fresh.id, opposite.id
        fresh.case_id = opposite.case_id
        context.emit(opposite, "offset", f"break {fresh.id} is an equal step the other way")
    else:
        fresh = _recurring(context, fresh, related)
        if fresh.step_seq and fresh.step_seq == comparison.emptied_seq:
            fresh.case_id = case_of_emptied(context, fresh) or case_of(f"{unit.account}\x1f{fresh.step_seq}")
    fresh.state, fresh.opened_us, fresh.entries = "open", us, unit.balance.entry_count
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", fresh.note)


def _end_emptied(context: ComparisonContext, known: Break) -> None:
    """Clear the break that an empty list made: the balance is back, so the list was an outage after all."""
    clear(context, known, "the list of balances was empty, and this balance is back as it was")


def _take_back(context: ComparisonContext, step: Step, known: Break | None) -> None:
    """Let a step be one again whose break cleared after it had been explained: what was left over is less."""
    if known is None:
        change_ended(context, step.seq, step, "the reports show it again")
        return
    known.amount += step.amount
    known.candidates, known.was_fee_candidate = [known.amount], step.kind == "novel"
    if not known.amount:
        _end_explained(context, known, step)
    else:
        context.emit(known, "caused", f"the reports show it again; {shown(known.amount)} is left of it")


def open_sums(context: ComparisonContext) -> None:
    """Open a break for what is none step by step, and is one in sum: what was tolerated, and what races leave."""
    _open_sum(context, take_intolerable(context), "tolerated", windows=1)
    _open_sum(context, take_unowned(context), "race", windows=2 * RACE_WINDOWS)


def _open_sum(context: ComparisonContext, amount: Decimal, kind: str, *, windows: int) -> None:
    """Open a break of its own kind for an amount that came about within some windows before the latest report."""
    if amount:
        at, comparison = context.at, context.comparison
        seq, us = comparison.observed_seq or at.seq, comparison.observed_us or at.us
        fresh = new_break(context, Step(context.unit.key, seq, us, us - windows * context.window, 0, amount))
        fresh.id, fresh.step_seq = identity(context.ledger.gateway, context.unit, at.seq, kind), 0
        fresh.case_id = case_of(fresh.id)
        _open(context, fresh)


def open_doubted(context: ComparisonContext, doubt: OpeningDoubt) -> None:
    """Open a break for what the first reports differ by: somebody told that the earlier one held the opening."""
    step = Step(context.unit.key, doubt.seq, doubt.until_us, doubt.after_us, 0, doubt.amount)
    fresh = new_break(context, step)
    fresh.step_seq = 0  # the comparison has no jump there: it began with the later report
    _open(context, fresh)


def new_break(context: ComparisonContext, step: Step) -> Break:
    """Return the break that a step would be; of several possible amounts all are listed."""
    break_id = identity(context.ledger.gateway, context.unit, step.seq)
    return Break(
        id=break_id,
        case_id=case_of(break_id),
        cause=IN_FLIGHT.code,
        certainty="candidate" if step.alternatives else "exact",
        state="open",
        amount=step.amount,
        candidates=[step.amount, *step.alternatives],
        seen_us=step.at_us,
        opened_us=context.at.us,
        origin_seq=step.seq,
        step_seq=step.seq,
        after_seq=step.after_seq,
        until_seq=step.seq,
        after_us=step.after_us,
        was_fee_candidate=step.kind == "novel",
    )


def _recurring(context: ComparisonContext, fresh: Break, related: str | None) -> Break:
    """Return the closed break that a fresh one repeats, opened again and counted; else the fresh one, in its case.

    `related` is the case of the break that its cause rests on.
    """
    earlier = recurrence(context.comparison, fresh)
    if earlier is None:
        partner = settled_case(context, fresh) or partner_case(context, fresh)
        fresh.case_id = partner or related or fresh.case_id
        return fresh
    earlier.occurrences += 1
    earlier.amount, earlier.candidates, earlier.closed_us = fresh.amount, fresh.candidates, None
    earlier.after_seq, earlier.until_seq = fresh.after_seq, fresh.until_seq
    classification.copy_classification(fresh, earlier)
    earlier.seen_us, earlier.after_us = fresh.seen_us, fresh.after_us
    earlier.step_seq, earlier.path = fresh.step_seq, fresh.path
    earlier.explained, earlier.proposal = [], None
    return earlier


def move_step(context: ComparisonContext, seq: int, step: Step, path: PathEvidence | None) -> None:
    """Move a break to the step that explains the reports better now: another report, or another amount."""
    known = _of_step(context, seq)
    if known is None:
        if seq in context.comparison.ended:
            _own_ended(context, seq, step)
            change_ended(context, seq, step, "entries that came since changed it")
        return
    was, left = known.amount, step.amount - known.explained_amount
    _give_back(context, known)
    _own(context, step)
    known.was_fee_candidate = step.kind == "novel"
    known.step_seq, known.path = step.seq, path
    known.seen_us, known.after_us = step.at_us, step.after_us
    known.after_seq, known.until_seq = step.after_seq, step.seq
    known.amount, known.candidates = left, [left, *step.alternatives]
    if not left:
        _end_explained(context, known, step)
    elif left != was:
        context.emit(known, "caused", f"entries that came since leave {shown(left)} of it")


def _end_explained(context: ComparisonContext, known: Break, step: Step) -> None:
    """End a break of which nothing is left: the reports bear out what was posted for it."""
    last = known.explained[-1]
    known.cause, known.certainty, known.state = last.cause, last.certainty, "explained"
    known.amount, known.candidates = step.amount, [step.amount]
    note_ended(context.comparison, known, step.amount)
    close_break(context.comparison, known, context.at.us)
    context.emit(known, "explained", f"the reports bear out {shown(known.amount)}, which is posted")


def clear_step(context: ComparisonContext, seq: int, reason: str) -> None:
    """Clear the break of a step that is none any more.

    Where the break had been explained by an entry, books and report differ the other way now: that is a break.
    """
    known = _of_step(context, seq)
    if known is None:
        if seq in context.comparison.ended:
            _own_ended(context, seq, None)
            change_ended(context, seq, None, reason)
        return
    _give_back(context, known)
    known.was_fee_candidate = False
    if known.explained:
        known.amount = -known.explained_amount
        known.candidates = [known.amount]
        context.emit(known, "caused", f"{reason}; what was posted for it is left over")
    else:
        clear(context, known, reason)


def _own_ended(context: ComparisonContext, seq: int, step: Step | None) -> None:
    """Give back what a step that is explained came to, and take what it comes to now."""
    ended = context.comparison.ended[seq]
    own(context, seq, -ended.amount, is_fee=ended.is_fee)
    if step is not None:
        _own(context, step)


def _own(context: ComparisonContext, step: Step) -> None:
    own(context, step.seq, step.amount, is_fee=step.kind == "novel")


def _give_back(context: ComparisonContext, known: Break) -> None:
    amount = known.amount + known.explained_amount
    own(context, known.step_seq, -amount, is_fee=known.was_fee_candidate)


def take_pending(context: ComparisonContext, step: Step) -> Break:
    """Return an undecided step as a break, to be explained at once; it opens none when it is decided."""
    comparison = context.comparison
    comparison.pending = [other for other in comparison.pending if other.seq != step.seq]
    _own(context, step)
    context.trellis.note_told(step)
    return new_break(context, step)


def _of_step(context: ComparisonContext, seq: int) -> Break | None:
    """Return the active break of a step."""
    return next(
        (known for known in context.comparison.breaks if known.owns_residual and known.step_seq == seq),
        None,
    )
