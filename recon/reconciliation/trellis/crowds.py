"""Reports that may hold any of very many entries: what need not be told apart is not. Pure (semantics 5.2).

1. Cuts that leave the same over from what came before differ in nothing but how many entries are in. The one with the
   fewest allows all that the others allow, so it stands for them.
2. A cut that fits nothing that came before is a jump wherever it lies: a few near the report in time are tried.
3. In a flood of reports only the order by stamps is tried.
"""

from __future__ import annotations

from bisect import bisect_right

from recon.reconciliation.trellis.column import FEE, HOLDS, SLACK, SPREAD, Column, StateKey, StateValue
from recon.reconciliation.trellis.costs import ALIKE, FLOOD, NEAR_CUTS, NEAR_FIT
from recon.reconciliation.trellis.unit import UnitTrellis


def first_fit(
    unit: UnitTrellis, column: Column, source: tuple[int, int], low: int, high: int
) -> tuple[int, int, int] | None:
    """Return the earliest cut that fits within likely rounding, its reading, and what is left; None where none does.

    `source` is the cut before and its level. None also where a cut nearly fits and leaves something else over.
    """
    entries, tolerance = unit.entries, unit.tolerance
    net, sums = entries.net, entries.sums
    first, level = source
    before = sums[first]
    base, slack_before = level + before[FEE], before[SLACK] - tolerance
    near = NEAR_FIT * (sums[high][SLACK] - slack_before)
    for reading, value in enumerate(column.values):
        least, most = value - base - near, value - base + near
        close = [cut for cut, each in enumerate(net[low : high + 1], low) if least <= each <= most]
        if not close:
            continue
        cut = close[0]
        left = value - net[cut] - base
        beyond = max(abs(left) - tolerance, 0)
        if abs(left) > sums[cut][SLACK] - slack_before or beyond * beyond > sums[cut][SPREAD] - before[SPREAD]:
            return None
        if any(net[other] != net[cut] for other in close):
            return None
        return cut, reading, left
    return None


def crowded_cuts(
    unit: UnitTrellis, column: Column, states: dict[StateKey, StateValue], low: int, high: int
) -> list[int]:
    """Return the cuts that fit one of the states before, the earliest of those that leave the same, and a few more."""
    entries = unit.entries
    sums = entries.sums
    width = 2 * (sums[high][SLACK] - sums[min(key[0] for key in states)][SLACK] + unit.tolerance) + 1
    wanted: set[int] = set()
    for key, value in states.items():
        base = value[4] + sums[key[0]][FEE]
        for reported in column.values:
            place = (reported - base) // width
            wanted.update((place - 1, place, place + 1))
    earliest: dict[int, int] = {}
    for cut, net in enumerate(entries.net[low : high + 1], low):
        if net not in earliest and net // width in wanted:
            earliest[net] = cut
    here = bisect_right(entries.stamp, column.at) - 1
    near = range(max(here - NEAR_CUTS + 1, low), min(here + 1, high) + 1)
    floors = {key[0] for key in states if low <= key[0] <= high}
    return sorted({*earliest.values(), *near, *floors, low})


def in_flood(unit: UnitTrellis, column: Column, index: int) -> bool:
    """True if so many reports came within a window that trying other orders of entries takes too long."""
    return index >= FLOOD and unit.columns[index - FLOOD].at > column.at - unit.window


def without_alike(unit: UnitTrellis, kept: list[tuple[StateKey, StateValue]]) -> list[tuple[StateKey, StateValue]]:
    """Return states without those that another one with fewer entries stands for."""
    sums = unit.entries.sums
    groups: dict[tuple[int, int], list[tuple[StateKey, StateValue]]] = {}
    found: list[tuple[StateKey, StateValue]] = []
    for key, value in kept:
        if key[1] or key[2] != HOLDS or value[2] not in {"exact", "opening"}:
            found.append((key, value))
        else:
            groups.setdefault((value[4] + sums[key[0]][FEE], key[3]), []).append((key, value))
    for group in groups.values():
        group.sort(key=lambda item: item[0][0])
        least = min(value[0] for _, value in group)
        stands = next(item for item in group if item[1][0] <= least + ALIKE)
        found += [item for item in group if item[0][0] <= stands[0][0]]
    return found
