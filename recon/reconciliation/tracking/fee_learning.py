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
from recon.reconciliation.context import Subject
from recon.reconciliation.matching.cuts import by_distance
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.tracking import fee_accruals
from recon.reconciliation.tracking.agreement import agree


def accounts_for(subject: Subject, observation: Observation) -> bool:
    """Agree with a report that fits no cut, where what fills cost is all that is missing; return whether it is."""
    return unlearn(subject, observation) or learn(subject, observation)


def learn(subject: Subject, observation: Observation) -> bool:
    """Agree with a report that differs by what may be fees alone; return whether it did."""
    model, comparison = subject.unit.fee, subject.comparison
    owed = any(rate is not None and rate.owed for rate in (model.gained, model.given))
    if subject.unit.fees_told or (model.learned and not owed):
        return False  # what fills cost is booked with each of them
    for position in by_distance(subject.held, observation, comparison.low, subject.window):
        for value in observation.values:
            cost = -subject.rest(position, value)
            if cost and _is_fee(subject, observation, position, cost, value):
                _agree_less(subject, observation, position, value, cost)
                return True
    return False


def is_taken_in(subject: Subject, amount: Decimal) -> bool:
    """Own what left an asset that fills do not move as fees of theirs, the first time; return whether it was.

    From here on what fills are worth is known there too, so that the rate is learned as any other.
    """
    account, unit = subject.account, subject.unit
    if account.fee_asset is not None or subject.rules.fees or not subject.rules.learn_fees_up_to:
        return False
    account.fee_asset = unit.code
    unit.fee = FeeModel(gained=FeeRate(ZERO))
    subject.book.touch(account)
    fee_accruals.own(subject, amount)
    message = f"fees of fills seem to be taken in {unit.code}; what they take of it is learned"
    subject.book.find(unit.account, subject.at, "fee_asset", unit.code, message)
    return True


def unlearn(subject: Subject, observation: Observation) -> bool:
    """Give back what was taken for fees where a report fits without it; return whether one does."""
    comparison, unit = subject.comparison, subject.unit
    if not comparison.learning or unit.fee.learned:
        return False
    found = subject.fit(observation, without=comparison.learning)
    if found is None:
        return False
    fee_accruals.own(subject, -comparison.learning)
    honest = tuple(sample for sample in unit.fee.samples if abs(sample.cost) <= sample.blur)
    unit.fee = msgspec.structs.replace(unit.fee, samples=honest)
    agree(subject, observation, found)
    return True


def calibrated(subject: Subject, chosen: Hypothesis) -> None:
    """Own what fills had cost before the rate was known, as the reports since then tell it.

    It is what was guessed, but for the fees of the fills that crossed a report: what is more is no fee.
    """
    comparison, timeline = subject.comparison, subject.timeline
    owed, position = chosen.residual - comparison.residual, timeline.at(max(chosen.low, chosen.mark))
    most = subject.rules.learn_fees_up_to * timeline.legs_since(comparison.slack, position)
    most += timeline.lost_since(comparison.slack, position)
    if abs(owed - comparison.guessed) > most:
        owed = comparison.guessed
    comparison.end_search()
    comparison.calibrating = False
    comparison.slack = timeline.slack(timeline.at(chosen.origin))
    fee_accruals.own(subject, owed)
    subject.go_on_from(chosen)
    if not comparison.queue and timeline.numbers[-1] == comparison.low:
        fee_accruals.book(subject)


def _is_fee(subject: Subject, observation: Observation, position: int, cost: Decimal, value: Decimal) -> bool:
    """Tell whether what is missing at a cut may be what fills since the last agreement cost."""
    model, timeline, mark = subject.unit.fee, subject.timeline, subject.comparison.slack
    lost = timeline.lost_since(mark, position) + resolution(value)
    owed = fee_accruals.owed(subject, position, mark)
    gained, given = timeline.sides_since(mark, position)
    if model.unknown(ONE, ONE):
        # Reports cross fills: what one of them took for fees of the next fills, another may lack.
        around = timeline.slack(timeline.first_cut(observation.clock - subject.window))
        gained = max(gained, timeline.gained[position] - around.gained)
        given = max(given, timeline.given[position] - around.given)
    most = subject.rules.learn_fees_up_to * model.unknown(gained, given)
    if model.taken_for_free(gained if model.gained is None else ZERO, given if model.given is None else ZERO):
        return False
    rest = cost - owed
    if most <= 0:
        return bool(owed) and abs(rest) <= lost
    return -most * REBATE_SHARE - lost <= rest <= most + lost


def _agree_less(subject: Subject, observation: Observation, position: int, value: Decimal, cost: Decimal) -> None:
    """Own what fills cost, and agree with the rest."""
    timeline, mark = subject.timeline, subject.comparison.slack
    taken = FeeSample(
        *timeline.sides_since(mark, position),
        cost - fee_accruals.owed(subject, position, mark),
        fee_accruals.blur_of(subject, position, value),
    )
    fee_accruals.own(subject, -cost)
    if subject.unit.fee.unknown(taken.gained, taken.given):
        fee_accruals.take(subject, taken)
    subject.comparison.slack = timeline.slack(position)  # nothing is left over, and it is a sample already
    agree(subject, observation, (position, value))
