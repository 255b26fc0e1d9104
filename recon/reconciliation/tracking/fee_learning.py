"""Learning what a venue takes: fees that no report carries show only as drift with every fill. Pure (semantics 8.5).

1. While nothing is learned, a report that fits no cut but for a fee-like part of what was filled is agreed with, and
   the part is a sample; it is owned, shown, and alerts nobody.
2. Once samples agree on a rate, every fill is booked with its fee, and what was owned is booked when things are quiet.
3. What is learned holds until suspense tells of another rate; one odd fee is a break.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ONE, ZERO, resolution
from recon.ledger.fees.estimate import REBATE_SHARE
from recon.ledger.fees.model import FeeModel, FeeRate, FeeSample
from recon.ledger.observations import Observation
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.cuts import cuts_by_time_distance
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.tracking import fee_accruals
from recon.reconciliation.tracking.agreement import agree


def accounts_for(context: ComparisonContext, observation: Observation) -> bool:
    """Agree with a report that fits no cut, where what fills cost is all that is missing; return whether it is."""
    return unlearn(context, observation) or learn(context, observation)


def learn(context: ComparisonContext, observation: Observation) -> bool:
    """Agree with a report that differs by what may be fees alone; return whether it did."""
    model, comparison = context.unit.fees.model, context.comparison
    owed = any(rate is not None and rate.backlog for rate in (model.received, model.paid))
    if context.unit.fees.scheduled or (model.learned and not owed):
        return False  # what fills cost is booked with each of them
    for position in cuts_by_time_distance(context.state, observation, comparison.low, context.window):
        for value in observation.values:
            cost = -context.unexplained_at(position, value)
            if cost and _is_fee(context, observation, position, cost, value):
                _agree_less(context, observation, position, value, cost)
                return True
    return False


def is_taken_in(context: ComparisonContext, amount: Decimal) -> bool:
    """Own what left an asset that fills do not move as fees of theirs, the first time; return whether it was.

    From here on what fills are worth is known there too, so that the rate is learned as any other.
    """
    account, unit = context.account, context.unit
    if account.mappings.fee_asset is not None or context.rules.fees or not context.rules.learn_fees_up_to:
        return False
    account.mappings.set_fee_asset(unit.code)
    unit.fees.set_model(FeeModel(received=FeeRate(ZERO)))
    context.ledger.mark_changed(account)
    fee_accruals.own(context, amount)
    message = f"fees of fills seem to be taken in {unit.code}; what they take of it is learned"
    context.ledger.note_finding(unit.account, context.at, "fee_asset", unit.code, message)
    return True


def unlearn(context: ComparisonContext, observation: Observation) -> bool:
    """Give back what was taken for fees where a report fits without it; return whether one does."""
    comparison, unit = context.comparison, context.unit
    if not comparison.learning or unit.fees.model.learned:
        return False
    found = context.fit(observation, without=comparison.learning)
    if found is None:
        return False
    fee_accruals.own(context, -comparison.learning)
    honest = tuple(sample for sample in unit.fees.model.samples if abs(sample.cost) <= sample.error)
    unit.fees.set_model(msgspec.structs.replace(unit.fees.model, samples=honest))
    agree(context, observation, found)
    return True


def calibrated(context: ComparisonContext, chosen: Hypothesis) -> None:
    """Own what fills had cost before the rate was known, as the reports since then tell it.

    It is what was guessed, but for the fees of the fills that crossed a report: what is more is no fee.
    """
    comparison, timeline = context.comparison, context.timeline
    owed, position = chosen.residual - comparison.residual, timeline.position_of(max(chosen.low, chosen.mark))
    most = context.rules.learn_fees_up_to * timeline.turnover_since(comparison.uncertainty, position)
    most += timeline.rounding_since(comparison.uncertainty, position)
    if abs(owed - comparison.guessed) > most:
        owed = comparison.guessed
    comparison.end_search()
    comparison.calibrating = False
    comparison.uncertainty = timeline.uncertainty_at(timeline.position_of(chosen.origin))
    fee_accruals.own(context, owed)
    context.continue_from(chosen)
    if not comparison.queue and timeline.numbers[-1] == comparison.low:
        fee_accruals.book(context)


def _is_fee(context: ComparisonContext, observation: Observation, position: int, cost: Decimal, value: Decimal) -> bool:
    """Tell whether what is missing at a cut may be what fills since the last agreement cost."""
    model, timeline, mark = context.unit.fees.model, context.timeline, context.comparison.uncertainty
    lost = timeline.rounding_since(mark, position) + resolution(value)
    owed = fee_accruals.owed(context, position, mark)
    gained, given = timeline.received_and_paid_since(mark, position)
    if model.unknown_turnover(ONE, ONE):
        # Reports cross fills: what one of them took for fees of the next fills, another may lack.
        around = timeline.uncertainty_at(timeline.first_cut(observation.clock - context.window))
        gained = max(gained, timeline.received[position] - around.received)
        given = max(given, timeline.paid[position] - around.paid)
    most = context.rules.learn_fees_up_to * model.unknown_turnover(gained, given)
    if model.mostly_free(gained if model.received is None else ZERO, given if model.paid is None else ZERO):
        return False
    rest = cost - owed
    if most <= 0:
        return bool(owed) and abs(rest) <= lost
    return -most * REBATE_SHARE - lost <= rest <= most + lost


def _agree_less(
    context: ComparisonContext, observation: Observation, position: int, value: Decimal, cost: Decimal
) -> None:
    """Own what fills cost, and agree with the rest."""
    timeline, mark = context.timeline, context.comparison.uncertainty
    taken = FeeSample(
        *timeline.received_and_paid_since(mark, position),
        cost - fee_accruals.owed(context, position, mark),
        fee_accruals.blur_of(context, position, value),
    )
    fee_accruals.own(context, -cost)
    if context.unit.fees.model.unknown_turnover(taken.received, taken.paid):
        fee_accruals.take(context, taken)
    context.comparison.uncertainty = timeline.uncertainty_at(
        position
    )  # nothing is left over, and it is a sample already
    agree(context, observation, (position, value))
