"""The comparisons of a gateway's units, and which of them have breaks, by account and by asset. Pure.

1. A break looks for others that may share its cause: the nearest in the log. It may not look through all units for it.
2. Who changes a comparison tells `refresh`; until then the unit is found where it was.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush, merge
from itertools import islice
from typing import Final

from recon.ledger.units import Unit, UnitKey
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState

#: Breaks that are known before those that are remembered no more are forgotten.
MIN_FORGOTTEN: Final = 4096
#: A group of units: of an account, of a CoinAPI code, of a code, or of a code without CoinAPI code.
Group = tuple[str, str]
#: How far a break is from a log position, its unit, and the end of its origin.
Near = tuple[int, UnitKey, int]


class _ByOrigin:
    """The units of a group by the end of their breaks' origins, each list in order."""

    __slots__ = ("seqs", "units")

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.units: dict[int, list[UnitKey]] = {}

    def add(self, key: UnitKey, seq: int) -> None:
        if seq not in self.units:
            insort(self.seqs, seq)
            self.units[seq] = []
        insort(self.units[seq], key)

    def remove(self, key: UnitKey, seq: int) -> None:
        units = self.units[seq]
        del units[bisect_left(units, key)]
        if not units:
            del self.units[seq], self.seqs[bisect_left(self.seqs, seq)]

    def near(self, seq: int) -> Iterator[Near]:
        """Yield every break, the nearest first; of equals in the order of their units."""
        middle = bisect_left(self.seqs, seq)
        before, after = range(middle - 1, -1, -1), range(middle, len(self.seqs))
        return merge(self._distances(before, seq), self._distances(after, seq))

    def _distances(self, places: Iterable[int], seq: int) -> Iterator[Near]:
        for place in places:
            origin = self.seqs[place]
            for key in self.units[origin]:
                yield abs(origin - seq), key, origin


class Comparisons(dict[UnitKey, ComparisonState]):
    """The comparison of each unit, and an index of those with breaks."""

    def __init__(self) -> None:
        """Begin without any."""
        super().__init__()
        self._groups: dict[Group, _ByOrigin] = {}
        #: The unit of each break that is active or remembered, and of breaks that were.
        self._units: dict[str, UnitKey] = {}
        self._most_units = MIN_FORGOTTEN
        #: Where each unit with breaks stands: its groups, and the ends of its breaks' origins.
        self._placed: dict[UnitKey, tuple[list[Group], list[int]]] = {}
        #: The units of each case, and the cases of each unit with open breaks.
        self._units_of_case: dict[str, set[UnitKey]] = {}
        self._cases_of_unit: dict[UnitKey, set[str]] = {}

    def __missing__(self, key: UnitKey) -> ComparisonState:
        """Begin the comparison of a unit at its first use."""
        found = self[key] = ComparisonState()
        return found

    def refresh(self, unit: Unit) -> None:
        """Find a unit by the breaks and the undecided steps that it has now."""
        key = unit.key
        comparison = self[key]
        if not comparison.breaks and not comparison.pending and key not in self._placed:
            return
        seqs = {break_.until_seq for break_ in comparison.breaks} | {step.seq for step in comparison.pending}
        self._units.update((break_.id, key) for break_ in comparison.breaks)
        if len(self._units) > self._most_units:
            self._forget_breaks()
        self._place_cases(key, {break_.case_id for break_ in comparison.breaks})
        place = (groups_of(unit), sorted(seqs))
        if self._placed.get(key) == place:
            return
        for group, seq in _pairs(self._placed.pop(key, ([], []))):
            self._groups[group].remove(key, seq)
        if seqs:
            self._placed[key] = place
            for group, seq in _pairs(place):
                self._groups.setdefault(group, _ByOrigin()).add(key, seq)

    def _place_cases(self, key: UnitKey, cases: set[str]) -> None:
        """Find a unit by the cases of its open breaks."""
        before = self._cases_of_unit.pop(key, set())
        for case in before - cases:
            self._units_of_case[case].discard(key)
            if not self._units_of_case[case]:
                del self._units_of_case[case]
        for case in cases - before:
            self._units_of_case.setdefault(case, set()).add(key)
        if cases:
            self._cases_of_unit[key] = cases

    def note_closed(self, unit: Unit) -> None:
        """Find a stored unit by the closed breaks that it remembers."""
        self._units.update((break_.id, unit.key) for break_ in self[unit.key].closed)

    def _forget_breaks(self) -> None:
        """Forget the breaks that no unit remembers; seldom, because all units are looked at."""
        self._units.clear()
        for key, comparison in self.items():
            self._units.update((known.id, key) for known in (*comparison.closed, *comparison.breaks))
        self._most_units = max(2 * len(self._units), len(self), MIN_FORGOTTEN)

    def unit_of(self, break_id: str) -> UnitKey | None:
        """Return the unit of a break, None if no such break is known."""
        return self._units.get(break_id)

    def break_of(self, break_id: str) -> tuple[UnitKey, Break] | None:
        """Return a break that is active or remembered, with its unit; None if it is neither."""
        key = self._units.get(break_id)
        if key is None:
            return None
        known = (*self[key].breaks, *self[key].closed)
        return next(((key, each) for each in known if each.id == break_id), None)

    def of_case(self, case: str) -> list[UnitKey]:
        """Return the units that have open breaks of a case, in order."""
        return sorted(self._units_of_case.get(case, ()))

    def near(self, groups: Iterable[Group], seq: int, most: int) -> Iterator[Near]:
        """Yield the breaks of these groups that are nearest to a log position, the nearest first."""
        found = (self._groups[group].near(seq) for group in groups if group in self._groups)
        return islice(merge(*found), most)


def groups_of(unit: Unit) -> list[Group]:
    """Return the groups of a unit."""
    if unit.kind != "asset":
        return [("account", unit.account)]
    coinapi = ("bare", unit.code) if unit.coinapi is None else ("coinapi", unit.coinapi)
    return [("account", unit.account), coinapi, ("code", unit.code)]


def _pairs(place: tuple[list[Group], list[int]]) -> Iterator[tuple[Group, int]]:
    groups, seqs = place
    return ((group, seq) for group in groups for seq in seqs)


class FirstEnd:
    """The first of the ends that units have, of which each may change."""

    __slots__ = ("_ends", "_heap")

    def __init__(self) -> None:
        """Begin without any."""
        self._ends: dict[UnitKey, int] = {}
        self._heap: list[tuple[int, UnitKey]] = []

    def set(self, key: UnitKey, end: int | None) -> None:
        """Set the end of a unit; None if it has none."""
        if end is None:
            self._ends.pop(key, None)
        elif self._ends.get(key) != end:
            self._ends[key] = end
            heappush(self._heap, (end, key))

    def due(self, us: int) -> list[UnitKey]:
        """Return the units whose ends have come, in order. Each may be given another end then."""
        found: set[UnitKey] = set()
        while self._heap and self._heap[0][0] <= us:
            end, key = heappop(self._heap)
            if self._ends.get(key) == end:
                found.add(key)
                del self._ends[key]
        return sorted(found)

    def first(self) -> int | None:
        """Return the first end, None if there is none."""
        while self._heap and self._ends.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
