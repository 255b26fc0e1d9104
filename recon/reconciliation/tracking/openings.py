"""How a unit's opening is found: a chain like a comparison, because fills race with the first report too. Pure.

1. Only the opening is decided here, once; it is never moved (semantics 4).
2. Candidates are what reports allow, each held against every report heard; the truth is nearest in time to its cuts,
   and misses least (semantics 4.2).
3. A single report may be stale: until a second one confirms it, quiet means as long as a chain may last.
4. In quiet the last report holds everything that is booked.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.posting.derivatives import Seen, bears_out, open_unit
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UNMODELLED
from recon.reconciliation.context import Subject
from recon.reconciliation.matching.hypotheses import near, weigh
from recon.reconciliation.matching.tolerance import computed
from recon.reconciliation.model.hypothesis import (
    MAX_HEARD,
    MAX_OPENINGS,
    OPENING_HITS,
    OPENING_LEAD,
    OPENING_TURNS,
    ROUGH_SHARE,
    FrontRunner,
    Hypothesis,
)
from recon.reconciliation.tracking import fee_learning
from recon.reconciliation.tracking.agreement import agree


def run_ahead(subject: Subject, observation: Observation) -> bool:
    """Open at once where report after report is exactly what is booked; return whether it did."""
    comparison, timeline = subject.comparison, subject.timeline
    front, total = comparison.front, timeline.totals[-1]
    residual = observation.values[0] - total
    if front is None or residual != front.residual:
        comparison.front = FrontRunner(residual, timeline.numbers[-1], observation.price, total)
        return False
    if total != front.total:
        rising = total > front.total
        front.turns += front.rising is not None and rising != front.rising
        front.hits, front.rising, front.total = front.hits + 1, rising, total
    if front.hits < OPENING_HITS or front.turns < OPENING_TURNS:
        return False
    comparison.queue, comparison.opening, comparison.heard = [], [], []
    comparison.low, comparison.slack = timeline.numbers[-1], timeline.slack(timeline.last())
    seen = [(front.number, front.price), (timeline.numbers[-1], observation.price)]
    open_unit(
        subject.book, subject.held, front.residual, "exact", subject.at, seen=_seen(subject, front.residual, seen)
    )
    agree(subject, observation, (timeline.last(), observation.values[0]))
    return True


def _seen(subject: Subject, opening: Decimal, reports: list[tuple[int, Decimal | None]]) -> Seen:
    """Return what a contract's position was in its first report, unless a later one contradicts its price.

    The first snapshot may be a stale one: the same quantity again, at the price of before.
    """
    timeline = subject.timeline
    first, later = (Seen(opening + timeline.totals[timeline.at(number)], price, number) for number, price in reports)
    return first if bears_out(subject.book, subject.unit, first, later) else later


def weigh_opening(subject: Subject, observation: Observation) -> None:
    """Let an observation speak for or against each candidate; what it allows joins, if earlier ones bear it out."""
    comparison, held, window = subject.comparison, subject.held, subject.window
    known = {candidate.residual for candidate in comparison.opening}
    fresh = [
        msgspec.structs.replace(candidate, fits=0, low=0)
        for candidate in near(held, observation, low=_floor(subject), window=window, opening=subject.opening)
        if candidate.residual not in known
    ]
    for earlier in comparison.heard:
        fresh = _weighed(subject, earlier, fresh)
    candidates = _weighed(subject, observation, [*comparison.opening, *fresh])
    comparison.heard = [*comparison.heard, observation][-MAX_HEARD:]
    if not candidates:  # all worn out: begin anew with what this one allows
        candidates = near(held, observation, low=_floor(subject), window=window, opening=subject.opening)
        comparison.heard = [observation]
    comparison.opening = sorted(candidates, key=partial(_cost, window=window))[:MAX_OPENINGS]
    if comparison.opening_since is None:
        comparison.opening_since = observation.clock


def _weighed(subject: Subject, observation: Observation, candidates: list[Hypothesis]) -> list[Hypothesis]:
    return weigh(
        subject.held,
        observation,
        candidates,
        window=subject.window,
        slack=subject.comparison.slack,
        rules=subject.tolerance,
        floor=_floor(subject),
        fee_share=_fee_share(subject),
    )


def _floor(subject: Subject) -> int:
    """Return the entry that cuts may not go behind: fees are booked with fills from there on."""
    return subject.comparison.low if subject.comparison.calibrating else 0


def _fee_share(subject: Subject) -> Decimal:
    """Return which part of the legs may be a fee that is not known yet."""
    known = subject.unit.fee.learned or subject.unit.fees_told
    return ZERO if known else subject.rules.learn_fees_up_to


def _cost(candidate: Hypothesis, window: int) -> int:
    """Return how far in time from its cuts a candidate has been, on average.

    A report that it misses counts as a window, one that it fits within tolerance only as a part of one.
    """
    off = candidate.lag + window * candidate.misses + window * candidate.rough // ROUGH_SHARE
    return off // (candidate.fits + candidate.misses)


def settle_opening(subject: Subject) -> None:
    """Fix the opening once a confirmed candidate is well ahead, or things are quiet."""
    comparison, unit, timeline, at = subject.comparison, subject.unit, subject.timeline, subject.at
    if unit.opening is not None and not comparison.calibrating:
        comparison.opening = []
        return
    chosen = _decided(subject)
    if chosen is None:
        return
    if comparison.calibrating:
        fee_learning.calibrated(subject, chosen)
        return
    comparison.end_search()
    comparison.front = None
    subject.go_on_from(chosen)
    origin = timeline.at(chosen.origin)
    comparison.slack = timeline.slack(origin)
    seen = _seen(subject, chosen.residual, [(chosen.origin, chosen.price), (chosen.latest, chosen.latest_price)])
    certainty = "inferred" if comparison.inferred else "exact"
    open_unit(subject.book, subject.held, chosen.residual, certainty, at, seen=seen)
    if comparison.reported is not None:
        subject.remember(Observation(at.seq, at.clock, at.us, ()), comparison.reported)


def _decided(subject: Subject) -> Hypothesis | None:
    """Return the candidate that may be fixed now, if any.

    In quiet it is one under which the last report holds everything booked. One that has missed more reports than the
    best has to wait until nothing was booked or said for a chain's length: a poll may have crossed a fill.
    """
    comparison, at, window = subject.comparison, subject.at, subject.window
    chosen, patience = comparison.opening[0], CHAIN_WINDOWS * window
    waited = at.clock - (at.clock if comparison.opening_since is None else comparison.opening_since)
    booked, said = subject.unit.last_clock, comparison.observed_clock
    standing = None if comparison.queue else _standing(subject)
    if standing is not None:
        rest, silence = at.clock - max(booked, said), comparison.silence(window)
        equal = standing.misses <= chosen.misses and (chosen.fits > 1 or len(comparison.heard) == 1)
        quiet = equal and standing.fits > 1 and booked <= said and rest >= silence
        if quiet or rest >= (max(patience, silence) if equal else CHAIN_WINDOWS * patience):
            return standing
    if chosen.fits == 1 or waited < patience:
        return None
    return chosen if waited >= CHAIN_WINDOWS * patience or _leads(subject, chosen) else None


def _leads(subject: Subject, chosen: Hypothesis) -> bool:
    """Tell whether a candidate is well ahead of every other that is not the same but for rounding."""
    window, timeline = subject.window, subject.timeline
    cost = _cost(chosen, window)
    lost = timeline.lost_since(timeline.slack(0), timeline.last()) + timeline.unsure_since(0, timeline.last())
    for other in subject.comparison.opening[1:]:
        if abs(other.residual - chosen.residual) <= lost:
            continue
        both = min(other.fits + other.misses, chosen.fits + chosen.misses)
        if (_cost(other, window) - cost) * both < OPENING_LEAD * window:
            return False
    return True


def _standing(subject: Subject) -> Hypothesis | None:
    """Return the best candidate under which the last report, which still stands, holds everything that is booked."""
    comparison, timeline, reported = subject.comparison, subject.timeline, subject.comparison.reported
    if reported is None:
        return None
    close: Hypothesis | None = None
    for candidate in comparison.opening:
        left = abs(reported - subject.opening - candidate.residual - candidate.drift - timeline.totals[-1])
        if not left:
            return candidate
        mark = timeline.slack(timeline.at(candidate.origin))
        lost = timeline.lost_since(mark, timeline.last())
        lost += timeline.unsure_since(timeline.at(candidate.mark), timeline.last())
        lost += _fee_share(subject) * timeline.legs_since(mark, timeline.last())
        if close is None and left <= computed(reported, lost):
            close = candidate
    return close


def rebase(subject: Subject, observation: Observation) -> None:
    """Open a cash book: what the books lack until now is the unmodelled past, not drift (semantics 3.5)."""
    comparison, timeline = subject.comparison, subject.timeline
    comparison.rebase = False
    missing = subject.rest(timeline.last(), observation.values[0])
    if missing:
        subject.explain(missing, UNMODELLED)
    agree(subject, observation, (timeline.last(), observation.values[0]))
