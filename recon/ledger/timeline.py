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


class Uncertainty(msgspec.Struct, frozen=True, gc=False):
    """What entries up to some point may have lost: cash entries that may have been rounded, other blur, and legs.

    `gained` and `given` are the legs received and paid, which a fee may have been a share of. `doubt` is what the
    balance gains where the other rate was taken of a fee that may have one of two; it is known entry by entry alone.
    """

    rounded_postings: int = 0
    price_error: Decimal = ZERO
    received: Decimal = ZERO
    paid: Decimal = ZERO
    rate_spread: Decimal = ZERO

    def plus(self, other: Uncertainty) -> Uncertainty:
        """Add what further entries may lose."""
        return Uncertainty(
            self.rounded_postings + other.rounded_postings,
            self.price_error + other.price_error,
            self.received + other.received,
            self.paid + other.paid,
            self.rate_spread + other.rate_spread,
        )

    def minus(self, other: Uncertainty) -> Uncertainty:
        """Take away what later entries may lose."""
        return Uncertainty(
            self.rounded_postings - other.rounded_postings,
            self.price_error - other.price_error,
            self.received - other.received,
            self.paid - other.paid,
            self.rate_spread - other.rate_spread,
        )


#: No cash entry, no error.
CERTAIN: Final = Uncertainty()


def leg_uncertainty(
    amount: Decimal, *, rounded: int = 0, price_error: Decimal = ZERO, rate_spread: Decimal = ZERO
) -> Uncertainty:
    """Return the error bound of one leg, whose signed amount is turnover that a fee may be a share of."""
    received, paid = (amount, ZERO) if amount > 0 else (ZERO, -amount)
    return Uncertainty(rounded, price_error, received, paid, rate_spread)


