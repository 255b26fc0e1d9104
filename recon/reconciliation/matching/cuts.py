"""Holding an observation against the cuts it may have seen. Pure (semantics 5.1).

1. A cut lies within one window of the observation, and not before the last cut agreed on.
2. The earliest cut that fits is taken: it leaves later observations the most room.
3. An exact fit is preferred to one within tolerance.
4. Of a fee at one of two rates, a cut since the last agreement fits with the one or the other, not with what is
   between; with as few as possible of those that are seldom taken.
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.rules import Tolerance
from recon.ledger.timeline import Timeline, Uncertainty
from recon.ledger.units import UnitState
from recon.reconciliation.matching.tolerance import total_tolerance
from recon.reconciliation.model.hypothesis import MAX_CUTS, MAX_DOUBTS


def window_of(state: UnitState, observation: Observation, low: int, window: int) -> tuple[int, int]:
    """Return the first and the last position on the timeline that an observation may have seen."""
    timeline = state.timeline
    first = max(timeline.position_of(low), timeline.first_cut(observation.clock - window))
    last = max(first, timeline.last_cut(observation.clock + window))
    if last - first >= MAX_CUTS:
        here = timeline.last_cut(observation.clock)
        first = max(first, here - MAX_CUTS // 2)
        last = min(last, max(first, here + MAX_CUTS // 2))
    return first, last


def fit(  # noqa: PLR0913 - a pure function of all that a fit depends on; the tracking of a unit gives way to one mechanism
    state: UnitState,
    observation: Observation,
    *,
    residual: Decimal,
    low: int,
    window: int,
    slack: Uncertainty,
    rules: Tolerance,
    seldom: bool = True,
) -> tuple[int, Decimal] | None:
    """Return the position of the earliest cut that fits a residual, and the reading that fits; None where none does.

    `low` is the entry number that cuts may not go behind, `slack` the books' slack at the last agreement. Rates that
    are seldom taken may be left out: entries that are still to come may fit better.
    """
    timeline = state.timeline
    first, last = window_of(state, observation, low, window)
    offset = (state.unit.balance.opening or ZERO) + residual
    totals = timeline.totals
    for value in observation.values:
        wanted = value - offset
        for position in range(first, last + 1):
            if totals[position] == wanted:
                return position, value
    rate = state.unit.reported.rate_usd
    lost = timeline.rounding_since(slack, last) + timeline.cumulative_spread_since(timeline.position_of(low), last)
    found: tuple[int, int, Decimal] | None = None
    for value in observation.values:
        # No cut in the window tolerates more than this, so most need no closer look.
        most = total_tolerance(rules, reported=value, expected=abs(value) * 2, slack=lost, rate_usd=rate)
        for position in range(first, last + 1):
            expected = totals[position] + offset
            if abs(value - expected) > most:
                continue
            bound = total_tolerance(
                rules, reported=value, expected=expected, slack=timeline.rounding_since(slack, position), rate_usd=rate
            )
            fees = matching_spreads(timeline, low, position, value - expected, bound)
            if fees is not None and fees[0] and not seldom:
                continue
            if fees is not None and (found is None or fees[0] < found[0]):
                found = fees[0], position, value
        if found is not None and not found[0]:
            break
    return None if found is None else found[1:]


def matching_spreads(
    timeline: Timeline, low: int, position: int, rest: Decimal, tolerance: Decimal
) -> tuple[int, Decimal] | None:
    """Return how many fees since entry `low` had their other rate, where that is all of a rest, and how much it is.

    None where no choice leaves as little as rounding may, which is then theirs. Of more than MAX_DOUBTS fees anything
    between is allowed.
    """
    if abs(rest) <= tolerance:
        return 0, ZERO
    doubts = timeline.spreads_since(low, position)
    if not doubts:
        return None
    if len(doubts) > MAX_DOUBTS:
        least = sum((each for each in doubts if each < 0), -tolerance)
        most = sum((each for each in doubts if each > 0), tolerance)
        return (len(doubts), rest) if least <= rest <= most else None
    sums = {ZERO: 0}
    for doubt in doubts:
        for known, count in list(sums.items()):
            sums[known + doubt] = min(count + 1, sums.get(known + doubt, len(doubts)))
    fitting = [count for known, count in sums.items() if count and abs(rest - known) <= tolerance]
    return (min(fitting), rest) if fitting else None


def cuts_by_time_distance(state: UnitState, observation: Observation, low: int, window: int) -> list[int]:
    """Return the positions that an observation may have seen, the nearest in time first, of equals the newest."""
    timeline, seen = state.timeline, observation.clock
    first, last = window_of(state, observation, low, window)

    def lag(position: int) -> int:
        until = timeline.clocks[position + 1] if position < timeline.last() else seen
        return max(seen - until, timeline.clocks[position] - seen, 0)

    return sorted(range(last, first - 1, -1), key=lag)
