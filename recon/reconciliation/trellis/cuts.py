"""Which entries a report may hold: cuts, and sets where the order of entries is not known. Pure (semantics 5.1).

Two entries may change places only where their stamps are equal, or where one has none and they arrived within half a
window; never two fills of one order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from recon.reconciliation.trellis.column import StateKey, Totals
from recon.reconciliation.trellis.costs import (
    CROWD,
    DEAREST_SWAPS,
    FUTURE,
    LAG,
    MAX_CUTS_AFTER,
    MAX_CUTS_BEFORE,
    MAX_SETS,
    SWAP,
    SWAP_WINDOW,
)
from recon.reconciliation.trellis.entries import Entries, Entry
from recon.reconciliation.trellis.unit import UnitTrellis

#: A set: how many entries come first, which later ones, the cost of the order it needs, the sums over it.
EntrySet = tuple[int, int, int, Totals]


def candidates(unit: UnitTrellis, at: int) -> tuple[int, int]:
    """Return the fewest and the most entries that a report received at a time may hold."""
    stamps = unit.entries.stamp
    low = bisect_right(stamps, at - unit.window - (unit.grain if unit.grain > 1 else 0)) - 1
    high = bisect_right(stamps, at + unit.early()) - 1
    here = bisect_right(stamps, at) - 1
    low = max(low, here - MAX_CUTS_BEFORE, 0)
    return low, max(min(high, here + MAX_CUTS_AFTER), low)


def lag(entries: Entries, cut: int, at: int) -> int:
    """Return what a cut costs in a report received at a time: the next entry is not in it, and the last one is."""
    window, items, stamps = entries.window, entries.items, entries.stamp
    cost = 0
    # An entry happened no earlier than its stamp, nor later, but for what the venue's times leave open.
    if cut < len(items) and stamps[cut + 1] < at and (latest := _latest(items[cut])) < at:
        cost = LAG * min(at - latest, window) // window
    if cut and stamps[cut] > at and (earliest := _earliest(items[cut - 1], window)) > at:
        cost += FUTURE + LAG * (earliest - at) // window
    return cost


def _earliest(entry: Entry, window: int) -> int:
    """Return when an entry may have happened at the earliest: one without a stamp, half a window before it came."""
    return entry.stamp_us if entry.resolution_us else entry.stamp_us - window // 2


def _latest(entry: Entry) -> int:
    """Return when an entry may have happened at the latest: within its stamp, and before it came."""
    stamp = entry.stamp_us
    if entry.resolution_us <= 1:
        return stamp
    high = stamp + entry.resolution_us
    return entry.arrived_us if stamp <= entry.arrived_us < high else high


def swap(entries: Entries, out: int, inside: int) -> int | None:
    """Return what it costs that an entry is in and an earlier one is not; None where that cannot be."""
    first, second = entries.items[out], entries.items[inside]
    if first.order is not None and first.order == second.order:
        return None
    distance = max(second.arrived_us - first.arrived_us, 0)
    if first.resolution_us and second.resolution_us:
        if first.stamp_us != second.stamp_us:
            return None
    elif distance > entries.window // 2:
        return None
    return SWAP + SWAP_WINDOW * distance // entries.window


def wide_sets(entries: Entries, low: int, high: int) -> list[EntrySet]:
    """Return the sets between two cuts that are no cuts and that some order of the entries allows."""
    most = MAX_SETS if high - low <= CROWD else MAX_SETS // 4
    # Each one: entries that are out, bits of those that are in, counted from `low`, and the cost.
    found: list[tuple[tuple[int, ...], int, int]] = [((), 0, 0)]
    for index in range(low, high):
        more: list[tuple[tuple[int, ...], int, int]] = []
        for outs, bits, cost in found:
            more.append(((*outs, index), bits, cost))
            total = _swaps(entries, outs, index, cost)
            if total is not None:
                more.append((outs, bits | 1 << (index - low), total))
        if len(more) > most:
            more.sort(key=lambda each: (each[2], len(each[0]), each[1]))
            del more[most:]
        found = more
    sets = []
    for outs, bits, cost in found:
        first_out = outs[0] if outs else high
        later_in = bits >> (first_out - low)
        if later_in:
            end = first_out + later_in.bit_length()
            sets.append((first_out, later_in, cost, entries.totals_without(end, [out for out in outs if out < end])))
    return sets


def _swaps(entries: Entries, outs: Sequence[int], index: int, cost: int) -> int | None:
    for out in outs:
        each = swap(entries, out, index)
        if each is None:
            return None
        cost += each
        if cost > DEAREST_SWAPS:
            return None
    return cost


def _indices(first_out: int, later_in: int) -> list[int]:
    return [first_out + bit for bit in range(later_in.bit_length()) if later_in >> bit & 1]


def added(source: StateKey, target: StateKey) -> Sequence[int]:
    """Return the indices of the entries that the second state has in its report and the first has not."""
    first_out, later_in = source[0], source[1]
    if not later_in and not target[1]:
        return range(first_out, target[0])
    found = [index for index in range(first_out, target[0]) if not later_in >> (index - first_out) & 1]
    found += [index for index in _indices(target[0], target[1]) if not later_in >> (index - first_out) & 1]
    return found


def has_same_stamps(unit: UnitTrellis, at: int) -> bool:
    """True if two entries that a report may hold have the same stamp."""
    low, high = candidates(unit, at)
    stamps = unit.entries.stamp
    return any(stamps[index] == stamps[index + 1] for index in range(max(low - 1, 1), min(high, len(stamps) - 1)))
