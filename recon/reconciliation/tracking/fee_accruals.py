"""Fees that are owned, and not booked yet: samples while a rate is learned, and rates that were left open. Pure.

What fills cost beyond what is booked of them is part of the residual until reports agree with the newest cut; then it
is booked in sum (semantics 8.5).
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO, resolution
from recon.ledger.fees.estimate import SELDOM_NO_MORE, with_sample
from recon.ledger.fees.model import FeeModel, FeeSample, swap_rates
from recon.ledger.timeline import Uncertainty
from recon.ledger.units import FEE
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.cuts import matching_spreads


def sample(context: ComparisonContext, position: int, value: Decimal) -> None:
    """Take an agreement as a sample of the unit's fees, while they are being learned."""
    unit, comparison, timeline = context.unit, context.comparison, context.timeline
    if unit.fees.model.learned or unit.fees.scheduled:
        return
    mark = comparison.uncertainty
    gained, given = timeline.received_and_paid_since(mark, position)
    if not unit.fees.model.unknown_turnover(gained, given):
        return
    cost = -context.unexplained_at(position, value)
    blur = blur_of(context, position, value)
    take(context, FeeSample(gained, given, cost - owed(context, position, mark), blur))


def settle(context: ComparisonContext, position: int, value: Decimal, rest: Decimal) -> Decimal:
    """Own what fees in doubt come to by an agreement, beyond what is booked of them; return it."""
    unit, comparison, timeline = context.unit, context.comparison, context.timeline
    bound = context.tolerance_at(position, value, value - rest)
    count, came_to = matching_spreads(timeline, comparison.low, position, rest, bound) or (0, ZERO)
    if count:
        comparison.seldom += count
    elif timeline.spreads_since(comparison.low, position):
        comparison.seldom = 0
    if comparison.seldom >= SELDOM_NO_MORE and unit.fees.model.learned:
        unit.fees.set_model(swap_rates(unit.fees.model))
        comparison.seldom = 0
    comparison.residual += came_to
    comparison.settled += came_to
    return came_to


def book(context: ComparisonContext) -> None:
    """Book what fills cost and is owned only, once it is known, now that the newest cut is agreed with."""
    comparison = context.comparison
    learned = comparison.learning if context.unit.fees.model.learned else ZERO
    amount = learned + comparison.settled
    if not amount or comparison.queue:
        return
    comparison.learning, comparison.settled = comparison.learning - learned, ZERO
    comparison.residual -= amount
    context.post_explanation(amount, FEE)
    comparison.low = context.timeline.numbers[-1]
    context.show_cut(context.timeline.last())


def own(context: ComparisonContext, amount: Decimal) -> None:
    """Own a part of the drift as fees that are not booked yet."""
    context.comparison.residual += amount
    context.comparison.learning += amount


def owed(context: ComparisonContext, position: int, mark: Uncertainty) -> Decimal:
    """Return what fills between a mark and a cut cost that were booked before their rate was known, without it."""
    model, timeline = context.unit.fees.model, context.timeline
    found = ZERO
    for rate, legs, before in (
        (model.received, timeline.received, mark.received),
        (model.paid, timeline.paid, mark.paid),
    ):
        if rate is not None and rate.backlog:
            found += rate.backlog * max(legs[min(position, timeline.position_of(rate.since_entry))] - before, ZERO)
    return found


def blur_of(context: ComparisonContext, position: int, value: Decimal) -> Decimal:
    """Return what rounding may hide of the fees up to a cut: the venue rounds each of them."""
    timeline, comparison = context.timeline, context.comparison
    fills = max(position - timeline.position_of(comparison.low), 1)
    return timeline.rounding_since(comparison.uncertainty, position) + resolution(value) + timeline.quantum * fills


def take(context: ComparisonContext, taken: FeeSample) -> None:
    """Take a sample; where it makes a rate known, look for what fills had cost before, exactly."""
    model = with_sample(context.unit.fees.model, taken, entries=context.unit.balance.entry_count)
    adopt(context, model)
    if model.learned:
        comparison = context.comparison
        costs = any(
            rate is not None and (rate.share or rate.half_width or rate.alternate)
            for rate in (model.received, model.paid)
        )
        comparison.guessed = comparison.learning + comparison.suspense
        own(context, -comparison.learning)
        comparison.forget_suspense()
        if costs or comparison.guessed:
            comparison.calibrating, comparison.low = True, context.timeline.numbers[-1]
            comparison.forget_opening()
            comparison.queue = []


def adopt(context: ComparisonContext, model: FeeModel) -> None:
    """Let a unit expect what a model says, from its next fill on."""
    context.unit.fees.set_model(model)
    context.ledger.changes.units[context.state.key] = context.state
