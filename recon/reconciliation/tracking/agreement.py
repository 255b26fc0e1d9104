"""Agreeing with a report: cuts move on, fees are settled, and what was rounded away is booked. Pure (semantics 5, 6).

1. Cuts never move backwards.
2. Slack starts anew only where nothing is left over: what is neither booked nor gone stays tolerable.
3. Only what two agreements both leave over is rounding, within a budget of the day.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ZERO, resolution
from recon.ledger.ledger import quantum_of
from recon.ledger.observations import Observation, settle_position_mode
from recon.ledger.rules import ROUNDING_QUANTA_PER_DAY
from recon.ledger.units import FEE, ROUNDING
from recon.reconciliation.context import ComparisonContext, Fit
from recon.reconciliation.model.comparison import Left
from recon.reconciliation.tracking import fee_accruals

_DAY_US = 86_400_000_000


def agree(context: ComparisonContext, observation: Observation, found: Fit) -> None:
    """Take an observation that fits: cuts move on, and what was rounded away is booked."""
    position, value = found
    unit, timeline, comparison = context.unit, context.timeline, context.comparison
    if len(observation.values) > 1 and unit.kind == "contract" and unit.contract.position_mode is None:
        settle_position_mode(unit, observation, value, context.window)
    comparison.reported = value
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    context.show_cut(position)
    remainder = context.unexplained_at(position, value)
    if timeline.cumulative_spread[-1]:
        remainder -= fee_accruals.settle(context, position, value, remainder)
    comparison.low = timeline.numbers[position]
    fee_accruals.sample(context, position, value)
    comparison.cleared_since += bool(comparison.suspects)
    if unit.fees.model.is_range and abs(remainder) > resolution(value):
        fee_accruals.own(context, remainder)  # what fills cost varies within what was learned
        remainder = ZERO
    # Slack starts anew only where nothing is left over: what is neither booked nor gone must stay tolerable.
    if not remainder or abs(remainder) <= resolution(value):
        comparison.uncertainty = timeline.uncertainty_at(position)
        comparison.left = Left(timeline.numbers[position])
    elif position == timeline.last() and abs(remainder) <= timeline.rounding_since(comparison.uncertainty, position):
        _round(context, remainder, observation.clock)
    if (comparison.learning or comparison.settled) and position == timeline.last():
        fee_accruals.book(context)
    context.remember_agreement(observation, value)
    timeline.trim(comparison.low)


def _round(context: ComparisonContext, remainder: Decimal, clock: int) -> None:
    """Book what was rounded away, unless the budget of the day is spent (semantics 6).

    Only what two agreements at different entries both leave over is that, or one agreement a window after
    another: a small trade whose report is late looks the same, once.
    """
    comparison, timeline = context.comparison, context.timeline
    before, number, lost = comparison.left, timeline.numbers[-1], remainder
    if before.number == number and before.amount == remainder:
        if clock - before.clock < context.window:
            return
    else:
        comparison.left = Left(number, remainder, clock)
        if before.number == number or (before.amount > 0) != (remainder > 0):
            return
        lost = min(before.amount, remainder, key=abs)
    # What the schedule leaves open (maker or taker) is a fee; the rest is rounding, within a budget.
    few = (timeline.rounded_postings[-1] - comparison.uncertainty.rounded_postings) * timeline.quantum
    cause = FEE if context.rules.fees and abs(lost) > few else ROUNDING
    if not lost or (cause == ROUNDING and not _within_budget(context, lost)):
        return
    context.post_explanation(lost, cause)
    left = remainder - lost
    rounded = timeline.uncertainty_at(timeline.last())
    comparison.uncertainty = msgspec.structs.replace(rounded, price_error=rounded.price_error - abs(left))
    comparison.left = Left(timeline.numbers[-1], left, clock)
    comparison.low = timeline.numbers[-1]
    context.show_cut(timeline.last())


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
