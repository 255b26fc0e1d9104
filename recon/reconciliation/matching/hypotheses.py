"""Residuals that observations allow, and how well each does. Pure (semantics 5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.rules import Tolerance
from recon.ledger.timeline import Uncertainty
from recon.ledger.units import UnitState
from recon.reconciliation.matching.cuts import cuts_by_time_distance, matching_spreads, window_of
from recon.reconciliation.matching.tolerance import total_tolerance
from recon.reconciliation.model.hypothesis import MAX_CANDIDATES, NEAR_CUTS, ROUGH_FEE, Hypothesis


def residuals(
    state: UnitState, observation: Observation, *, low: int, window: int, opening: Decimal
) -> list[Hypothesis]:
    """Return the distinct residuals that an observation allows, oldest cut first."""
    first, last = window_of(state, observation, low, window)
    return _allowed(state, observation, range(first, last + 1), opening)


def nearest_residuals(
    state: UnitState, observation: Observation, *, low: int, window: int, opening: Decimal
) -> list[Hypothesis]:
    """Return the distinct residuals that an observation allows at the cuts nearest in time, oldest cut first."""
    return _allowed(
        state, observation, sorted(cuts_by_time_distance(state, observation, low, window)[:NEAR_CUTS]), opening
    )


def _allowed(
    state: UnitState, observation: Observation, positions: Iterable[int], opening: Decimal
) -> list[Hypothesis]:
    timeline = state.timeline
    found: dict[Decimal, Hypothesis] = {}
    for position in positions:
        residual = observation.values[0] - opening - timeline.totals[position]
        if residual not in found:
            number = timeline.numbers[position]
            found[residual] = Hypothesis(
                residual=residual,
                low=number,
                origin=number,
                mark=number,
                since=observation.clock,
                since_seq=observation.seq,
                since_us=observation.us,
                price=observation.price,
            )
    return list(found.values())


def weigh(  # noqa: PLR0913 - a pure function of all that a weighing depends on
    state: UnitState,
    observation: Observation,
    candidates: list[Hypothesis],
    *,
    window: int,
    slack: Uncertainty,
    rules: Tolerance,
    floor: int | None = None,
    fee_share: Decimal = ZERO,
) -> list[Hypothesis]:
    """Hold every candidate against an observation; return those that are not worn out, with their new standing.

    A candidate's cuts may not go behind its last one; where a `floor` is given, not behind that entry. `fee_share`
    tells which part of the legs filled since a candidate's first cut may be a fee that is not known yet.
    """
    if not candidates:
        return []
    cuts = _Cuts(state, observation, window, slack, rules, fee_share)
    kept: list[Hypothesis] = []
    for candidate in candidates:
        fitting = cuts.that_fit(candidate, candidate.low if floor is None else floor)
        if not fitting:
            judged = msgspec.structs.replace(candidate, misses=candidate.misses + 1, fitting=False)
        else:
            position, lag, margin = cuts.nearest(fitting)
            drift, mark = cuts.settle(candidate, position)
            judged = msgspec.structs.replace(
                candidate,
                low=state.timeline.numbers[fitting[0]],
                accrued_fees=drift,
                mark=mark,
                distance=candidate.distance + lag,
                fits=candidate.fits + 1,
                inexact_fits=candidate.inexact_fits + cuts.roughness(candidate, position),
                fitting=True,
            )
            if margin >= candidate.margin:
                judged.margin, judged.latest, judged.latest_price = (
                    margin,
                    state.timeline.numbers[position],
                    observation.price,
                )
        if not judged.exhausted:
            kept.append(judged)
    return kept


class _Cuts:
    """The cuts that one observation may have seen, sorted by what the books held, for asking many residuals."""

    def __init__(
        self,
        state: UnitState,
        observation: Observation,
        window: int,
        slack: Uncertainty,
        rules: Tolerance,
        fee_share: Decimal,
    ) -> None:
        self._fee_share = fee_share
        self._timeline = timeline = state.timeline
        self._observation = observation
        self._window = window
        self._slack = slack
        self._rules = rules
        self._rate = state.unit.reported.rate_usd
        self._opening = state.unit.balance.opening or ZERO
        first, last = window_of(state, observation, 0, window)
        self._order = sorted(range(first, last + 1), key=timeline.totals.__getitem__)
        self._totals = [timeline.totals[position] for position in self._order]
        self._nearest = cuts_by_time_distance(state, observation, 0, window)[:NEAR_CUTS] if fee_share else []
        self._doubtful = bool(timeline.cumulative_spread[-1])
        self._lost = timeline.rounding_since(slack, last) + timeline.cumulative_spread_since(0, timeline.last())

    def that_fit(self, candidate: Hypothesis, low: int) -> list[int]:
        """Return the positions not before entry `low` that fit a candidate, the earliest first; exact ones go alone."""
        for value in self._observation.values:
            wanted = value - self._opening - candidate.residual - candidate.accrued_fees
            most = self._tolerance(value, abs(value) * 2, self._lost)
            begin, end = bisect_left(self._totals, wanted - most), bisect_right(self._totals, wanted + most)
            if begin == end:
                continue
            earliest = self._timeline.position_of(low)
            near = sorted(position for position in self._order[begin:end] if position >= earliest)
            exact = [position for position in near if self._timeline.totals[position] == wanted]
            close = exact or [position for position in near if self._is_close(candidate, position, wanted, value)]
            if close:
                return close
        return self._that_fit_but_for_fees(candidate, low) if self._fee_share else []

    def _that_fit_but_for_fees(self, candidate: Hypothesis, low: int) -> list[int]:
        """Return the nearest position in time that fits if a fee not known yet was taken since a candidate began."""
        timeline, share = self._timeline, self._fee_share
        mark, earliest = timeline.uncertainty_at(timeline.position_of(candidate.origin)), timeline.position_of(low)
        for value in self._observation.values:
            wanted = value - self._opening - candidate.residual - candidate.accrued_fees
            for position in self._nearest:
                fees = share * abs(timeline.turnover_since(mark, position))
                if position >= earliest and abs(timeline.totals[position] - wanted) <= fees:
                    return [position]
        return []

    def nearest(self, positions: list[int]) -> tuple[int, int, int]:
        """Return which of some cuts is nearest in time, its distance, and how much farther away the next one is."""
        clocks, seen, window = self._timeline.clocks, self._observation.clock, self._window
        found, nearest, next_nearest = positions[0], window, window
        for position in positions:
            until = clocks[position + 1] if position < self._timeline.last() else seen
            lag = max(seen - until, clocks[position] - seen, 0)
            if lag < nearest:
                found, nearest, next_nearest = position, lag, nearest
            else:
                next_nearest = min(lag, next_nearest)
        return found, nearest, next_nearest - nearest

    def settle(self, candidate: Hypothesis, position: int) -> tuple[Decimal, int]:
        """Return what fees in doubt came to under a candidate by a cut that fits, and up to which entry."""
        timeline = self._timeline
        number = timeline.numbers[position]
        if not self._doubtful or number <= candidate.mark:
            return candidate.accrued_fees, max(candidate.mark, number)
        expected = self._opening + candidate.residual + candidate.accrued_fees + timeline.totals[position]
        for value in self._observation.values:
            tolerance = self._bound(position, value, expected)
            owed = matching_spreads(timeline, candidate.mark, position, value - expected, tolerance)
            if owed is not None:
                return candidate.accrued_fees + owed[1], number
        return candidate.accrued_fees, number

    def roughness(self, candidate: Hypothesis, position: int) -> int:
        """Tell how well a cut that fits does so: 0 exactly, 1 within tolerance, ROUGH_FEE with a fee not known yet."""
        offset = self._opening + candidate.residual + candidate.accrued_fees
        values = self._observation.values
        if offset + self._timeline.totals[position] in values:
            return 0
        return 1 if any(self._is_close(candidate, position, value - offset, value) for value in values) else ROUGH_FEE

    def _is_close(self, candidate: Hypothesis, position: int, wanted: Decimal, value: Decimal) -> bool:
        timeline = self._timeline
        rest = wanted - timeline.totals[position]
        tolerance = self._bound(position, value, value - rest)
        if not self._doubtful:
            return abs(rest) <= tolerance
        mark = timeline.position_of(candidate.mark)
        if position >= mark:
            return matching_spreads(timeline, candidate.mark, position, rest, tolerance) is not None
        # Behind what the drift holds already: the same fees, the other way.
        return matching_spreads(timeline, timeline.numbers[position], mark, -rest, tolerance) is not None

    def _bound(self, position: int, value: Decimal, expected: Decimal) -> Decimal:
        return self._tolerance(value, expected, self._timeline.rounding_since(self._slack, position))

    def _tolerance(self, value: Decimal, expected: Decimal, lost: Decimal) -> Decimal:
        return total_tolerance(self._rules, reported=value, expected=expected, slack=lost, rate_usd=self._rate)


def merged(candidates: list[Hypothesis], fresh: list[Hypothesis]) -> list[Hypothesis]:
    """Add residuals that are not among the candidates yet, within the bound; the weakest go first."""
    known = {candidate.residual for candidate in candidates}
    together = [*candidates, *(candidate for candidate in fresh if candidate.residual not in known)]
    if len(together) <= MAX_CANDIDATES:
        return together
    weakest = sorted(together, key=lambda candidate: (candidate.score, candidate.since))[:-MAX_CANDIDATES]
    going = {candidate.residual for candidate in weakest}
    return [candidate for candidate in together if candidate.residual not in going]


def best(candidates: list[Hypothesis]) -> Hypothesis:
    """Return the candidate with the best standing; of equals the nearest in time, then the newest cut's."""
    return max(reversed(candidates), key=lambda candidate: (candidate.score, -candidate.distance // candidate.fits))
