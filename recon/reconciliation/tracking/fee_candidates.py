"""Suspense: what may be fees at a rate not known yet waits until more of it bears that out. Pure (semantics 8.5).

1. A report that fits no cut but for a fee-like part of what was filled since the last agreement is agreed with; the
   part is owned, shown, and alerts nobody yet.
2. Where several of them bear out one rate, the venue takes it instead of the one that was known, or beside it: what is
   owned is booked as fees, and said.
3. A report that fits without one of them shows that it was a race.
4. What stays alone becomes a break after SUSPENSE_WINDOWS, or once SUSPENSE_AGREEMENTS reports of fills agreed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO, divide, plain, resolution, scale
from recon.ledger.fees.estimate import REBATE_SHARE, shortest
from recon.ledger.fees.model import FeeModel, FeeRate
from recon.ledger.observations import Observation
from recon.reconciliation.context import ComparisonContext, Fit
from recon.reconciliation.matching.cuts import cuts_by_time_distance
from recon.reconciliation.model.comparison import ComparisonState, Suspect
from recon.reconciliation.model.hypothesis import MAX_DOUBTS, Hypothesis
from recon.reconciliation.tracking import fee_accruals
from recon.reconciliation.tracking.agreement import agree

#: How long a difference waits to be borne out, in settlement windows, and how many agreements after fills end it.
SUSPENSE_WINDOWS: Final = 60
SUSPENSE_AGREEMENTS: Final = 40
#: Differences of one unit in suspense, at most; a further one is judged at once.
MAX_SUSPECTS: Final = 16
#: Differences that bear out a rate in place of the one known, and beside it.
INSTEAD: Final = 3
BESIDE: Final = 2
#: Venues' rates have no more digits after the point than this: hundredths of a basis point.
RATE_DIGITS: Final = 6

Bounds = tuple[Decimal, Decimal]
#: The legs that a venue may take fees of: all, those received, those paid.
_WAYS: Final = ((True, True), (True, False), (False, True))


def hold(context: ComparisonContext, observation: Observation) -> bool:
    """Agree with a report but for what may be fees at a rate not known yet; return whether it is like that."""
    comparison = context.comparison
    position = cuts_by_time_distance(context.state, observation, comparison.low, context.window)[0]
    for value in observation.values:
        rest = context.unexplained_at(position, value)
        fresh = _suspect(context, observation, position, rest, resolution(value))
        if fresh is not None:
            _own(context, observation, (position, value))
            _take(context, fresh)
            return True
    return False


def hold_step(context: ComparisonContext, step: Hypothesis) -> bool:
    """Hold a step that report after report has shown, where it may be a fee; return whether it may."""
    comparison, timeline = context.comparison, context.timeline
    seen = Observation(step.since_seq, step.since, step.since_us, ())
    amount = step.residual - comparison.residual
    fresh = _suspect(context, seen, timeline.position_of(step.origin), amount, resolution(timeline.totals[-1]))
    if fresh is None:
        return False
    context.continue_from(step)
    _take(context, msgspec.structs.replace(fresh, until=comparison.low))
    return True


def _suspect(
    context: ComparisonContext, seen: Observation, position: int, amount: Decimal, resolved: Decimal
) -> Suspect | None:
    """Return what is missing by a report at a cut, if it may be what fills since the last agreement cost."""
    unit, comparison, timeline = context.unit, context.comparison, context.timeline
    known = unit.fees.scheduled or unit.fees.model.received is not None or unit.fees.model.paid is not None
    if not known or len(comparison.suspects) >= MAX_SUSPECTS:
        return None
    base = timeline.position_of(comparison.low)
    legs, booked = timeline.fills_between(base, position)
    most = context.rules.learn_fees_up_to * sum(map(abs, legs), ZERO)
    if not most or not -most * REBATE_SHARE <= booked - amount <= most:
        return None
    return Suspect(
        seq=seen.seq,
        clock=seen.clock,
        us=seen.us,
        legs=legs,
        cost=booked - amount,
        blur=timeline.quantum * (len(legs) + 1) + resolved,
        amount=amount,
        low=timeline.numbers[base],
        until=timeline.numbers[position],
    )


def withdraw(context: ComparisonContext) -> None:
    """Give back what was taken into suspense since the last agreement: what follows it is no fee, so it may be none."""
    comparison = context.comparison
    going: list[Suspect] = []
    for each in reversed(comparison.suspects):
        if each.until != comparison.low:
            break
        comparison.low = each.low
        going.append(each)
    _give_up(context, going)


def give_back(context: ComparisonContext, observation: Observation) -> bool:
    """Agree with a report that fits without a difference in suspense; return whether it does."""
    comparison = context.comparison
    suspects = comparison.suspects
    for first in reversed(range(len(suspects))):
        alone, with_later = suspects[first : first + 1], suspects[first:]
        for going in (with_later, alone) if len(with_later) > 1 else (alone,):
            amount = sum((each.amount for each in going), ZERO)
            low = _before(comparison, going)
            found = context.fit(observation, without=amount, low=low)
            if found is not None:
                _give_up(context, going)
                comparison.low = low
                agree(context, observation, found)
                return True
    return False


def _before(comparison: ComparisonState, going: list[Suspect]) -> int:
    """Return the entry agreed up to before some differences, if nothing was agreed on since; else up to now."""
    until = comparison.low
    for each in reversed(going):
        if each.until != until:
            return comparison.low
        until = each.low
    return until


def released(context: ComparisonContext) -> Hypothesis | None:
    """Give up what waited long enough, the earliest first; return it as the step that it is."""
    comparison, at = context.comparison, context.at
    if not comparison.suspects or comparison.chain is not None or comparison.queue:
        return None
    first = comparison.suspects[0]
    waited = at.clock - first.clock >= SUSPENSE_WINDOWS * context.window
    if not waited and comparison.cleared_since < SUSPENSE_AGREEMENTS:
        return None
    _give_up(context, [first])
    comparison.odd = [*comparison.odd, first][-MAX_SUSPECTS:]
    return Hypothesis(
        residual=comparison.residual + first.amount,
        low=comparison.low,
        origin=comparison.low,
        since=first.clock,
        since_seq=first.seq,
        since_us=first.us,
        mark=comparison.low,
    )


def _own(context: ComparisonContext, observation: Observation, found: Fit) -> None:
    """Go on from a report as from one that agrees, but book nothing yet: it may have been a race."""
    comparison, (position, value) = context.comparison, found
    comparison.reported, comparison.low = value, context.timeline.numbers[position]
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    context.show_cut(position)
    context.remember_agreement(observation, value)


def _take(context: ComparisonContext, fresh: Suspect) -> None:
    """Own a difference, and book what it makes clear together with others."""
    comparison = context.comparison
    comparison.suspects = [*comparison.suspects, fresh]
    comparison.residual += fresh.amount
    adopted = any(_adopt(context, gained=gained, given=given) for gained, given in _WAYS)
    _book_runs(context, comparison.suspects if adopted else [fresh])
    comparison.cleared_since = 0


def _adopt(context: ComparisonContext, *, gained: bool, given: bool) -> bool:
    """Take the rate that the latest difference bears out with others, if it does; return whether."""
    comparison, unit = context.comparison, context.unit
    found = _borne_out(context, gained=gained, given=given)
    if found is None:
        return False
    rate, by, instead = found
    fee_accruals.adopt(context, _with_rate(unit.fees.model, rate, gained=gained, given=given, instead=instead))
    message = f"the fee of {unit.code} is {plain(rate)} of the leg now" + ("" if instead else " too")
    context.ledger.note_finding(unit.account, context.at, "fee_changed", unit.code, message)
    _book(context, [each for each in by if each in comparison.suspects])
    comparison.odd = []
    return True


def _book_runs(context: ComparisonContext, ending: list[Suspect]) -> None:
    """Book differences, one after the other, that come to what known rates may take: their cuts had been wrong."""
    for last in ending:
        suspects = context.comparison.suspects
        run: list[Suspect] = []
        for each in reversed(suspects[: suspects.index(last) + 1] if last in suspects else []):
            if run and each.until != run[0].low:
                break
            run = [each, *run]
            if _is_known(context, run):
                _book(context, run)
                break


def _is_known(context: ComparisonContext, run: list[Suspect]) -> bool:
    """Tell whether what some fills cost in all is what known rates may take of them, or what was booked."""
    fee = context.unit.fees.model
    legs = [leg for each in run for leg in each.legs]
    blur = sum((each.blur for each in run), ZERO)
    if len(run) > 1 and abs(sum((each.amount for each in run), ZERO)) <= blur:
        return True
    if len(legs) > MAX_DOUBTS:
        return False
    sums = {ZERO}
    for leg in legs:
        side = fee.received if leg > 0 else fee.paid
        if side is None or side.half_width:
            return False
        sums = {known + rate * abs(leg) for known in sums for rate in side.rates}
    cost = sum((each.cost for each in run), ZERO)
    return any(abs(cost - known) <= blur for known in sums)


def _book(context: ComparisonContext, known: list[Suspect]) -> None:
    """Let differences be booked as fees with the next agreement."""
    _let_go(context, known)
    context.comparison.settled += sum((each.amount for each in known), ZERO)


def _give_up(context: ComparisonContext, going: list[Suspect]) -> None:
    """Own some differences no longer."""
    _let_go(context, going)
    context.comparison.residual -= sum((each.amount for each in going), ZERO)


def _let_go(context: ComparisonContext, going: list[Suspect]) -> None:
    comparison = context.comparison
    comparison.suspects = [each for each in comparison.suspects if each not in going]


def _borne_out(context: ComparisonContext, *, gained: bool, given: bool) -> tuple[Decimal, list[Suspect], bool] | None:
    """Return the rate of some legs that the latest difference bears out with others, with which, and if in place."""
    suspects, unit = context.comparison.suspects, context.unit
    sides = [side for side, taken in ((unit.fees.model.received, gained), (unit.fees.model.paid, given)) if taken]
    known = [rate for side in sides if side is not None for rate in side.rates]
    best: tuple[list[Suspect], Bounds] | None = None
    for bounds in _bounds(suspects[-1], known, gained=gained, given=given):
        within, by = bounds, [suspects[-1]]
        for other in (*reversed(suspects[:-1]), *reversed(context.comparison.odd)):
            for low, high in _bounds(other, known, gained=gained, given=given):
                narrower = max(low, within[0]), min(high, within[1])
                if narrower[0] <= narrower[1]:
                    within, by = narrower, [*by, other]
                    break
        if best is None or len(by) > len(best[0]):
            best = by, within
    if best is None:
        return None
    by, (low, high) = best
    rate = shortest(low, high)
    if scale(rate) > RATE_DIGITS or all(side is not None and rate in side.rates for side in sides):
        return None
    two = any(side is not None and side.alternate is not None for side in sides)
    instead = len(by) >= INSTEAD and (not known or two or not context.comparison.cleared_since)
    if instead or (len(by) >= BESIDE and known and not two):
        return rate, by, instead
    return None


def _bounds(suspect: Suspect, known: list[Decimal], *, gained: bool, given: bool) -> Iterator[Bounds]:
    """Return which rates a difference allows: of all legs, or of one of them where the others cost what is known."""
    legs = [abs(leg) for leg in suspect.legs if (gained and leg > 0) or (given and leg < 0)]
    total = sum(legs, ZERO)
    if not total:
        return
    yield divide(suspect.cost - suspect.blur, total), divide(suspect.cost + suspect.blur, total)
    if len(legs) == 1:
        return
    for leg in legs:
        for rate in sorted(set(known)):
            cost = suspect.cost - rate * (total - leg)
            yield divide(cost - suspect.blur, leg), divide(cost + suspect.blur, leg)


def _with_rate(model: FeeModel, rate: Decimal, *, gained: bool, given: bool, instead: bool) -> FeeModel:
    """Return a model with a rate in place of those of some legs, or beside them."""

    def changed(old: FeeRate | None) -> FeeRate:
        if old is None or (instead and rate not in old.rates):
            return FeeRate(rate)
        return old if rate in old.rates else msgspec.structs.replace(old, alternate=rate)

    return msgspec.structs.replace(
        model,
        received=changed(model.received) if gained else model.received,
        paid=changed(model.paid) if given else model.paid,
    )
