"""The recent entries of a unit, step by step: what opened a unit and what may be the cause of a break. Pure.

1. A step is an entry, or a fill with its fee. Position 0 is the base: all steps before those still kept.
2. Totals at a position are exact sums of all entries up to it.
3. What explains a break or replaces an entry is no step: it shifts all totals.
4. Only the newest MAX_KEPT steps are to be read: what is kept beside them depends on when the unit was loaded
   (a named bound: architecture 2.11).
"""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import Final

from recon.exact import ZERO

#: Steps of a unit that may be read.
MAX_KEPT: Final = 512


class Timeline:
    """Running totals after every kept step; parallel lists, because they are added to with every entry."""

    __slots__ = ("explained", "numbers", "occurred", "seqs", "totals", "turnovers")

    def __init__(self, number: int = 0, total: Decimal = ZERO, explained: Decimal = ZERO) -> None:
        """Start with a base: the number of the last entry so far, and the totals of all entries."""
        self.numbers = [number]
        self.seqs = [0]
        #: When the entry happened, in microseconds.
        self.occurred = [0]
        self.totals = [total]
        self.explained = [explained]
        #: What a fee of the step is a share of, signed.
        self.turnovers = [ZERO]

    def merge_into_last(self, number: int, amount: Decimal) -> None:
        """Merge a fee into the newest step: nothing lies between a fill and its fee."""
        self.numbers[-1] = number
        self.totals[-1] += amount
        self.explained[-1] += amount

    def append(
        self, number: int, seq: int, occurred_us: int, amount: Decimal, turnover: Decimal, *, explains: bool
    ) -> None:
        """Add a step; `explains`: the entry is no fill."""
        self.numbers.append(number)
        self.seqs.append(seq)
        self.occurred.append(occurred_us)
        self.totals.append(self.totals[-1] + amount)
        self.explained.append(self.explained[-1] + amount if explains else self.explained[-1])
        self.turnovers.append(turnover)
        if len(self.numbers) > 2 * MAX_KEPT:
            self._drop(len(self.numbers) - MAX_KEPT - 1)

    def shift(self, amount: Decimal) -> None:
        """Shift all totals by an explanation that all reports since already contain."""
        self.totals = [total + amount for total in self.totals]
        self.explained = [total + amount for total in self.explained]

    def last(self) -> int:
        """Return the position of the newest step."""
        return len(self.numbers) - 1

    def first(self) -> int:
        """Return the first position that may be read, whenever the unit was loaded; it is after the base."""
        return max(len(self.numbers) - MAX_KEPT, 1)

    def position_of(self, number: int) -> int:
        """Return the position of the last step up to an entry, or the base if the step is no longer kept."""
        return max(bisect_right(self.numbers, number) - 1, 0)

    def _drop(self, count: int) -> None:
        del self.numbers[:count], self.seqs[:count], self.occurred[:count]
        del self.totals[:count], self.explained[:count], self.turnovers[:count]
