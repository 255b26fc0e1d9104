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
from recon.ledger.posting.derivatives import ReportedPosition, bears_out, open_unit
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UNMODELLED
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.hypotheses import nearest_residuals, weigh
from recon.reconciliation.matching.tolerance import computed_tolerance
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


def run_ahead(context: ComparisonContext, observation: Observation) -> bool:
    """Open at once where report after report is exactly what is booked; return whether it did."""
    comparison, timeline = context.comparison, context.timeline
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
    comparison.low, comparison.uncertainty = timeline.numbers[-1], timeline.uncertainty_at(timeline.last())
    seen = [(front.number, front.price), (timeline.numbers[-1], observation.price)]
    open_unit(
        context.ledger, context.state, front.residual, "exact", context.at, seen=_seen(context, front.residual, seen)
    )
    agree(context, observation, (timeline.last(), observation.values[0]))
    return True


def _seen(context: ComparisonContext, opening: Decimal, reports: list[tuple[int, Decimal | None]]) -> ReportedPosition:
    """Return what a contract's position was in its first report, unless a later one contradicts its price.

    The first snapshot may be a stale one: the same quantity again, at the price of before.
    """
    timeline = context.timeline
    first, later = (
        ReportedPosition(opening + timeline.totals[timeline.position_of(number)], price, number)
        for number, price in reports
    )
    return first if bears_out(context.ledger, context.unit, first, later) else later


def weigh_opening(context: ComparisonContext, observation: Observation) -> None:
    """Let an observation speak for or against each candidate; what it allows joins, if earlier ones bear it out."""
    comparison, state, window = context.comparison, context.state, context.window
    known = {candidate.residual for candidate in comparison.opening}
    fresh = [
        msgspec.structs.replace(candidate, fits=0, low=0)
        for candidate in nearest_residuals(
            state, observation, low=_floor(context), window=window, opening=context.opening
        )
        if candidate.residual not in known
    ]
    for earlier in comparison.heard:
        fresh = _weighed(context, earlier, fresh)
    candidates = _weighed(context, observation, [*comparison.opening, *fresh])
    comparison.heard = [*comparison.heard, observation][-MAX_HEARD:]
    if not candidates:  # all worn out: begin anew with what this one allows
        candidates = nearest_residuals(state, observation, low=_floor(context), window=window, opening=context.opening)
        comparison.heard = [observation]
    comparison.opening = sorted(candidates, key=partial(_cost, window=window))[:MAX_OPENINGS]
    if comparison.opening_since is None:
        comparison.opening_since = observation.clock


def _weighed(context: ComparisonContext, observation: Observation, candidates: list[Hypothesis]) -> list[Hypothesis]:
    return weigh(
        context.state,
        observation,
        candidates,
        window=context.window,
        slack=context.comparison.uncertainty,
        rules=context.tolerance,
        floor=_floor(context),
        fee_share=_fee_share(context),
    )


def _floor(context: ComparisonContext) -> int:
    """Return the entry that cuts may not go behind: fees are booked with fills from there on."""
    return context.comparison.low if context.comparison.calibrating else 0


def _fee_share(context: ComparisonContext) -> Decimal:
    """Return which part of the legs may be a fee that is not known yet."""
    known = context.unit.fees.model.learned or context.unit.fees.scheduled
    return ZERO if known else context.rules.learn_fees_up_to


def _cost(candidate: Hypothesis, window: int) -> int:
    """Return how far in time from its cuts a candidate has been, on average.

    A report that it misses counts as a window, one that it fits within tolerance only as a part of one.
    """
    off = candidate.distance + window * candidate.misses + window * candidate.inexact_fits // ROUGH_SHARE
    return off // (candidate.fits + candidate.misses)


