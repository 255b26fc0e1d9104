"""Fees that are owned, and not booked yet: samples while a rate is learned, and rates that were left open. Pure.

What fills cost beyond what is booked of them is part of the residual until reports agree with the newest cut; then it
is booked in sum (semantics 8.5).
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO, resolution
from recon.ledger.fees.estimate import SELDOM_NO_MORE, with_sample
from recon.ledger.fees.model import FeeModel, FeeSample, swapped
from recon.ledger.timeline import Slack
from recon.ledger.units import FEE
from recon.reconciliation.context import Subject
from recon.reconciliation.matching.cuts import settled


def sample(subject: Subject, position: int, value: Decimal) -> None:
    """Take an agreement as a sample of the unit's fees, while they are being learned."""
    unit, comparison, timeline = subject.unit, subject.comparison, subject.timeline
    if unit.fee.learned or unit.fees_told:
        return
    mark = comparison.slack
    gained, given = timeline.sides_since(mark, position)
    if not unit.fee.unknown(gained, given):
        return
    cost = -subject.rest(position, value)
    blur = blur_of(subject, position, value)
    take(subject, FeeSample(gained, given, cost - owed(subject, position, mark), blur))


def settle(subject: Subject, position: int, value: Decimal, rest: Decimal) -> Decimal:
    """Own what fees in doubt come to by an agreement, beyond what is booked of them; return it."""
    unit, comparison, timeline = subject.unit, subject.comparison, subject.timeline
    bound = subject.bound(position, value, value - rest)
    count, came_to = settled(timeline, comparison.low, position, rest, bound) or (0, ZERO)
    if count:
        comparison.seldom += count
    elif timeline.doubts_since(comparison.low, position):
        comparison.seldom = 0
    if comparison.seldom >= SELDOM_NO_MORE and unit.fee.learned:
        unit.fee, comparison.seldom = swapped(unit.fee), 0
    comparison.residual += came_to
    comparison.settled += came_to
    return came_to


def book(subject: Subject) -> None:
    """Book what fills cost and is owned only, once it is known, now that the newest cut is agreed with."""
    comparison = subject.comparison
    learned = comparison.learning if subject.unit.fee.learned else ZERO
    amount = learned + comparison.settled
    if not amount or comparison.queue:
        return
    comparison.learning, comparison.settled = comparison.learning - learned, ZERO
    comparison.residual -= amount
    subject.explain(amount, FEE)
    comparison.low = subject.timeline.numbers[-1]
    subject.show(subject.timeline.last())


def own(subject: Subject, amount: Decimal) -> None:
    """Own a part of the drift as fees that are not booked yet."""
    subject.comparison.residual += amount
    subject.comparison.learning += amount


def owed(subject: Subject, position: int, mark: Slack) -> Decimal:
    """Return what fills between a mark and a cut cost that were booked before their rate was known, without it."""
    model, timeline = subject.unit.fee, subject.timeline
    found = ZERO
    for rate, legs, before in (
        (model.gained, timeline.gained, mark.gained),
        (model.given, timeline.given, mark.given),
    ):
        if rate is not None and rate.owed:
            found += rate.owed * max(legs[min(position, timeline.at(rate.since))] - before, ZERO)
    return found


def blur_of(subject: Subject, position: int, value: Decimal) -> Decimal:
    """Return what rounding may hide of the fees up to a cut: the venue rounds each of them."""
    timeline, comparison = subject.timeline, subject.comparison
    fills = max(position - timeline.at(comparison.low), 1)
    return timeline.lost_since(comparison.slack, position) + resolution(value) + timeline.quantum * fills


def take(subject: Subject, taken: FeeSample) -> None:
    """Take a sample; where it makes a rate known, look for what fills had cost before, exactly."""
    model = with_sample(subject.unit.fee, taken, entries=subject.unit.entries)
    adopt(subject, model)
    if model.learned:
        comparison = subject.comparison
        costs = any(
            rate is not None and (rate.share or rate.half or rate.other) for rate in (model.gained, model.given)
        )
        comparison.guessed = comparison.learning + comparison.suspense
        own(subject, -comparison.learning)
        comparison.forget_suspense()
        if costs or comparison.guessed:
            comparison.calibrating, comparison.low = True, subject.timeline.numbers[-1]
            comparison.forget_opening()
            comparison.queue = []


def adopt(subject: Subject, model: FeeModel) -> None:
    """Let a unit expect what a model says, from its next fill on."""
    subject.unit.fee = model
    subject.book.changes.units[subject.held.key] = subject.held
