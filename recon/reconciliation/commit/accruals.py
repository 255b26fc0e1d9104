"""Fees and rounding that reports show beyond what is booked. Pure (semantics 6, 8.5).

1. What a final report says is what the books hold at its cut, what its breaks own, and what is not posted yet.
2. Where a fee was not known, or was another than the one booked, the rest is posted as a fee, in sum. What may be no
   fee waits until that is decided.
3. Other rests are rounding, within a budget of the day; a persistent sign is a fee.
4. What only the configured tolerance allows is never posted: it is a break once it is more than that in sum.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO, noise
from recon.ledger.ledger import quantum_of
from recon.ledger.rules import ROUNDING_QUANTA_PER_DAY
from recon.ledger.units import FEE, ROUNDING, UNMODELLED
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.comparison import Accrual
from recon.reconciliation.trellis.steps import Committed

_DAY_US: Final = 86_400_000_000
_HALF: Final = Decimal("0.5")
#: Jumps undo each other if they leave at most such a part of the largest; a jump that stands alone leaves all of it.
_UNDONE: Final = Decimal("0.6")
#: Jumps undo each other within so many windows; what they leave then is a break.
RACE_WINDOWS: Final = 16


def accrue(context: ComparisonContext, edge: Committed) -> None:
    """Add what a final edge came to beyond what is booked; what may be no fee is suspended."""
    comparison = context.comparison
    before, fees, unmodelled = comparison.accrual, edge.fee, ZERO
    if edge.kind == "unmodelled":
        fees, unmodelled = fees - edge.left, edge.left
    race, race_fees = _race_with(context, edge.to_seq, edge.jump)
    comparison.accrual = Accrual(
        before.fees + fees,
        before.rounding + edge.rounding - edge.tolerated,
        before.unmodelled + unmodelled,
        before.tolerated + edge.tolerated,
        before.jumps + edge.jump,
        race,
        context.at.us if edge.jump else before.race_us,
        race_fees,
    )
    suspended = {seq: left for seq, left in comparison.suspended.items() if seq != edge.to_seq}
    owned = edge.to_seq in comparison.ended or any(known.step_seq == edge.to_seq for known in comparison.breaks)
    if edge.kind == "novel" and not owned:
        suspended[edge.to_seq] = edge.left
    comparison.suspended = suspended


def _race_with(context: ComparisonContext, seq: int, left: Decimal) -> tuple[Decimal, Decimal]:
    """Return the largest step of the race and its greatest fees, with what an edge leaves over.

    A jump that a break owns, or will own, is no race: its size says nothing of what other jumps leave.
    """
    known = context.comparison.accrual
    fees = context.trellis.fees_of_race(context.unit.key, seq) if left else None
    return (known.race, known.race_fees) if fees is None else (max(known.race, abs(left)), max(known.race_fees, fees))


def own(context: ComparisonContext, seq: int, amount: Decimal, *, is_fee: bool) -> None:
    """Let a break own the amount of a step, which may have looked like a fee; give it back where it is negative."""
    comparison = context.comparison
    before = comparison.accrual
    if is_fee:
        comparison.accrual = msgspec.structs.replace(before, fees=before.fees - amount)
    else:
        comparison.accrual = msgspec.structs.replace(before, jumps=before.jumps - amount, race_us=context.at.us)
    comparison.suspended = {other: left for other, left in comparison.suspended.items() if other != seq}


def post_accrual(context: ComparisonContext) -> None:
    """Post what final edges came to: fees at once, rounding once it is at least half a quantum."""
    comparison = context.comparison
    _release(context)
    held = sum(comparison.suspended.values(), ZERO)
    accrual = comparison.accrual
    fees, rounding, over = accrual.fees - held, accrual.rounding, _is_over(context)
    if over:
        fees += accrual.jumps
    if fees:
        context.post_explanation(fees, FEE)
    if accrual.unmodelled:
        context.post_explanation(accrual.unmodelled, UNMODELLED)
    least = max(quantum_of(context.ledger, context.unit) * _HALF, noise(comparison.reported or ZERO))
    if rounding and abs(rounding) > least and _within_budget(context, rounding):
        context.post_explanation(rounding, ROUNDING)
        rounding = ZERO
    kept = Accrual() if over else accrual
    comparison.accrual = msgspec.structs.replace(
        kept, fees=held, rounding=rounding, unmodelled=ZERO, tolerated=accrual.tolerated
    )


def _release(context: ComparisonContext) -> None:
    """Suspend no longer what is decided: it was a fee, or what undid a jump before it."""
    comparison = context.comparison
    undecided = {step.seq for step in comparison.pending}
    for seq, left in list(comparison.suspended.items()):
        if seq in undecided:
            continue
        del comparison.suspended[seq]
        accrual = comparison.accrual
        if (accrual.jumps > 0) != (left > 0) and abs(accrual.jumps + left) <= abs(left) * _UNDONE:
            race, race_fees = _race_with(context, seq, left)
            comparison.accrual = msgspec.structs.replace(
                accrual, jumps=accrual.jumps + left, fees=accrual.fees - left, race=race, race_fees=race_fees
            )


def _is_over(context: ComparisonContext) -> bool:
    """True if the jumps that no break owns were a race, which is over: they leave no more than fees."""
    accrual = context.comparison.accrual
    undone = abs(accrual.jumps) <= min(accrual.race * _UNDONE, accrual.race_fees)
    return not context.comparison.pending and undone


def take_unowned(context: ComparisonContext) -> Decimal:
    """Return what jumps leave that no break owns long after the last of them: a break owns it now; else 0."""
    comparison = context.comparison
    accrual = comparison.accrual
    if context.trellis.awaits_cash(context.unit.key):
        return ZERO  # it may explain them
    if not accrual.jumps or comparison.pending or context.at.us < accrual.race_us + RACE_WINDOWS * context.window:
        return ZERO
    comparison.accrual = msgspec.structs.replace(accrual, jumps=ZERO, race=ZERO, race_fees=ZERO)
    return accrual.jumps


def take_intolerable(context: ComparisonContext) -> Decimal:
    """Return what was tolerated step by step and is more than the tolerance in sum: a break owns it now; else 0."""
    comparison = context.comparison
    tolerated = comparison.accrual.tolerated
    if abs(tolerated) <= context.tolerance_of(comparison.reported or ZERO):
        return ZERO
    comparison.accrual = msgspec.structs.replace(comparison.accrual, tolerated=ZERO)
    return tolerated


def _within_budget(context: ComparisonContext, lost: Decimal) -> bool:
    unit, day = context.unit, context.at.us // _DAY_US
    budget = quantum_of(context.ledger, unit) * ROUNDING_QUANTA_PER_DAY
    if abs(unit.rounding.used_on(day) + lost) > budget:
        if unit.rounding.report(day):
            message = f"rounding of {unit.code} has used its budget of the day; a persistent sign is a fee"
            context.ledger.note_finding(unit.account, context.at, "rounding_budget", unit.code, message)
        return False
    unit.rounding.use(day, lost)
    return True
