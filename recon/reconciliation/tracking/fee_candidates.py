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
from recon.reconciliation.context import Found, Subject
from recon.reconciliation.matching.cuts import by_distance
from recon.reconciliation.model.comparison import Comparison, Suspect
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


def hold(subject: Subject, observation: Observation) -> bool:
    """Agree with a report but for what may be fees at a rate not known yet; return whether it is like that."""
    comparison = subject.comparison
    position = by_distance(subject.held, observation, comparison.low, subject.window)[0]
    for value in observation.values:
        rest = subject.rest(position, value)
        fresh = _suspect(subject, observation, position, rest, resolution(value))
        if fresh is not None:
            _own(subject, observation, (position, value))
            _take(subject, fresh)
            return True
    return False


def hold_step(subject: Subject, step: Hypothesis) -> bool:
    """Hold a step that report after report has shown, where it may be a fee; return whether it may."""
    comparison, timeline = subject.comparison, subject.timeline
    seen = Observation(step.since_seq, step.since, step.since_us, ())
    amount = step.residual - comparison.residual
    fresh = _suspect(subject, seen, timeline.at(step.origin), amount, resolution(timeline.totals[-1]))
    if fresh is None:
        return False
    subject.go_on_from(step)
    _take(subject, msgspec.structs.replace(fresh, until=comparison.low))
    return True


def _suspect(subject: Subject, seen: Observation, position: int, amount: Decimal, resolved: Decimal) -> Suspect | None:
    """Return what is missing by a report at a cut, if it may be what fills since the last agreement cost."""
    unit, comparison, timeline = subject.unit, subject.comparison, subject.timeline
    known = unit.fees_told or unit.fee.gained is not None or unit.fee.given is not None
    if not known or len(comparison.suspects) >= MAX_SUSPECTS:
        return None
    base = timeline.at(comparison.low)
    legs, booked = timeline.fills_between(base, position)
    most = subject.rules.learn_fees_up_to * sum(map(abs, legs), ZERO)
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


def withdraw(subject: Subject) -> None:
    """Give back what was taken into suspense since the last agreement: what follows it is no fee, so it may be none."""
    comparison = subject.comparison
    going: list[Suspect] = []
    for each in reversed(comparison.suspects):
        if each.until != comparison.low:
            break
        comparison.low = each.low
        going.append(each)
    _give_up(subject, going)


def give_back(subject: Subject, observation: Observation) -> bool:
    """Agree with a report that fits without a difference in suspense; return whether it does."""
    comparison = subject.comparison
    suspects = comparison.suspects
    for first in reversed(range(len(suspects))):
        alone, with_later = suspects[first : first + 1], suspects[first:]
        for going in (with_later, alone) if len(with_later) > 1 else (alone,):
            amount = sum((each.amount for each in going), ZERO)
            low = _before(comparison, going)
            found = subject.fit(observation, without=amount, low=low)
            if found is not None:
                _give_up(subject, going)
                comparison.low = low
                agree(subject, observation, found)
                return True
    return False


def _before(comparison: Comparison, going: list[Suspect]) -> int:
    """Return the entry agreed up to before some differences, if nothing was agreed on since; else up to now."""
    until = comparison.low
    for each in reversed(going):
        if each.until != until:
            return comparison.low
        until = each.low
    return until


def released(subject: Subject) -> Hypothesis | None:
    """Give up what waited long enough, the earliest first; return it as the step that it is."""
    comparison, at = subject.comparison, subject.at
    if not comparison.suspects or comparison.chain is not None or comparison.queue:
        return None
    first = comparison.suspects[0]
    waited = at.clock - first.clock >= SUSPENSE_WINDOWS * subject.window
    if not waited and comparison.cleared_since < SUSPENSE_AGREEMENTS:
        return None
    _give_up(subject, [first])
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


def _own(subject: Subject, observation: Observation, found: Found) -> None:
    """Go on from a report as from one that agrees, but book nothing yet: it may have been a race."""
    comparison, (position, value) = subject.comparison, found
    comparison.reported, comparison.low = value, subject.timeline.numbers[position]
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    subject.show(position)
    subject.remember(observation, value)


