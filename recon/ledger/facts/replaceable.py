"""The entries of one unit that facts may replace, found by amount and time, or by their fill. Pure (semantics 10.3).

Each look-up takes as long among many entries as among few, but for the distinct amounts within its tolerance.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal

from recon.ledger.facts.external_fact import is_manual
from recon.ledger.units import Entry


class _ByAmount:
    """Entry numbers by exact amount; those of one amount are sorted by a time."""

    __slots__ = ("_amounts", "_numbers")

    def __init__(self) -> None:
        self._amounts: list[Decimal] = []
        self._numbers: dict[Decimal, list[tuple[int, int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._amounts)

    def add(self, amount: Decimal, us: int, number: int) -> None:
        if amount not in self._numbers:
            insort(self._amounts, amount)
        insort(self._numbers.setdefault(amount, []), (us, number))

    def remove(self, amount: Decimal, us: int, number: int) -> None:
        numbers = self._numbers[amount]
        del numbers[bisect_left(numbers, (us, number))]
        if not numbers:
            del self._numbers[amount]
            del self._amounts[bisect_left(self._amounts, amount)]

    def nearest_in_time(self, low: Decimal, high: Decimal, us: int) -> Iterator[tuple[int, int]]:
        """Yield the distance in time and the number of the entries that are nearest to a time, for each amount."""
        first, last = bisect_left(self._amounts, low), bisect_right(self._amounts, high)
        for amount in self._amounts[first:last]:
            numbers = self._numbers[amount]
            after = bisect_left(numbers, (us, -1))
            if after < len(numbers):
                yield numbers[after][0] - us, numbers[after][1]
            if after:
                before = numbers[bisect_left(numbers, (numbers[after - 1][0], -1))]
                yield us - before[0], before[1]

    def nearest_in_amount(self, amount: Decimal) -> Iterator[tuple[Decimal, int]]:
        """Yield the distance in amount and the first number of the two nearest amounts."""
        place = bisect_left(self._amounts, amount)
        for near in self._amounts[max(place - 1, 0) : place + 1]:
            yield abs(near - amount), self._numbers[near][0][1]


class ReplaceableEntries:
    """Entries of one unit that the facts of a batch may replace, by number."""

    __slots__ = ("_by_fill", "_by_time", "numbers")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Begin with some entries."""
        self.numbers: dict[int, Entry] = {}
        #: By cause, and whether a person told the entry as a fact.
        self._by_time: dict[tuple[str, bool], _ByAmount] = {}
        #: By cause, order and ordinal of those that no fact told; under the ordinal None are all of the order.
        self._by_fill: dict[tuple[str, str, int | None], _ByAmount] = {}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        self.pop(entry.number)
        self.numbers[entry.number] = entry
        for index, us in self._indexes(entry):
            index.add(entry.amount, us, entry.number)

    def pop(self, number: int) -> Entry | None:
        """Remove an entry and return it, None if it is not there."""
        entry = self.numbers.pop(number, None)
        if entry is not None:
            for index, us in self._indexes(entry):
                index.remove(entry.amount, us, number)
        return entry

    def nearest(
        self, causes: Collection[str], amount: Decimal, bound: Decimal, us: int, within_us: int, *, told: bool = False
    ) -> Entry | None:
        """Return the entry of an amount that is nearest to a time, of several the first; `told` as facts, or not."""
        found = (
            near
            for cause in causes
            if (cause, told) in self._by_time
            for near in self._by_time[cause, told].nearest_in_time(amount - bound, amount + bound, us)
            if near[0] <= within_us
        )
        near = min(found, default=None)
        return None if near is None else self.numbers[near[1]]

    def of_fill(self, causes: Collection[str], order: str, ordinal: int | None, amount: Decimal) -> Entry | None:
        """Return the entry of a fill with the nearest amount; of its whole order where the fill is not known."""
        of_fill = self._of(causes, order, ordinal) or self._of(causes, order, None)
        near = min((near for index in of_fill for near in index.nearest_in_amount(amount)), default=None)
        return None if near is None else self.numbers[near[1]]

    def _of(self, causes: Collection[str], order: str, ordinal: int | None) -> list[_ByAmount]:
        indexes = (self._by_fill.get((cause, order, ordinal)) for cause in causes)
        return [index for index in indexes if index]

    def _indexes(self, entry: Entry) -> Iterator[tuple[_ByAmount, int]]:
        """Yield the indexes that an entry belongs to, and the time that sorts it there."""
        if not entry.fact or is_manual(entry.fact):
            index = self._by_time.setdefault((entry.cause, bool(entry.fact)), _ByAmount())
            yield index, entry.occurred_us
        if not entry.fact and entry.order is not None:
            for ordinal in {None, entry.ordinal}:
                yield self._by_fill.setdefault((entry.cause, entry.order, ordinal), _ByAmount()), 0
