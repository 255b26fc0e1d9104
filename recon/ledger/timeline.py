"""The recent entries of a unit as running totals: the cuts that an observation is compared with. Pure.

1. Position 0 is the base: all entries before those still kept.
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

#: Entries of a unit kept for comparison; beyond this number the oldest are in every cut.
MAX_KEPT: Final = 2048
#: Entries kept behind the last agreement, so that a break's origin can be found.
KEPT_BEHIND: Final = 64


_HALF: Final = Decimal("0.5")


class Uncertainty(msgspec.Struct, frozen=True, gc=False):
    """Error bound of entries: rounded postings, price error, and turnover (fees are a share of turnover).

    `received` and `paid` are turnover. `rate_spread` is the gain of the balance if the venue took the alternate rate of
    a fee; it is meaningful for a single entry only.
    """

    rounded_postings: int = 0
    price_error: Decimal = ZERO
    received: Decimal = ZERO
    paid: Decimal = ZERO
    rate_spread: Decimal = ZERO

    def plus(self, other: Uncertainty) -> Uncertainty:
        """Return the sum of two error bounds."""
        return Uncertainty(
            self.rounded_postings + other.rounded_postings,
            self.price_error + other.price_error,
            self.received + other.received,
            self.paid + other.paid,
            self.rate_spread + other.rate_spread,
        )

    def minus(self, other: Uncertainty) -> Uncertainty:
        """Return the difference of two error bounds."""
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
    """Running totals after every kept entry; parallel lists, because no data are read more often."""

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
        self, number: int = 0, total: Decimal = ZERO, explained: Decimal = ZERO, uncertainty: Uncertainty = CERTAIN
    ) -> None:
        """Start with a base: the totals of all entries so far."""
        self.numbers = [number]
        self.seqs = [0]
        self.clocks = [-(1 << 62)]
        self.occurred = [0]
        self.totals = [total]
        self.explained = [explained]
        self.rounded_postings = [uncertainty.rounded_postings]
        self.price_errors = [uncertainty.price_error]
        self.received = [uncertainty.received]
        self.paid = [uncertainty.paid]
        #: The gain of the balance if the entry's alternate rate was taken, and the running sum of absolute gains.
        self.spreads = [ZERO]
        self.cumulative_spread = [ZERO]
        #: Smallest step of the unit's reports, 0 while unknown.
        self.quantum = ZERO

    def merge_into_last(self, number: int, amount: Decimal, uncertainty: Uncertainty) -> None:
        """Merge an entry into the newest position: no cut lies between a fill and its fee."""
        self.numbers[-1] = number
        self.totals[-1] += amount
        self.explained[-1] += amount
        self.rounded_postings[-1] += uncertainty.rounded_postings
        self.price_errors[-1] += uncertainty.price_error
        self.received[-1] += uncertainty.received
        self.paid[-1] += uncertainty.paid
        self.spreads[-1] += uncertainty.rate_spread
        self.cumulative_spread[-1] += abs(uncertainty.rate_spread)

    def append(
        self,
        number: int,
        seq: int,
        clock: int,
        occurred_us: int,
        amount: Decimal,
        uncertainty: Uncertainty,
        *,
        explains: bool,
    ) -> None:
        """Add an entry; `explains`: the entry is no fill; `uncertainty` is the entry's own error bound."""
        self.numbers.append(number)
        self.seqs.append(seq)
        self.clocks.append(clock)
        self.occurred.append(occurred_us)
        self.totals.append(self.totals[-1] + amount)
        self.explained.append(self.explained[-1] + amount if explains else self.explained[-1])
        self.spreads.append(uncertainty.rate_spread)
        self.cumulative_spread.append(
            self.cumulative_spread[-1] + abs(uncertainty.rate_spread)
            if uncertainty.rate_spread
            else self.cumulative_spread[-1]
        )
        if uncertainty is CERTAIN:
            self.rounded_postings.append(self.rounded_postings[-1])
            self.price_errors.append(self.price_errors[-1])
            self.received.append(self.received[-1])
            self.paid.append(self.paid[-1])
        else:
            self.rounded_postings.append(self.rounded_postings[-1] + uncertainty.rounded_postings)
            self.price_errors.append(
                self.price_errors[-1] + uncertainty.price_error if uncertainty.price_error else self.price_errors[-1]
            )
            self.received.append(
                self.received[-1] + uncertainty.received if uncertainty.received else self.received[-1]
            )
            self.paid.append(self.paid[-1] + uncertainty.paid if uncertainty.paid else self.paid[-1])
        if len(self.numbers) > 2 * MAX_KEPT:
            self._drop(MAX_KEPT)

    def shift(self, amount: Decimal) -> None:
        """Shift every cut by an explanation that all reports since already contain."""
        self.totals = [total + amount for total in self.totals]
        self.explained = [total + amount for total in self.explained]

    def last(self) -> int:
        """Return the position of the newest cut."""
        return len(self.numbers) - 1

    def first_cut(self, clock: int) -> int:
        """Return the earliest position that contains every entry before a clock."""
        return max(bisect_left(self.clocks, clock) - 1, 0)

    def last_cut(self, clock: int) -> int:
        """Return the latest position that contains no entry after a clock."""
        return bisect_right(self.clocks, clock) - 1

    def position_of(self, number: int) -> int:
        """Return the position of the cut after an entry, or the base if the entry is no longer kept."""
        return max(bisect_right(self.numbers, number) - 1, 0)

    def uncertainty_at(self, position: int) -> Uncertainty:
        """Return the cumulative error bound at a position."""
        return Uncertainty(
            self.rounded_postings[position],
            self.price_errors[position],
            self.received[position],
            self.paid[position],
        )

    def spreads_since(self, number: int, position: int) -> list[Decimal]:
        """Return the gains by alternate rates of the fees after an entry, up to a position."""
        base = self.position_of(number)
        if self.cumulative_spread[position] <= self.cumulative_spread[base]:
            return []
        return [spread for spread in self.spreads[base + 1 : position + 1] if spread]

    def cumulative_spread_since(self, base: int, position: int) -> Decimal:
        """Return the bound on the gains by alternate rates between two positions."""
        return max(self.cumulative_spread[position] - self.cumulative_spread[base], ZERO)

    def rounding_since(self, mark: Uncertainty, position: int) -> Decimal:
        """Return the bound on rounding and price errors between a mark and a position (semantics 6)."""
        rounded = self.rounded_postings[position] - mark.rounded_postings
        price_error = self.price_errors[position] - mark.price_error
        if rounded <= 0 and price_error <= 0:
            return ZERO
        return rounded * self.quantum * _HALF + price_error

    def turnover_since(self, mark: Uncertainty, position: int) -> Decimal:
        """Return the turnover between a mark and a position."""
        received, paid = self.received_and_paid_since(mark, position)
        return received + paid

    def received_and_paid_since(self, mark: Uncertainty, position: int) -> tuple[Decimal, Decimal]:
        """Return the turnover received and the turnover paid between a mark and a position."""
        return self.received[position] - mark.received, self.paid[position] - mark.paid

    def fills_between(self, base: int, position: int) -> tuple[tuple[Decimal, ...], Decimal]:
        """Return the signed legs of the fills after a base up to a position, and the fees posted between."""
        legs: list[Decimal] = []
        booked = ZERO
        for index in range(base + 1, position + 1):
            leg = self.received[index] - self.received[index - 1] - self.paid[index] + self.paid[index - 1]
            if leg:
                legs.append(leg)
                booked += self.explained[index - 1] - self.explained[index]
        return tuple(legs), booked

    def trim(self, number: int) -> None:
        """Drop entries well before entry `number`; rarely, because dropping is slow."""
        behind = self.position_of(number) - KEPT_BEHIND
        if behind >= KEPT_BEHIND:
            self._drop(behind)

    def trim_exactly(self, number: int) -> None:
        """Keep exactly KEPT_BEHIND entries before entry `number`, so no decision depends on the time of trimming."""
        self._drop(max(self.position_of(number) - KEPT_BEHIND, 0))

    def _drop(self, count: int) -> None:
        del self.numbers[:count], self.seqs[:count], self.clocks[:count], self.occurred[:count]
        del self.totals[:count], self.explained[:count]
        del self.rounded_postings[:count], self.price_errors[:count]
        del self.received[:count], self.paid[:count]
        del self.spreads[:count], self.cumulative_spread[:count]
