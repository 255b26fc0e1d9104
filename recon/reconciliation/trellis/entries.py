"""What fills moved in one unit, in the order of the venue's time, with running totals. Pure (semantics 5.1).

1. Entries are kept sorted by stamp, then by order of arrival. Index k of each list is about the first k entries.
2. The amounts of entries that were forgotten stay in the totals, so levels keep their meaning.
3. Fees are those at the rates now known: after a change of rates all totals are made anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import msgspec

from recon.ledger.fees.fee_key import RATES, FeeKey
from recon.reconciliation.trellis.column import Totals
from recon.reconciliation.trellis.costs import LONG_AGO, THIRD_SHARE
from recon.reconciliation.trellis.rate_view import RateView

#: Differences that other rates make, each with its cost.
Differences = tuple[tuple[int, int], ...]
#: An entry moves nothing itself; only its fee may be taken here. As the books tell it, or as the comparison assumes.
TOLD_SHADOW = 1
ASSUMED_SHADOW = 2


class Entry(msgspec.Struct, eq=False, gc=False):
    """What a fill moved in one unit; amounts are in units of 1e-40, times in microseconds.

    `resolution_us` is the stamp's, 0 where the venue told no time. A fee is a share of `turnover`. The amount is known
    within `slack`, and the venue rounds it if it is `rounded`. `unmodelled`: it may have moved so much at most.
    """

    stamp_us: int
    arrived_us: int
    resolution_us: int
    number: int
    order: str | None
    amount: int
    turnover: int = 0
    key: FeeKey | None = None
    slack: int = 0
    rounded: bool = False
    shadow: int = 0
    unmodelled: int = 0
    booked_fee: int = 0


class Entries:
    """The kept entries of a unit and their running totals."""

    __slots__ = (
        "alternatives",
        "amount",
        "booked",
        "fee",
        "high",
        "items",
        "later",
        "limit",
        "low",
        "net",
        "quantum",
        "rates",
        "slack",
        "sort",
        "spread",
        "stamp",
        "turnover",
        "unknown",
        "unmodelled",
        "window",
    )

    def __init__(self, rates: RateView, window: int) -> None:
        """Take the account's rates, and the window in microseconds."""
        self.rates = rates
        self.window = window
        #: What rounding may come to: the unit's quantum, twice that where the venue cuts.
        self.quantum = 0
        self.items: list[Entry] = []
        self.sort: list[tuple[int, int]] = []
        #: When each entry may have happened.
        self.stamp, self.low, self.high = [LONG_AGO], [LONG_AGO], [LONG_AGO]
        self.amount, self.booked = [0], [0]
        #: Amounts less the expected fees: what a report that holds the entries shows.
        self.net = [0]
        self.fee, self.unknown, self.turnover = [0], [0], [0]
        self.slack, self.unmodelled, self.spread = [0], [0], [0]
        #: What other rates make, and what the tier that came later makes.
        self.alternatives: list[Differences] = [()]
        self.later = [0]
        #: What is left over on an edge, beyond the difference of these, nothing explains but a jump.
        self.limit = [0]

    def insert(self, entry: Entry) -> int:
        """Take an entry; return its index."""
        place = (entry.stamp_us, entry.number)
        sort = self.sort
        if not sort or sort[-1] < place:
            sort.append(place)
            self.items.append(entry)
            self._append(entry)
            return len(sort) - 1
        index = bisect_right(sort, place)
        sort.insert(index, place)
        self.items.insert(index, entry)
        self._put_in(index)
        return index

    def book(self, entry: Entry, fee: int) -> None:
        """Note a fee that was booked with a kept entry."""
        entry.booked_fee += fee
        after = bisect_left(self.sort, (entry.stamp_us, entry.number)) + 1
        self.booked[after:] = [each + fee for each in self.booked[after:]]

    def shift(self, amount: int, booked: int) -> None:
        """Take an entry from before all that are kept."""
        self.amount = [each + amount for each in self.amount]
        self.net = [each + amount for each in self.net]
        self.booked = [each + booked for each in self.booked]

    def forget(self, count: int) -> None:
        """Forget the first entries; the totals stay."""
        del self.items[:count], self.sort[:count]
        for each in self._lists():
            del each[:count]
        self.stamp[0] = self.low[0] = self.high[0] = LONG_AGO
        self.alternatives[0], self.later[0] = (), 0

    def rebuild(self) -> None:
        """Make all totals anew, after a change of rates or of the quantum."""
        for each in self._lists():
            del each[1:]
        self.net[0] = self.amount[0] - self.fee[0]
        for entry in self.items:
            self._append(entry)

    def replace(self, entries: Iterable[Entry]) -> None:
        """Replace the kept entries."""
        self.items = sorted(entries, key=lambda each: (each.stamp_us, each.number))
        self.sort = [(each.stamp_us, each.number) for each in self.items]
        self.rebuild()

    def totals(self, count: int) -> Totals:
        """Return the sums over the first entries."""
        return (
            self.amount[count],
            self.fee[count],
            self.unknown[count],
            self.turnover[count],
            self.slack[count],
            self.unmodelled[count],
            self.spread[count],
            self.booked[count],
        )

    def totals_without(self, count: int, out: Iterable[int]) -> Totals:
        """Return the sums over the first entries but for some of them, given by index."""
        amount, fee, unknown, turnover, slack, unmodelled, spread, booked = self.totals(count)
        for index in out:
            after = index + 1
            amount -= self.amount[after] - self.amount[index]
            fee -= self.fee[after] - self.fee[index]
            unknown -= self.unknown[after] - self.unknown[index]
            turnover -= self.turnover[after] - self.turnover[index]
            slack -= self.slack[after] - self.slack[index]
            unmodelled -= self.unmodelled[after] - self.unmodelled[index]
            spread -= self.spread[after] - self.spread[index]
            booked -= self.booked[after] - self.booked[index]
        return amount, fee, unknown, turnover, slack, unmodelled, spread, booked

    def totals_of(self, count: int, later: Iterable[int]) -> Totals:
        """Return the sums over the first entries and some later ones, given by index."""
        sums = list(self.totals(count))
        for index in later:
            for place, (after, before) in enumerate(zip(self.totals(index + 1), self.totals(index), strict=True)):
                sums[place] += after - before
        return (sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7])

    def beside(self, index: int) -> int:
        """Return the difference that the rate makes which like keys of the account have changed to; 0 without one."""
        entry = self.items[index]
        if not entry.turnover or entry.key is None:
            return 0
        rates = self.rates.of(entry.key)
        if rates.beside is None or rates.beside[0] > entry.stamp_us:
            return 0
        turnover = abs(entry.turnover)
        return rates.beside[1] * turnover // RATES - (rates.at(entry.stamp_us) or 0) * turnover // RATES

    def _running(self) -> tuple[list[int], ...]:
        """Return the running totals, in the order of `Totals`."""
        first = (self.amount, self.fee, self.unknown, self.turnover)
        return (*first, self.slack, self.unmodelled, self.spread, self.booked)

    def _lists(self) -> tuple[list[int] | list[Differences], ...]:
        return (*self._running(), self.net, self.limit, self.stamp, self.low, self.high, self.later, self.alternatives)

    def _append(self, entry: Entry) -> None:
        """Take the last entry into the totals; list by list, for each entry comes here."""
        (amount, fee, unknown, turnover, slack, unmodelled, spread, booked), limit, others, later = self._moved(entry)
        low, high = self._bounds(entry)
        self.stamp.append(entry.stamp_us)
        self.low.append(low)
        self.high.append(high)
        self.amount.append(self.amount[-1] + amount)
        self.fee.append(self.fee[-1] + fee)
        self.unknown.append(self.unknown[-1] + unknown)
        self.turnover.append(self.turnover[-1] + turnover)
        self.slack.append(self.slack[-1] + slack)
        self.unmodelled.append(self.unmodelled[-1] + unmodelled)
        self.spread.append(self.spread[-1] + spread)
        self.booked.append(self.booked[-1] + booked)
        self.net.append(self.net[-1] + amount - fee)
        self.limit.append(self.limit[-1] + limit)
        self.alternatives.append(others)
        self.later.append(later)

    def _put_in(self, index: int) -> None:
        """Take an entry that was put before others into the totals."""
        entry, place = self.items[index], index + 1
        moved, limit, others, later = self._moved(entry)
        low, high = self._bounds(entry)
        self.stamp.insert(place, entry.stamp_us)
        self.low.insert(place, low)
        self.high.insert(place, high)
        more_of_each = (*moved, moved[0] - moved[1], limit)
        for each, more in zip((*self._running(), self.net, self.limit), more_of_each, strict=True):
            if more:
                each[place:] = [each[index] + more, *(total + more for total in each[place:])]
            else:
                each.insert(place, each[index])
        self.alternatives.insert(place, others)
        self.later.insert(place, later)

    def _moved(self, entry: Entry) -> tuple[Totals, int, Differences, int]:
        """Return what an entry adds to the totals and to the limit, what other rates make, and what a later tier makes.

        It explains at most: rounding, any fee, other rates, and what is unmodelled.
        """
        half = self.quantum // 2
        slack, limit = entry.slack + (half if entry.rounded else 0), entry.unmodelled
        fee = unknown = later = turnover = 0
        others: Differences = ()
        if entry.turnover and entry.key is not None:
            turnover = abs(entry.turnover)
            most = self.rates.table.most * turnover // RATES
            # A fee is rounded by no more than itself: an asset told in whole numbers alone need have no such step.
            fee, unknown, more, others, later = self._fee(entry, entry.key, turnover, min(half, most) + 1)
            slack += more
            limit += most + 1 + abs(fee) + abs(later) + (max(abs(each) for each, _ in others) if others else 0)
        spread = 4 * slack * slack
        moved = entry.amount, fee, unknown, turnover, slack, entry.unmodelled, spread, entry.booked_fee
        return moved, limit + slack, others, later

    def _fee(self, entry: Entry, key: FeeKey, turnover: int, rounded: int) -> tuple[int, int, int, Differences, int]:
        """Return the expected fee, the turnover at an unknown rate, slack, other rates' differences, a later tier's.

        `rounded` is what rounding of the fee may come to.
        """
        rates = self.rates.of(key)
        rate = rates.at(entry.stamp_us)
        if rate is None:
            return 0, turnover, rounded, (), 0
        fee = rate * turnover // RATES
        slack = abs(fee) // THIRD_SHARE if entry.shadow else 0
        since, last = rates.latest_first[0]
        later = last * turnover // RATES - fee if since > entry.stamp_us else 0
        may_pay = rates.alternatives
        if len(may_pay) < 2:
            return fee, 0, slack + (rounded if rate else 0), (), later
        others = tuple((other * turnover // RATES - fee, cost) for other, cost in may_pay if other != rate)
        return fee, 0, slack + rounded, others, later

    def _bounds(self, entry: Entry) -> tuple[int, int]:
        """Return when an entry may have happened, at the earliest and at the latest."""
        stamp = low = high = entry.stamp_us
        if entry.resolution_us == 0:
            low = stamp - self.window // 2
        elif entry.resolution_us > 1:
            high = stamp + entry.resolution_us
            if stamp <= entry.arrived_us < high:
                high = entry.arrived_us
        return low, high
