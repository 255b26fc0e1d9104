"""The states of one report, from those of the report before. Pure (semantics 5.2).

1. The quick path takes what fits exactly with nothing ambiguous; it says what the full search would.
2. The full search tries each cut from each state before; the wide one also sets that are no cuts, and passing over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from recon.reconciliation.trellis.column import (
    AMOUNT,
    FEE,
    HOLDS,
    PASSED,
    SLACK,
    SPREAD,
    UNKNOWN,
    UNMODELLED,
    Column,
    StateKey,
    StateValue,
)
from recon.reconciliation.trellis.costs import (
    BEAM,
    CLEAR_MOVE,
    CROWDED,
    CROWDED_STATES,
    HOLD,
    MANY_STATES,
    MAX_STATES,
    NEAR_FIT,
    NOVEL,
    PASSED_FROM,
    PASSED_OVER,
    READING,
    REOPENED,
    ROUNDED,
    SURE,
    WIDE,
)
from recon.reconciliation.trellis.crowds import crowded_cuts, first_fit, in_flood, without_alike
from recon.reconciliation.trellis.cuts import added, candidates, has_same_stamps, lag, wide_sets
from recon.reconciliation.trellis.edge_search import EdgeSearch
from recon.reconciliation.trellis.unit import UnitTrellis

#: A set: how many entries come first, which later ones, what it costs, what its entries moved.
_Target = tuple[int, int, int, int]


def search_newest(unit: UnitTrellis) -> None:
    """Work out the column of a report that was just taken: nearly always one cut alone fits, and nothing is dear."""
    index = len(unit.columns) - 1
    column = unit.columns[index]
    settled = index > 0 and column.at > (unit.opened or 0) + HOLD * unit.window
    if not (settled and take_quick_path(unit, index) and column.rise < WIDE):
        search_column(unit, index)


def search_column(unit: UnitTrellis, index: int) -> None:
    """Work out a column; where it costs much, try other orders of entries, and that the report is passed over."""
    column = unit.columns[index]
    column.wide = False
    _search(unit, index)
    if column.rise < WIDE or not index:
        return
    first = index
    if in_flood(unit, column, index):
        if column.rise < NOVEL:
            return
    elif unit.blind or has_same_stamps(unit, column.at):
        blur = unit.window // 2 if unit.blind else unit.grain if unit.grain > 1 else 0
        reach = column.at - unit.window - 2 * blur
        while first > 0 and unit.columns[first - 1].at > reach and not unit.columns[first - 1].frozen:
            first -= 1
        while first < index and unit.columns[first].wide:
            first += 1  # what was tried wide already, from what has not changed since, stays
    elif column.rise < NOVEL:
        return
    for each in range(first, index + 1):
        unit.columns[each].wide = True
        _search(unit, each)


def _search(unit: UnitTrellis, index: int) -> None:
    column = unit.columns[index]
    column.frozen = False
    del unit.tail[max(index - unit.final - 1, 0) :]
    settled = index > 0 and column.at > (unit.opened or 0) + HOLD * unit.window
    if settled and not column.wide and take_quick_path(unit, index):
        return
    if index:
        states = _full_search(unit, index)
    elif unit.is_open:
        states = _reopened(unit, column)
    else:
        states = _opening(unit, column)
    least = min([value[0] for value in states.values()])
    most_cost = least + BEAM
    kept = [
        (key, (value[0] - least, *value[1:]) if least else value)
        for key, value in states.items()
        if value[0] <= most_cost
    ]
    if len(kept) > CROWDED:
        kept = without_alike(unit, kept)
    most = CROWDED_STATES if len(states) > MANY_STATES else MAX_STATES
    if len(kept) > most:
        kept.sort(key=lambda item: (item[1][0], -item[0][0], item[0]))
        del kept[most:]
    column.rise = least
    if not column.wide and settled:
        kept.sort(key=lambda item: item[1][0])
        if least <= ROUNDED and _settles(unit, index, kept):
            kept = kept[:1]
    column.states = dict(kept)


# -- the quick path ---------------------------------------------------------------------------------------------------


def take_quick_path(unit: UnitTrellis, index: int) -> bool:
    """Set the one state of a column where one cut alone fits, exactly; return False where that is not so."""
    columns, entries = unit.columns, unit.entries
    before = columns[index - 1].states
    if len(before) != 1:
        return False
    ((key, value),) = before.items()
    first = key[0]
    if key[1] or key[2] == PASSED:
        return False
    column = columns[index]
    at, stamps = column.at, entries.stamp
    low = bisect_right(stamps, at - unit.window - (unit.grain if unit.grain > 1 else 0)) - 1
    high = bisect_right(stamps, at + unit.early()) - 1
    low = max(low, first)
    high = max(low, high)
    least, most = entries.sums[first], entries.sums[high]
    if most[UNKNOWN] != least[UNKNOWN] or most[UNMODELLED] != least[UNMODELLED]:
        return False
    crowded = high - low > CROWDED
    hit = (first_fit if crowded else _single_fit)(unit, column, (first, value[4]), low, high)
    if hit is None:
        return False
    cut, reading, left = hit
    cost = (0 if crowded else lag(entries, cut, at)) + READING * reading + (ROUNDED if left else 0)
    if cost >= WIDE:
        return False
    column.rise = value[0] + cost
    if column.sets:
        column.sets = {}
    level = column.values[reading] - entries.sums[cut][AMOUNT]
    column.states = {(cut, 0, HOLDS, reading): (0, key, "exact", left, level)}
    return True


def _single_fit(
    unit: UnitTrellis, column: Column, source: tuple[int, int], low: int, high: int
) -> tuple[int, int, int] | None:
    """Return the only cut and reading that fit within likely rounding, and what is left; None where others are near.

    `source` is the cut before and its level.
    """
    entries, tolerance = unit.entries, unit.tolerance
    net, sums = entries.net, entries.sums
    first, level = source
    before = sums[first]
    base, slack_before = level + before[FEE], before[SLACK] - tolerance
    # No slack is greater than that of the last cut: what is further off than it allows is near no cut.
    furthest = NEAR_FIT * (sums[high][SLACK] - slack_before)
    hit = None
    for reading, value in enumerate(column.values):
        wanted = value - base
        least, most = wanted - furthest, wanted + furthest
        for cut in [cut for cut, each in enumerate(net[low : high + 1], low) if least <= each <= most]:
            left = wanted - net[cut]
            near = sums[cut][SLACK] - slack_before
            if -near <= left <= near:
                if hit is not None:
                    return None
                beyond = max(abs(left) - tolerance, 0) if tolerance else left
                if beyond * beyond > sums[cut][SPREAD] - before[SPREAD]:
                    return None
                hit = cut, reading, left
            elif -NEAR_FIT * near <= left <= NEAR_FIT * near:
                return None
    return hit


# -- the full search --------------------------------------------------------------------------------------------------


def _opening(unit: UnitTrellis, column: Column) -> dict[StateKey, StateValue]:
    """Return the states of the first report: all its sets and readings."""
    states: dict[StateKey, StateValue] = {}
    targets = _targets(unit, 0, 0)
    for reading, value in enumerate(column.values):
        for cut, later_in, cost, amount in targets:
            states[cut, later_in, HOLDS, reading] = cost + READING * reading, None, "opening", 0, value - amount
    return states


def _reopened(unit: UnitTrellis, column: Column) -> dict[StateKey, StateValue]:
    """Return the states of the oldest report kept: the one that was final, and dearer its other cuts."""
    own, value = min(column.states.items(), key=lambda item: (item[1][0], item[0]))
    states = _opening(unit, column)
    states = {key: (cost[0] + REOPENED, *cost[1:]) for key, cost in states.items()}
    if own[1]:
        column.sets = {own[:2]: unit.entries.totals_of(own[0], added((own[0], 0, 0, 0), own))}
        states = {}
    states[own] = 0, None, "opening", 0, value[4]
    return states


def _targets(
    unit: UnitTrellis, index: int, floor: int, states: dict[StateKey, StateValue] | None = None
) -> list[_Target]:
    """Return the sets that a column may have, and keep the sums of those that are no cuts.

    `floor` is the fewest entries that the report before may have, `states` are its states, if there is one.
    """
    entries, column = unit.entries, unit.columns[index]
    low, high = candidates(unit, column.at)
    low, high = max(low, floor), max(high, floor)
    cuts: Iterable[int] = range(low, high + 1)
    if high - low > CROWDED and states is not None:
        cuts = crowded_cuts(unit, column, states, low, high)
    sums, at = entries.sums, column.at
    targets = [(cut, 0, lag(entries, cut, at), sums[cut][AMOUNT]) for cut in cuts]
    column.sets = {}
    if column.wide and not in_flood(unit, column, index):
        for cut, later_in, cost, totals in wide_sets(entries, low, high):
            targets.append((cut, later_in, cost + lag(entries, cut, at), totals[0]))
            column.sets[cut, later_in] = totals
    return targets


def _full_search(unit: UnitTrellis, index: int) -> dict[StateKey, StateValue]:
    before, column = unit.columns[index - 1], unit.columns[index]
    targets = _targets(unit, index, min(key[0] for key in before.states), before.states)
    edges = EdgeSearch(unit, index)
    states: dict[StateKey, StateValue] = {}
    for reading, value in enumerate(column.values):
        for cut, later_in, cost, amount in targets:
            best = edges.cheapest(cut, later_in, cost + READING * reading, value - amount)
            if best is not None:
                states[cut, later_in, HOLDS, reading] = best
    if column.wide:
        _pass_over(unit, index, edges, states)
    return states


def _pass_over(unit: UnitTrellis, index: int, edges: EdgeSearch, states: dict[StateKey, StateValue]) -> None:
    """Add the states in which the report is passed over: set and level stay those of the report before.

    Reports in a row are passed over for a hold at most: what goes on longer is no race.
    """
    before, column = unit.columns[index - 1], unit.columns[index]
    for cost, _, key, level, _, _ in edges.sources[:PASSED_FROM]:
        if key[2] == PASSED and (not edges.soon or column.at - _held_at(unit, index - 1, key) > HOLD * unit.window):
            continue
        state = key[0], key[1], PASSED, key[3]
        if state not in states:
            states[state] = cost + PASSED_OVER, key, "passed_over", 0, level
            if key[1]:
                column.sets[key[0], key[1]] = unit.totals(before, key)


def _held_at(unit: UnitTrellis, index: int, key: StateKey) -> int:
    """Return when the last report before a state came that is not passed over."""
    source: StateKey | None = key
    while index > 0 and source is not None and source[2] == PASSED:
        source = unit.columns[index].states[source][1]
        index -= 1
    return unit.columns[index].at


def _settles(unit: UnitTrellis, index: int, kept: list[tuple[StateKey, StateValue]]) -> bool:
    """True if the best state settles what was before: an exact step over entries, with nothing else near."""
    key, value = kept[0]
    source = value[1]
    if value[0] or value[2] != "exact" or source is None or key[0] <= source[0] or source[1]:
        return False
    lead = SURE if _is_exact_step(unit.columns[index - 1], source) else NOVEL
    if len(kept) > 1 and kept[1][1][0] < lead:
        return False
    net, sums = unit.entries.net, unit.entries.sums
    moved = abs(net[key[0]] - net[source[0]])
    return moved > CLEAR_MOVE * (sums[key[0]][SLACK] - sums[source[0]][SLACK])


def _is_exact_step(column: Column, key: StateKey) -> bool:
    """True if a state was reached by an exact step over entries."""
    value = column.states[key]
    return value[2] == "exact" and value[1] is not None and key[0] > value[1][0]
