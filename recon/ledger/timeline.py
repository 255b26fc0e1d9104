"""The recent entries of a unit, as running totals: what an observation can be held against. Pure.

1. Position 0 is the base: everything before the entries that are still kept.
2. Totals at a position are exact sums of all entries up to it.
3. A cut is a position; an observation at clock `t` may have seen cuts from `first_cut(t - W)` to `last_cut(t + W)`.
4. At most MAX_KEPT entries are kept; older entries are in every cut (a named bound: architecture 2.11).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO

#: Entries of one unit kept for comparison; beyond it the oldest are in every cut.
MAX_KEPT: Final = 2048
#: Entries kept behind the last agreement, so that a break's origin can be found.
KEPT_BEHIND: Final = 64


_HALF: Final = Decimal("0.5")


class Slack(msgspec.Struct, frozen=True, gc=False):
    """What entries up to some point may have lost: cash entries that may have been rounded, other blur, and legs.

    `gained` and `given` are the legs received and paid, which a fee may have been a share of. `doubt` is what the
    balance gains where the other rate was taken of a fee that may have one of two; it is known entry by entry alone.
    """

    rounded: int = 0
    blur: Decimal = ZERO
    gained: Decimal = ZERO
    given: Decimal = ZERO
    doubt: Decimal = ZERO

    def plus(self, other: Slack) -> Slack:
        """Add what further entries may lose."""
        return Slack(
            self.rounded + other.rounded,
            self.blur + other.blur,
            self.gained + other.gained,
            self.given + other.given,
            self.doubt + other.doubt,
        )

    def minus(self, other: Slack) -> Slack:
        """Take away what later entries may lose."""
        return Slack(
            self.rounded - other.rounded,
            self.blur - other.blur,
            self.gained - other.gained,
            self.given - other.given,
            self.doubt - other.doubt,
        )


#: No cash entry, no loss.
NOTHING: Final = Slack()


class Timeline:
    """Running totals after each kept entry; parallel lists, because this is the hottest data there is."""

    __slots__ = (
        "blurs",
        "clocks",
        "doubts",
        "explained",
        "gained",
        "given",
        "numbers",
        "occurred",
        "quantum",
        "rounded",
        "seqs",
        "totals",
        "unsure",
    )

    def __init__(
        self, number: int = 0, total: Decimal = ZERO, explained: Decimal = ZERO, slack: Slack = NOTHING
    ) -> None:
        """Start with a base that holds everything so far."""
        self.numbers = [number]
        self.seqs = [0]
        self.clocks = [-(1 << 62)]
        self.occurred = [0]
        self.totals = [total]
        self.explained = [explained]
        self.rounded = [slack.rounded]
        self.blurs = [slack.blur]
        self.gained = [slack.gained]
        self.given = [slack.given]
        #: What the balance gains of the step if the other rate was taken, and the sizes of that added up.
        self.doubts = [ZERO]
        self.unsure = [ZERO]
        #: Smallest step of the unit's reports as known now, 0 while unknown.
        self.quantum = ZERO

    def join(self, number: int, amount: Decimal, slack: Slack) -> None:
        """Add an entry to the newest step: a fill and its fee are one at the venue, and no report tells them apart."""
        self.numbers[-1] = number
        self.totals[-1] += amount
        self.explained[-1] += amount
        self.rounded[-1] += slack.rounded
        self.blurs[-1] += slack.blur
        self.gained[-1] += slack.gained
        self.given[-1] += slack.given
        self.doubts[-1] += slack.doubt
        self.unsure[-1] += abs(slack.doubt)

    def append(
        self, number: int, seq: int, clock: int, occurred_us: int, amount: Decimal, slack: Slack, *, explains: bool
    ) -> None:
        """Add one entry; `explains` tells it from a fill, `slack` is what it adds."""
        self.numbers.append(number)
        self.seqs.append(seq)
        self.clocks.append(clock)
        self.occurred.append(occurred_us)
        self.totals.append(self.totals[-1] + amount)
        self.explained.append(self.explained[-1] + amount if explains else self.explained[-1])
        self.doubts.append(slack.doubt)
        self.unsure.append(self.unsure[-1] + abs(slack.doubt) if slack.doubt else self.unsure[-1])
        if slack is NOTHING:
            self.rounded.append(self.rounded[-1])
            self.blurs.append(self.blurs[-1])
            self.gained.append(self.gained[-1])
            self.given.append(self.given[-1])
        else:
            self.rounded.append(self.rounded[-1] + slack.rounded)
            self.blurs.append(self.blurs[-1] + slack.blur if slack.blur else self.blurs[-1])
            self.gained.append(self.gained[-1] + slack.gained if slack.gained else self.gained[-1])
            self.given.append(self.given[-1] + slack.given if slack.given else self.given[-1])
        if len(self.numbers) > 2 * MAX_KEPT:
            self._drop(MAX_KEPT)

    def shift(self, amount: Decimal) -> None:
        """Let every cut hold an explanation of what every report since has shown: none of them fits more or less."""
        self.totals = [total + amount for total in self.totals]
        self.explained = [total + amount for total in self.explained]

    def last(self) -> int:
        """Return the position of the newest cut."""
        return len(self.numbers) - 1

    def first_cut(self, clock: int) -> int:
        """Return the earliest position that holds every entry before a clock."""
        return max(bisect_left(self.clocks, clock) - 1, 0)

    def last_cut(self, clock: int) -> int:
        """Return the latest position that holds no entry after a clock."""
        return bisect_right(self.clocks, clock) - 1

    def at(self, number: int) -> int:
        """Return the position of the cut after entry `number`, or the base where it is no longer kept."""
        return max(bisect_right(self.numbers, number) - 1, 0)

    def slack(self, position: int) -> Slack:
        """Return what all cash entries up to a position may have lost."""
        return Slack(
            self.rounded[position],
            self.blurs[position],
            self.gained[position],
            self.given[position],
        )

    def doubts_since(self, number: int, position: int) -> list[Decimal]:
        """Return what the balance gains of each fee after an entry up to a position, if its other rate was taken."""
        base = self.at(number)
        if self.unsure[position] <= self.unsure[base]:
            return []
        return [doubt for doubt in self.doubts[base + 1 : position + 1] if doubt]

    def unsure_since(self, base: int, position: int) -> Decimal:
        """Return how much is open of fees between two positions, at most."""
        return max(self.unsure[position] - self.unsure[base], ZERO)

    def lost_since(self, mark: Slack, position: int) -> Decimal:
        """Return what cash entries between a mark and a position may have lost, at most (semantics 6)."""
        rounded, blur = self.rounded[position] - mark.rounded, self.blurs[position] - mark.blur
        if rounded <= 0 and blur <= 0:
            return ZERO
        return rounded * self.quantum * _HALF + blur

    def legs_since(self, mark: Slack, position: int) -> Decimal:
        """Return the legs, received and paid, of what was filled between a mark and a position."""
        gained, given = self.sides_since(mark, position)
        return gained + given

    def sides_since(self, mark: Slack, position: int) -> tuple[Decimal, Decimal]:
        """Return apart the legs received and the legs paid between a mark and a position."""
        return self.gained[position] - mark.gained, self.given[position] - mark.given

    def fills_between(self, base: int, position: int) -> tuple[tuple[Decimal, ...], Decimal]:
        """Return the legs of fills after one position up to another, paid ones negative, and what is booked of fees."""
        found: list[Decimal] = []
        booked = ZERO
        for index in range(base + 1, position + 1):
            leg = self.gained[index] - self.gained[index - 1] - self.given[index] + self.given[index - 1]
            if leg:
                found.append(leg)
                booked += self.explained[index - 1] - self.explained[index]
        return tuple(found), booked

    def trim(self, number: int) -> None:
        """Forget what lies well before entry `number`; done now and then, because it costs."""
        behind = self.at(number) - KEPT_BEHIND
        if behind >= KEPT_BEHIND:
            self._drop(behind)

    def trim_exactly(self, number: int) -> None:
        """Keep KEPT_BEHIND entries before entry `number`, so that a decision never depends on when we trimmed."""
        self._drop(max(self.at(number) - KEPT_BEHIND, 0))

    def _drop(self, count: int) -> None:
        del self.numbers[:count], self.seqs[:count], self.clocks[:count], self.occurred[:count]
        del self.totals[:count], self.explained[:count]
        del self.rounded[:count], self.blurs[:count]
        del self.gained[:count], self.given[:count]
        del self.doubts[:count], self.unsure[:count]
