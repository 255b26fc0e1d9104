"""Resolution of a break: an entry explains its amount, and a reopening reverses the entry. Pure (semantics 7, 8).

1. The entry takes the place of the break's residual, so no cut changes its sum. Waiting observations and chains are
   compared as if nothing had happened.
2. A break ends when at most the tolerance is left of it; otherwise it stays open with the rest.
3. A reopening posts the opposite of every entry that explained; nothing is erased (architecture 2.9).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.exact import ZERO, plain
from recon.ledger.cost_basis import basis_of
from recon.ledger.units import Posting, post
from recon.reconciliation.breaks.identity import remember_closed
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Explanation
from recon.reconciliation.model.comparison import ComparisonState

#: How an explanation ends a break: by a person's approval, or by an external fact.
Ending = Literal["approve", "explained"]
_ENDED: dict[Ending, Literal["resolved", "explained"]] = {"approve": "resolved", "explained": "explained"}


def explain(
    context: ComparisonContext,
    break_: Break,
    posting: Posting,
    *,
    step: Ending,
    reason: str,
    actor: str | None = None,
) -> None:
    """Explain an amount of an active break by a posting; the break ends if at most the tolerance is left of it."""
    amount, cause, certainty = posting.amount, posting.cause, posting.certainty
    if amount:
        post_adjustment(context, msgspec.structs.replace(posting, break_id=break_.id))
        break_.explained = [*break_.explained, Explanation(cause, certainty, amount, context.unit.balance.entry_count)]
    if not break_.owns_residual or abs(break_.amount - amount) <= _current_tolerance(context):
        break_.cause, break_.certainty = cause, certainty
        _end_break(context, break_, amount, step, reason, actor)
        return
    if break_.owns_residual:
        context.comparison.residual -= amount
    break_.amount -= amount
    break_.candidates, break_.state, break_.proposal, break_.acceptance = [break_.amount], "open", None, None
    context.emit(break_, "reduced", f"{reason}; {plain(break_.amount)} is left", actor)


def reopen(context: ComparisonContext, break_: Break, reason: str, actor: str | None = None) -> None:
    """Open an explained break again: reverse its entries, and add its whole amount to the residual."""
    comparison = context.comparison
    for explanation in break_.explained:
        posting = Posting(
            -explanation.amount,
            explanation.cause,
            context.at.us,
            explanation.certainty,
            break_id=break_.id,
            replaces=explanation.number,
            told=True,
        )
        post_adjustment(context, posting)
    comparison.closed = [other for other in comparison.closed if other is not break_]
    if break_.owns_residual:
        comparison.residual += break_.amount
    break_.explained, break_.proposal, break_.certainty = [], None, "candidate"
    break_.state, break_.closed_us, break_.offset_by = "open", None, None
    _pair_offset(context, break_)
    comparison.breaks = [*comparison.breaks, break_]
    context.emit(break_, "reopen", reason, actor)


def close_break(comparison: ComparisonState, break_: Break, us: int) -> None:
    """Move a break from the active to the closed ones, which are remembered for a recurrence or a reopening."""
    comparison.breaks = [other for other in comparison.breaks if other is not break_]
    for other in comparison.breaks:
        if other.offset_by == break_.id:
            other.offset_by = None
    break_.closed_us, break_.acceptance = us, None
    remember_closed(comparison, break_)


def _end_break(
    context: ComparisonContext, break_: Break, amount: Decimal, step: Ending, reason: str, actor: str | None
) -> None:
    if break_.owns_residual:
        context.comparison.residual -= break_.amount
        # A closed break shows its whole amount again, including the parts explained before.
        break_.amount += break_.explained_amount - amount
        break_.candidates = [break_.amount]
    break_.state = _ENDED[step]
    close_break(context.comparison, break_, context.at.us)
    context.emit(break_, step, reason, actor)


def post_adjustment(context: ComparisonContext, posting: Posting) -> None:
    """Post an adjustment that shifts all cuts equally, so no pending comparison changes its outcome.

    The posting names a break or an earlier entry: every later report already contains it.
    """
    unit, comparison = context.unit, context.comparison
    shift = posting.amount if posting.cut_shift is None else posting.cut_shift
    context.ledger.record_entry(post(context.state, posting, context.at), context.state)
    comparison.cut_total += shift
    comparison.cut_explained += shift
    if comparison.chain is not None and shift:
        comparison.chain.candidates = [
            msgspec.structs.replace(candidate, residual=candidate.residual - shift)
            for candidate in comparison.chain.candidates
        ]
    if unit.contract.cost_basis is not None and unit.value is not None:
        # No own fill has a price for the adjustment, so the cost basis follows the venue's average price.
        terms = context.rules.contracts.get(unit.code)
        basis = basis_of(unit.value, unit.reported.avg_entry_price, terms)
        unit.contract.set_cost_basis(basis, unit.contract.pending_trades)


def _current_tolerance(context: ComparisonContext) -> Decimal:
    comparison, timeline = context.comparison, context.timeline
    expected = context.opening + timeline.totals[-1]
    return context.tolerance_at(timeline.last(), comparison.reported or ZERO, expected)


def _pair_offset(context: ComparisonContext, break_: Break) -> None:
    """Pair a break with an active one of the opposite amount: their sum is zero, but neither is cleared."""
    for other in context.comparison.breaks:
        if break_.owns_residual and other.owns_residual and other.amount == -break_.amount and other.offset_by is None:
            other.offset_by, break_.offset_by = break_.id, other.id
            context.emit(other, "offset", f"break {break_.id} is an equal step the other way")
            return