def _take(subject: Subject, fresh: Suspect) -> None:
    """Own a difference, and book what it makes clear together with others."""
    comparison = subject.comparison
    comparison.suspects = [*comparison.suspects, fresh]
    comparison.residual += fresh.amount
    adopted = any(_adopt(subject, gained=gained, given=given) for gained, given in _WAYS)
    _book_runs(subject, comparison.suspects if adopted else [fresh])
    comparison.cleared_since = 0


def _adopt(subject: Subject, *, gained: bool, given: bool) -> bool:
    """Take the rate that the latest difference bears out with others, if it does; return whether."""
    comparison, unit = subject.comparison, subject.unit
    found = _borne_out(subject, gained=gained, given=given)
    if found is None:
        return False
    rate, by, instead = found
    fee_accruals.adopt(subject, _with_rate(unit.fee, rate, gained=gained, given=given, instead=instead))
    message = f"the fee of {unit.code} is {plain(rate)} of the leg now" + ("" if instead else " too")
    subject.book.find(unit.account, subject.at, "fee_changed", unit.code, message)
    _book(subject, [each for each in by if each in comparison.suspects])
    comparison.odd = []
    return True


def _book_runs(subject: Subject, ending: list[Suspect]) -> None:
    """Book differences, one after the other, that come to what known rates may take: their cuts had been wrong."""
    for last in ending:
        suspects = subject.comparison.suspects
        run: list[Suspect] = []
        for each in reversed(suspects[: suspects.index(last) + 1] if last in suspects else []):
            if run and each.until != run[0].low:
                break
            run = [each, *run]
            if _is_known(subject, run):
                _book(subject, run)
                break


def _is_known(subject: Subject, run: list[Suspect]) -> bool:
    """Tell whether what some fills cost in all is what known rates may take of them, or what was booked."""
    fee = subject.unit.fee
    legs = [leg for each in run for leg in each.legs]
    blur = sum((each.blur for each in run), ZERO)
    if len(run) > 1 and abs(sum((each.amount for each in run), ZERO)) <= blur:
        return True
    if len(legs) > MAX_DOUBTS:
        return False
    sums = {ZERO}
    for leg in legs:
        side = fee.gained if leg > 0 else fee.given
        if side is None or side.half:
            return False
        sums = {known + rate * abs(leg) for known in sums for rate in side.known}
    cost = sum((each.cost for each in run), ZERO)
    return any(abs(cost - known) <= blur for known in sums)


def _book(subject: Subject, known: list[Suspect]) -> None:
    """Let differences be booked as fees with the next agreement."""
    _let_go(subject, known)
    subject.comparison.settled += sum((each.amount for each in known), ZERO)


def _give_up(subject: Subject, going: list[Suspect]) -> None:
    """Own some differences no longer."""
    _let_go(subject, going)
    subject.comparison.residual -= sum((each.amount for each in going), ZERO)


def _let_go(subject: Subject, going: list[Suspect]) -> None:
    comparison = subject.comparison
    comparison.suspects = [each for each in comparison.suspects if each not in going]


def _borne_out(subject: Subject, *, gained: bool, given: bool) -> tuple[Decimal, list[Suspect], bool] | None:
    """Return the rate of some legs that the latest difference bears out with others, with which, and if in place."""
    suspects, unit = subject.comparison.suspects, subject.unit
    sides = [side for side, taken in ((unit.fee.gained, gained), (unit.fee.given, given)) if taken]
    known = [rate for side in sides if side is not None for rate in side.known]
    best: tuple[list[Suspect], Bounds] | None = None
    for bounds in _bounds(suspects[-1], known, gained=gained, given=given):
        within, by = bounds, [suspects[-1]]
        for other in (*reversed(suspects[:-1]), *reversed(subject.comparison.odd)):
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
    if scale(rate) > RATE_DIGITS or all(side is not None and rate in side.known for side in sides):
        return None
    two = any(side is not None and side.other is not None for side in sides)
    instead = len(by) >= INSTEAD and (not known or two or not subject.comparison.cleared_since)
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
        if old is None or (instead and rate not in old.known):
            return FeeRate(rate)
        return old if rate in old.known else msgspec.structs.replace(old, other=rate)

    return msgspec.structs.replace(
        model,
        gained=changed(model.gained) if gained else model.gained,
        given=changed(model.given) if given else model.given,
    )
