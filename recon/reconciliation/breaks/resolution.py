"""Explaining what a break owns by an entry, and taking that back. Pure (semantics 7, 8).

1. What a break owned and what explains it change places: no cut of the books adds up to anything else than before, so
   an observation that waits, or a chain under way, is judged as if nothing had been said.
2. A break is over when no more than the tolerance is left of it; else it stays open with what is left.
3. Taking back posts the opposite of every entry that explained; nothing is erased (architecture 2.9).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.exact import ZERO, plain
from recon.ledger.cost_basis import basis_of
from recon.ledger.units import post
from recon.reconciliation.breaks.identity import remember_closed
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Explanation
from recon.reconciliation.model.comparison import ComparisonState

#: How a break ends by an explanation: by a person's approval, or by a fact.
Ending = Literal["approve", "explained"]
_ENDED: dict[Ending, Literal["resolved", "explained"]] = {"approve": "resolved", "explained": "explained"}


def explain(
    context: ComparisonContext,
    known: Break,
    amount: Decimal,
    *,
    cause: str,
    step: Ending,
    reason: str,
    certainty: str = "exact",
    actor: str | None = None,
    occurred_us: int | None = None,
    fact: str | None = None,
) -> None:
    """Explain an amount of an active break by an entry; what is within tolerance of all of it ends the break.

    `occurred_us` is when it happened, if that is known better than by the first report that shows it; `fact` the
    external id of the fact that tells so.
    """
    if amount:
        happened = known.seen_us if occurred_us is None else occurred_us
        post_adjustment(context, amount, cause, certainty, happened, break_id=known.id, fact=fact)
        known.explained = [*known.explained, Explanation(cause, certainty, amount, context.unit.entry_count)]
    if not known.owns_residual or abs(known.amount - amount) <= _tolerance(context):
        known.cause, known.certainty = cause, certainty
        _end(context, known, amount, step, reason, actor)
        return
    if known.owns_residual:
        context.comparison.residual -= amount
    known.amount -= amount
    known.candidates, known.state, known.proposal, known.acceptance = [known.amount], "open", None, None
    context.emit(known, "reduced", f"{reason}; {plain(known.amount)} is left", actor)


def reopen(context: ComparisonContext, known: Break, reason: str, actor: str | None = None) -> None:
    """Open a break again that was explained: the entries are reversed, and it owns the whole step once more."""
    comparison = context.comparison
    for part in known.explained:
        us, taken_back = context.at.us, part.number
        post_adjustment(context, -part.amount, part.cause, part.certainty, us, break_id=known.id, replaces=taken_back)
    comparison.closed = [other for other in comparison.closed if other is not known]
    if known.owns_residual:
        comparison.residual += known.amount
    known.explained, known.proposal, known.certainty = [], None, "candidate"
    known.state, known.closed_us, known.offset_by = "open", None, None
    _offset(context, known)
    comparison.breaks = [*comparison.breaks, known]
    context.emit(known, "reopen", reason, actor)


def close_break(comparison: ComparisonState, known: Break, us: int) -> None:
    """Take a break that is over from the active ones, and remember it for a recurrence or a reopening."""
    comparison.breaks = [other for other in comparison.breaks if other is not known]
    for other in comparison.breaks:
        if other.offset_by == known.id:
            other.offset_by = None
    known.closed_us, known.acceptance = us, None
    remember_closed(comparison, known)


def _end(
    context: ComparisonContext, known: Break, amount: Decimal, step: Ending, reason: str, actor: str | None
) -> None:
    if known.owns_residual:
        context.comparison.residual -= known.amount
        # What is over shows the whole step again, with what was explained of it before.
        known.amount += known.explained_amount - amount
        known.candidates = [known.amount]
    known.state = _ENDED[step]
    close_break(context.comparison, known, context.at.us)
    context.emit(known, step, reason, actor)


def post_adjustment(
    context: ComparisonContext,
    amount: Decimal,
    cause: str,
    certainty: str,
    occurred_us: int,
    *,
    order: str | None = None,
    ordinal: int | None = None,
    break_id: str | None = None,
    replaces: int | None = None,
    fact: str | None = None,
    moves: Decimal | None = None,
) -> None:
    """Post an entry that is in every cut, and let whatever the comparison remembers stand as it stood.

    Either a break or an earlier entry must be named: only what every report has shown since is in every cut. `moves`
    is what cuts move by where that is not the amount.
    """
    state, unit, at, comparison = context.state, context.unit, context.at, context.comparison
    moved = amount if moves is None else moves
    entry = post(
        state,
        amount,
        cause=cause,
        certainty=certainty,
        seq=at.seq,
        clock=at.clock,
        occurred_us=occurred_us,
        recorded_us=at.us,
        order=order,
        ordinal=ordinal,
        break_id=break_id,
        replaces=replaces,
        fact=fact,
        moves=moved,
    )
    context.ledger.record_entry(entry, state)
    comparison.cut_total += moved
    comparison.cut_explained += moved
    if comparison.chain is not None and moved:
        comparison.chain.candidates = [
            msgspec.structs.replace(candidate, residual=candidate.residual - moved)
            for candidate in comparison.chain.candidates
        ]
    if unit.cost_basis is not None and unit.value is not None:
        # What the position cost is the venue's word: no fill of ours tells it.
        terms = context.rules.contracts.get(unit.code)
        unit.cost_basis = basis_of(unit.value, unit.reported_avg_entry_price, terms)


def _tolerance(context: ComparisonContext) -> Decimal:
    comparison, timeline = context.comparison, context.timeline
    expected = context.opening + timeline.totals[-1]
    return context.tolerance_at(timeline.last(), comparison.reported or ZERO, expected)


def _offset(context: ComparisonContext, known: Break) -> None:
    """Pair a break with an active one of the equal step the other way: the two cancel, which is not cleared."""
    for other in context.comparison.breaks:
        if known.owns_residual and other.owns_residual and other.amount == -known.amount and other.offset_by is None:
            other.offset_by, known.offset_by = known.id, other.id
            context.emit(other, "offset", f"break {known.id} is an equal step the other way")
            return
