"""The break that an external fact explains, if any. Pure (semantics 10.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.ledger.facts.external_fact import ExternalFact, Movement
from recon.ledger.facts.matching import family_of
from recon.ledger.facts.postings import told_posting
from recon.ledger.ledger import quantum_of
from recon.ledger.units import FEE
from recon.reconciliation.breaks.resolution import explain
from recon.reconciliation.causes.registry import CAUSES
from recon.reconciliation.commit.steps import take_pending
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.step import Step
from recon.times import to_datetime

#: How long after a fact's time a break of its exact amount may begin: some statements contain only the day.
ORIGIN_WITHIN_US: Final = 86_400_000_000
_HALF: Final = Decimal("0.5")


def equal_within(context: ComparisonContext, amount: Decimal) -> Decimal:
    """Return the largest difference of equal amounts in this unit: at least half a quantum, which rounding hides."""
    return context.tolerance_of(amount, quantum_of(context.ledger, context.unit) * _HALF)


def explain_by_fact(context: ComparisonContext, movement: Movement, fact: ExternalFact, bound: Decimal) -> bool:
    """Explain the break, or the step not decided yet, that a fact states; return False if there is none."""
    stated = stated_by(context, movement, fact.occurred_us, bound)
    if stated is None:
        return False
    if isinstance(stated, Step):
        stated = take_pending(context, stated)
    explain_break(context, stated, movement, fact)
    return True


def stated_by(context: ComparisonContext, movement: Movement, us: int, bound: Decimal) -> Break | Step | None:
    """Return the break, or the step not decided yet, that a fact states: first by its time, then by its amount."""
    amount, fee = movement.amount, movement.cause in family_of(FEE)
    within = break_lowered_by(context, amount, us, fee=fee, within_only=True)
    return within or _pending_step(context, amount, us, bound) or break_lowered_by(context, amount, us, fee=fee)


def explain_break(context: ComparisonContext, break_: Break, movement: Movement, fact: ExternalFact) -> None:
    """Explain a break by the movement that a fact states; the fact decides between possible amounts."""
    beyond = _choose_amount(context, break_, movement.amount)
    posting = told_posting(movement.amount, movement.cause, fact)
    explain(context, break_, posting, step="explained", reason=description_of(movement, fact), beyond=beyond)


def _choose_amount(context: ComparisonContext, break_: Break, amount: Decimal) -> Decimal:
    """Give a break the possible amount that a fact states; return what that is beyond its step."""
    bound, was = equal_within(context, amount), break_.amount
    if abs(was - amount) > bound:
        break_.amount = next((each for each in break_.candidates if abs(each - amount) <= bound), was)
    return break_.amount - was


def break_lowered_by(
    context: ComparisonContext, amount: Decimal, us: int, *, fee: bool, within_only: bool = False
) -> Break | None:
    """Return the active break that a fact lowers, the nearest in time of several.

    Its origin contains the time of the fact, preferably with an equal amount; the fact makes its amount less. A fee
    belongs to its fill, so it is a part of a break of fees alone. Otherwise, unless `within_only`, the amounts are
    equal and the break did not begin much later.
    """
    bound = equal_within(context, amount)
    active = [break_ for break_ in context.comparison.breaks if break_.owns_residual]
    near = [break_ for break_ in active if lies_in(context, break_, us)]
    within = [
        break_
        for break_ in near
        if can_be_of(break_, amount, bound) or (_is_part(break_, amount) and (not fee or _is_of_fees(break_)))
    ]
    equal = [break_ for break_ in active if can_be_of(break_, amount, bound)]
    both = [break_ for break_ in within if break_ in equal]
    close = [] if within_only else [break_ for break_ in equal if break_.after_us <= us + ORIGIN_WITHIN_US]
    for breaks in (both, within, close):
        if breaks:
            return min(breaks, key=lambda break_: (abs(break_.seen_us - us), break_.origin_seq))
    return None


def can_be_of(break_: Break, amount: Decimal, bound: Decimal) -> bool:
    """True if an amount is one of the possible amounts of a break."""
    return any(abs(candidate - amount) <= bound for candidate in (break_.amount, *break_.candidates))


def _is_part(break_: Break, amount: Decimal) -> bool:
    """True if an amount makes a break less."""
    return abs(break_.amount - amount) < abs(break_.amount)


def _is_of_fees(break_: Break) -> bool:
    """True if what is known of a break says that fees are its cause."""
    cause = CAUSES.get(break_.cause)
    return cause is not None and cause.booked_as in family_of(FEE)


def _pending_step(context: ComparisonContext, amount: Decimal, us: int, bound: Decimal) -> Step | None:
    """Return the undecided step of which the amount of a fact is a possible amount, the nearest in time of several."""
    fitting = [
        step
        for step in context.comparison.pending
        if us <= step.at_us + context.window // 2
        and any(abs(each - amount) <= bound for each in (step.amount, *step.alternatives))
    ]
    return min(fitting, key=lambda step: (abs(step.at_us - us), step.seq), default=None)


def lies_in(context: ComparisonContext, break_: Break, us: int) -> bool:
    """True if a time lies in the origin of a break, within the possible difference of clocks."""
    half = context.window // 2
    return break_.after_us - context.window <= us <= break_.seen_us + half


def description_of(movement: Movement, fact: ExternalFact) -> str:
    """Return a fact in words: its cause, amount, time and source."""
    at = to_datetime(fact.occurred_us).isoformat()
    what = f"{movement.cause} of {shown(movement.amount)} {movement.unit} at {at}"
    source = fact.source or fact.by.label
    return f"{what}, told by {source} as {fact.external_id}"
