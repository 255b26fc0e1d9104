"""Resolution of a break: an entry explains its amount, and a reopening reverses the entry. Pure (semantics 7, 8).

1. The entry takes the place of the break's amount: reports since contain it, so no step changes.
2. A break ends when at most the tolerance is left of it; otherwise it stays open with the rest.
3. A reopening posts the opposite of every entry that explained; nothing is erased (architecture 2.9).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.display.figures import shown
from recon.exact import ZERO
from recon.ledger.cost_basis import basis_of
from recon.ledger.ledger import quantum_of
from recon.ledger.legs import Leg, Stamp
from recon.ledger.units import Posting, post
from recon.reconciliation.breaks.ended_steps import clear, close_break, left_over_of, note_ended
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Explanation

_HALF: Final = Decimal("0.5")
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
    beyond: Decimal = ZERO,
) -> None:
    """Explain an amount of an active break by a posting; the break ends if at most the tolerance is left of it.

    `beyond` is what the break is more than its step: the report had not seen a fill then, so a later one shows it.
    """
    amount, cause, certainty = posting.amount, posting.cause, posting.certainty
    if amount:
        post_adjustment(context, msgspec.structs.replace(posting, break_id=break_.id))
        break_.explained = [*break_.explained, Explanation(cause, certainty, amount, context.unit.balance.entry_count)]
    if not break_.owns_residual or abs(break_.amount - amount) <= _current_tolerance(context):
        break_.cause, break_.certainty = cause, certainty
        _end_break(context, break_, amount, step, reason, actor)
        _await_beyond(context, break_, beyond)
        return
    break_.amount -= amount
    break_.candidates, break_.state, break_.proposal, break_.acceptance = [break_.amount], "open", None, None
    context.emit(break_, "reduced", f"{reason}; {shown(break_.amount)} is left", actor)


def reopen(context: ComparisonContext, break_: Break, reason: str, actor: str | None = None) -> None:
    """Open an explained break again: reverse its entries, and add its whole amount to the residual."""
    comparison, posted = context.comparison, break_.explained_amount
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
        _add_rounding(context, posted - break_.amount)
    left_over = left_over_of(comparison, comparison.ended.get(break_.step_seq))
    comparison.ended = {seq: each for seq, each in comparison.ended.items() if seq != break_.step_seq}
    break_.explained, break_.proposal, break_.certainty = [], None, "candidate"
    break_.state, break_.closed_us, break_.offset_by = "open", None, None
    _pair_offset(context, break_)
    comparison.breaks = [*comparison.breaks, break_]
    context.emit(break_, "reopen", reason, actor)
    if left_over is not None:
        _join(context, break_, left_over)


def _join(context: ComparisonContext, break_: Break, left_over: Break) -> None:
    """Let a break that is open again own what was left over of it: the entries that explained it are taken back."""
    break_.amount += left_over.amount
    break_.candidates = [break_.amount]
    clear(context, left_over, f"what was posted for break {break_.id} is taken back")
    if not break_.amount:
        clear(context, break_, "entries that came late explain it")


def _await_beyond(context: ComparisonContext, break_: Break, beyond: Decimal) -> None:
    """Have later reports show what was posted beyond a step."""
    known = context.comparison.ended.get(break_.step_seq)
    if beyond and known is not None:
        note_ended(context.comparison, break_, break_.amount - beyond)
        us = context.at.us
        context.ledger.effects.legs.append((context.state, Leg(beyond, Stamp(us), us, explains=True)))


def _add_rounding(context: ComparisonContext, amount: Decimal) -> None:
    """Add to the rounding that is not posted yet."""
    accrual = context.comparison.accrual
    context.comparison.accrual = msgspec.structs.replace(accrual, rounding=accrual.rounding + amount)


def _end_break(
    context: ComparisonContext, break_: Break, amount: Decimal, step: Ending, reason: str, actor: str | None
) -> None:
    if break_.owns_residual:
        # A closed break shows its whole amount again, including the parts explained before; the rest is rounding.
        _add_rounding(context, break_.amount - amount)
        break_.amount += break_.explained_amount - amount
        break_.candidates = [break_.amount]
        note_ended(context.comparison, break_, break_.amount)
    break_.state = _ENDED[step]
    close_break(context.comparison, break_, context.at.us)
    context.emit(break_, step, reason, actor)


def post_adjustment(context: ComparisonContext, posting: Posting) -> None:
    """Post an adjustment that every later report contains already, so no comparison changes its outcome.

    The posting names a break or an earlier entry.
    """
    unit = context.unit
    context.ledger.record_entry(post(context.state, posting, context.at), context.state)
    if unit.contract.cost_basis is not None and unit.value is not None:
        # No own fill has a price for the adjustment, so the cost basis follows the venue's average price.
        terms = context.rules.terms_of(unit.names)
        basis = basis_of(unit.value, unit.reported.avg_entry_price, terms)
        unit.contract.set_cost_basis(basis, unit.contract.pending_trades)


def _current_tolerance(context: ComparisonContext) -> Decimal:
    hidden = quantum_of(context.ledger, context.unit) * _HALF
    return context.tolerance_of(context.comparison.reported or ZERO, hidden)


def _pair_offset(context: ComparisonContext, break_: Break) -> None:
    """Pair a break with an active one of the opposite amount: their sum is zero, but neither is cleared."""
    for other in context.comparison.breaks:
        if break_.owns_residual and other.owns_residual and other.amount == -break_.amount and other.offset_by is None:
            other.offset_by, break_.offset_by = break_.id, other.id
            context.emit(other, "offset", f"break {break_.id} is an equal step the other way")
            return
