"""Learning what a venue takes: fees that no report carries show only as drift with every fill. Pure (semantics 8.5).

1. While nothing is learned, a report that fits no cut but for a fee-like part of what was filled is agreed with, and
   the part is a sample; it is owned, shown, and alerts nobody.
2. Once samples agree on a rate, every fill is booked with its fee, and what was owned is booked when things are quiet.
3. What is learned holds until suspense tells of another rate; one odd fee is a break.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from recon.books.fees import FeeModel, FeeRate, FeeSample, with_sample
from recon.books.observations import Observation
from recon.books.units import FEE
from recon.exact import ONE, ZERO, resolution
from recon.reconciliation.cuts import by_distance
from recon.reconciliation.state import Hypothesis

if TYPE_CHECKING:
    from recon.books.timeline import Slack
    from recon.reconciliation.subject import Subject

#: A rebate is at most this share of the largest fee that is learned.
REBATE_SHARE: Final = Decimal("0.25")


def sample(subject: Subject, position: int, value: Decimal) -> None:
    """Take an agreement as a sample of the unit's fees, while they are being learned."""
    unit, comparison, timeline = subject.unit, subject.comparison, subject.timeline
    if unit.fee.learned or unit.fees_told:
        return
    mark = comparison.slack
    gained, given = timeline.sides_since(mark, position)
    if not unit.fee.unknown(gained, given):
        return
    cost = _missing(subject, position, value)
    blur = _blur(subject, position, value)
    _take(subject, FeeSample(gained, given, cost - _owed(subject, position, mark), blur))


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
            cost = _missing(subject, position, value)
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
    own(subject, amount)
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
    own(subject, -comparison.learning)
    honest = tuple(sample for sample in unit.fee.samples if abs(sample.cost) <= sample.blur)
    unit.fee = msgspec.structs.replace(unit.fee, samples=honest)
    subject.agree(observation, found)
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
    comparison.forget_opening()
    comparison.calibrating = False
    comparison.low = max(chosen.low, chosen.mark)
    comparison.slack = timeline.slack(timeline.at(chosen.origin))
    own(subject, owed)
    comparison.residual += chosen.drift
    comparison.settled += chosen.drift
    subject.show(timeline.at(comparison.low))
    if not comparison.queue and timeline.numbers[-1] == comparison.low:
        book_learned(subject)


def book_learned(subject: Subject) -> None:
    """Book what fills cost and is owned only, once it is known, now that the newest cut is agreed with."""
    comparison = subject.comparison
    learned = comparison.learning if subject.unit.fee.learned else ZERO
    owed = learned + comparison.settled
    if not owed or comparison.queue:
        return
    comparison.learning, comparison.settled = comparison.learning - learned, ZERO
    comparison.residual -= owed
    subject.explain(owed, FEE)
    comparison.low = subject.timeline.numbers[-1]
    subject.show(subject.timeline.last())


def _is_fee(subject: Subject, observation: Observation, position: int, cost: Decimal, value: Decimal) -> bool:
    """Tell whether what is missing at a cut may be what fills since the last agreement cost."""
    model, timeline, mark = subject.unit.fee, subject.timeline, subject.comparison.slack
    lost = timeline.lost_since(mark, position) + resolution(value)
    owed = _owed(subject, position, mark)
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


def _owed(subject: Subject, position: int, mark: Slack) -> Decimal:
    """Return what fills between a mark and a cut cost that were booked before their rate was known, without it."""
    model, timeline = subject.unit.fee, subject.timeline
    owed = ZERO
    for rate, legs, before in (
        (model.gained, timeline.gained, mark.gained),
        (model.given, timeline.given, mark.given),
    ):
        if rate is not None and rate.owed:
            owed += rate.owed * max(legs[min(position, timeline.at(rate.since))] - before, ZERO)
    return owed


def _agree_less(subject: Subject, observation: Observation, position: int, value: Decimal, cost: Decimal) -> None:
    """Own what fills cost, and agree with the rest."""
    timeline, mark = subject.timeline, subject.comparison.slack
    taken = FeeSample(
        *timeline.sides_since(mark, position),
        cost - _owed(subject, position, mark),
        _blur(subject, position, value),
    )
    own(subject, -cost)
    if subject.unit.fee.unknown(taken.gained, taken.given):
        _take(subject, taken)
    subject.comparison.slack = timeline.slack(position)  # nothing is left over, and it is a sample already
    subject.agree(observation, (position, value))


def own(subject: Subject, amount: Decimal) -> None:
    """Own a part of the drift as fees that are not booked yet."""
    subject.comparison.residual += amount
    subject.comparison.learning += amount


def _missing(subject: Subject, position: int, value: Decimal) -> Decimal:
    """Return how much less is reported than the books hold at a cut, with what is owned already."""
    return subject.opening + subject.timeline.totals[position] + subject.comparison.residual - value


def _blur(subject: Subject, position: int, value: Decimal) -> Decimal:
    """Return what rounding may hide of the fees up to a cut: the venue rounds each of them."""
    timeline, comparison = subject.timeline, subject.comparison
    fills = max(position - timeline.at(comparison.low), 1)
    return timeline.lost_since(comparison.slack, position) + resolution(value) + timeline.quantum * fills


def _take(subject: Subject, taken: FeeSample) -> None:
    model = with_sample(subject.unit.fee, taken, entries=subject.unit.entries)
    _adopt(subject, model)
    if model.learned:
        comparison = subject.comparison
        costs = any(
            rate is not None and (rate.share or rate.half or rate.other) for rate in (model.gained, model.given)
        )
        comparison.guessed = comparison.learning
        own(subject, -comparison.learning)
        if costs or comparison.guessed:
            # Now that it is known what fills cost, what was owned by guess is looked for again, exactly.
            comparison.calibrating, comparison.low = True, subject.timeline.numbers[-1]
            comparison.forget_opening()
            comparison.queue = []


def _adopt(subject: Subject, model: FeeModel) -> None:
    subject.unit.fee = model
    subject.book.changes.units[subject.held.key] = subject.held