class Timeline:
    """Running totals after each kept entry; parallel lists, because this is the hottest data there is."""

    __slots__ = (
        "clocks",
        "cumulative_spread",
        "explained",
        "numbers",
        "occurred",
        "paid",
        "price_errors",
        "quantum",
        "received",
        "rounded_postings",
        "seqs",
        "spreads",
        "totals",
    )

    def __init__(
        self, number: int = 0, total: Decimal = ZERO, explained: Decimal = ZERO, slack: Uncertainty = CERTAIN
    ) -> None:
        """Start with a base that holds everything so far."""
        self.numbers = [number]
        self.seqs = [0]
        self.clocks = [-(1 << 62)]
        self.occurred = [0]
        self.totals = [total]
        self.explained = [explained]
        self.rounded_postings = [slack.rounded_postings]
        self.price_errors = [slack.price_error]
        self.received = [slack.received]
        self.paid = [slack.paid]
        #: What the balance gains of the step if the other rate was taken, and the sizes of that added up.
        self.spreads = [ZERO]
        self.cumulative_spread = [ZERO]
        #: Smallest step of the unit's reports as known now, 0 while unknown.
        self.quantum = ZERO

    def merge_into_last(self, number: int, amount: Decimal, slack: Uncertainty) -> None:
        """Add an entry to the newest step: a fill and its fee are one at the venue, and no report tells them apart."""
        self.numbers[-1] = number
        self.totals[-1] += amount
        self.explained[-1] += amount
        self.rounded_postings[-1] += slack.rounded_postings
        self.price_errors[-1] += slack.price_error
        self.received[-1] += slack.received
        self.paid[-1] += slack.paid
        self.spreads[-1] += slack.rate_spread
        self.cumulative_spread[-1] += abs(slack.rate_spread)

    def append(
        self,
        number: int,
        seq: int,
        clock: int,
        occurred_us: int,
        amount: Decimal,
        slack: Uncertainty,
        *,
        explains: bool,
    ) -> None:
        """Add one entry; `explains` tells it from a fill, `slack` is what it adds."""
        self.numbers.append(number)
        self.seqs.append(seq)
        self.clocks.append(clock)
        self.occurred.append(occurred_us)
        self.totals.append(self.totals[-1] + amount)
        self.explained.append(self.explained[-1] + amount if explains else self.explained[-1])
        self.spreads.append(slack.rate_spread)
        self.cumulative_spread.append(
            self.cumulative_spread[-1] + abs(slack.rate_spread) if slack.rate_spread else self.cumulative_spread[-1]
        )
        if slack is CERTAIN:
            self.rounded_postings.append(self.rounded_postings[-1])
            self.price_errors.append(self.price_errors[-1])
            self.received.append(self.received[-1])
            self.paid.append(self.paid[-1])
        else:
            self.rounded_postings.append(self.rounded_postings[-1] + slack.rounded_postings)
            self.price_errors.append(
                self.price_errors[-1] + slack.price_error if slack.price_error else self.price_errors[-1]
            )
            self.received.append(self.received[-1] + slack.received if slack.received else self.received[-1])
            self.paid.append(self.paid[-1] + slack.paid if slack.paid else self.paid[-1])
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

    def position_of(self, number: int) -> int:
        """Return the position of the cut after entry `number`, or the base where it is no longer kept."""
        return max(bisect_right(self.numbers, number) - 1, 0)

    def uncertainty_at(self, position: int) -> Uncertainty:
        """Return what all cash entries up to a position may have lost."""
        return Uncertainty(
            self.rounded_postings[position],
            self.price_errors[position],
            self.received[position],
            self.paid[position],
        )

    def spreads_since(self, number: int, position: int) -> list[Decimal]:
        """Return what the balance gains of each fee after an entry up to a position, if its other rate was taken."""
        base = self.position_of(number)
        if self.cumulative_spread[position] <= self.cumulative_spread[base]:
            return []
        return [doubt for doubt in self.spreads[base + 1 : position + 1] if doubt]

    def cumulative_spread_since(self, base: int, position: int) -> Decimal:
        """Return how much is open of fees between two positions, at most."""
        return max(self.cumulative_spread[position] - self.cumulative_spread[base], ZERO)

    def rounding_since(self, mark: Uncertainty, position: int) -> Decimal:
        """Return what cash entries between a mark and a position may have lost, at most (semantics 6)."""
        rounded, blur = (
            self.rounded_postings[position] - mark.rounded_postings,
            self.price_errors[position] - mark.price_error,
        )
        if rounded <= 0 and blur <= 0:
            return ZERO
        return rounded * self.quantum * _HALF + blur

    def turnover_since(self, mark: Uncertainty, position: int) -> Decimal:
        """Return the legs, received and paid, of what was filled between a mark and a position."""
        gained, given = self.received_and_paid_since(mark, position)
        return gained + given

    def received_and_paid_since(self, mark: Uncertainty, position: int) -> tuple[Decimal, Decimal]:
        """Return apart the legs received and the legs paid between a mark and a position."""
        return self.received[position] - mark.received, self.paid[position] - mark.paid

    def fills_between(self, base: int, position: int) -> tuple[tuple[Decimal, ...], Decimal]:
        """Return the legs of fills after one position up to another, paid ones negative, and what is booked of fees."""
        found: list[Decimal] = []
        booked = ZERO
        for index in range(base + 1, position + 1):
            leg = self.received[index] - self.received[index - 1] - self.paid[index] + self.paid[index - 1]
            if leg:
                found.append(leg)
                booked += self.explained[index - 1] - self.explained[index]
        return tuple(found), booked

    def trim(self, number: int) -> None:
        """Forget what lies well before entry `number`; done now and then, because it costs."""
        behind = self.position_of(number) - KEPT_BEHIND
        if behind >= KEPT_BEHIND:
            self._drop(behind)

    def trim_exactly(self, number: int) -> None:
        """Keep KEPT_BEHIND entries before entry `number`, so that a decision never depends on when we trimmed."""
        self._drop(max(self.position_of(number) - KEPT_BEHIND, 0))

    def _drop(self, count: int) -> None:
        del self.numbers[:count], self.seqs[:count], self.clocks[:count], self.occurred[:count]
        del self.totals[:count], self.explained[:count]
        del self.rounded_postings[:count], self.price_errors[:count]
        del self.received[:count], self.paid[:count]
        del self.spreads[:count], self.cumulative_spread[:count]