def settle_opening(context: ComparisonContext) -> None:
    """Fix the opening once a confirmed candidate is well ahead, or things are quiet."""
    comparison, unit, timeline, at = context.comparison, context.unit, context.timeline, context.at
    if unit.balance.opening is not None and not comparison.calibrating:
        comparison.opening = []
        return
    chosen = _decided(context)
    if chosen is None:
        return
    if comparison.calibrating:
        fee_learning.calibrated(context, chosen)
        return
    comparison.end_search()
    comparison.front = None
    context.continue_from(chosen)
    origin = timeline.position_of(chosen.origin)
    comparison.uncertainty = timeline.uncertainty_at(origin)
    seen = _seen(context, chosen.residual, [(chosen.origin, chosen.price), (chosen.latest, chosen.latest_price)])
    certainty = "inferred" if comparison.inferred else "exact"
    open_unit(context.ledger, context.state, chosen.residual, certainty, at, seen=seen)
    if comparison.reported is not None:
        context.remember_agreement(Observation(at.seq, at.clock, at.us, ()), comparison.reported)


def _decided(context: ComparisonContext) -> Hypothesis | None:
    """Return the candidate that may be fixed now, if any.

    In quiet it is one under which the last report holds everything booked. One that has missed more reports than the
    best has to wait until nothing was booked or said for a chain's length: a poll may have crossed a fill.
    """
    comparison, at, window = context.comparison, context.at, context.window
    chosen, patience = comparison.opening[0], CHAIN_WINDOWS * window
    waited = at.clock - (at.clock if comparison.opening_since is None else comparison.opening_since)
    booked, said = context.unit.balance.last_clock, comparison.observed_clock
    standing = None if comparison.queue else _standing(context)
    if standing is not None:
        rest, silence = at.clock - max(booked, said), comparison.silence(window)
        equal = standing.misses <= chosen.misses and (chosen.fits > 1 or len(comparison.heard) == 1)
        quiet = equal and standing.fits > 1 and booked <= said and rest >= silence
        if quiet or rest >= (max(patience, silence) if equal else CHAIN_WINDOWS * patience):
            return standing
    if chosen.fits == 1 or waited < patience:
        return None
    return chosen if waited >= CHAIN_WINDOWS * patience or _leads(context, chosen) else None


def _leads(context: ComparisonContext, chosen: Hypothesis) -> bool:
    """Tell whether a candidate is well ahead of every other that is not the same but for rounding."""
    window, timeline = context.window, context.timeline
    cost = _cost(chosen, window)
    lost = timeline.rounding_since(timeline.uncertainty_at(0), timeline.last()) + timeline.cumulative_spread_since(
        0, timeline.last()
    )
    for other in context.comparison.opening[1:]:
        if abs(other.residual - chosen.residual) <= lost:
            continue
        both = min(other.fits + other.misses, chosen.fits + chosen.misses)
        if (_cost(other, window) - cost) * both < OPENING_LEAD * window:
            return False
    return True


def _standing(context: ComparisonContext) -> Hypothesis | None:
    """Return the best candidate under which the last report, which still stands, holds everything that is booked."""
    comparison, timeline, reported = context.comparison, context.timeline, context.comparison.reported
    if reported is None:
        return None
    close: Hypothesis | None = None
    for candidate in comparison.opening:
        left = abs(reported - context.opening - candidate.residual - candidate.accrued_fees - timeline.totals[-1])
        if not left:
            return candidate
        mark = timeline.uncertainty_at(timeline.position_of(candidate.origin))
        lost = timeline.rounding_since(mark, timeline.last())
        lost += timeline.cumulative_spread_since(timeline.position_of(candidate.mark), timeline.last())
        lost += _fee_share(context) * timeline.turnover_since(mark, timeline.last())
        if close is None and left <= computed_tolerance(reported, lost):
            close = candidate
    return close


def rebase(context: ComparisonContext, observation: Observation) -> None:
    """Open a cash book: what the books lack until now is the unmodelled past, not drift (semantics 3.5)."""
    comparison, timeline = context.comparison, context.timeline
    comparison.rebase = False
    missing = context.unexplained_at(timeline.last(), observation.values[0])
    if missing:
        context.post_explanation(missing, UNMODELLED)
    agree(context, observation, (timeline.last(), observation.values[0]))
