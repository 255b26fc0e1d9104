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
from recon.reconciliation.trellis.column import (
    AMOUNT,
    BOOKED,
    FEE,
    SLACK,
    SPREAD,
    TURNOVER,
    UNKNOWN,
    UNMODELLED,
    Totals,
)
from recon.reconciliation.trellis.costs import LONG_AGO, THIRD_SHARE
from recon.reconciliation.trellis.rate_view import KeyRates, RateView

#: Differences that other rates make, each with its cost.
Differences = tuple[tuple[int, int], ...]
#: The same of an entry, and the difference that the rate makes which its key pays later.
Others = tuple[Differences, int]
NO_OTHERS: Others = ((), 0)
#: The sums over no entry.
NOTHING: Totals = (0, 0, 0, 0, 0, 0, 0, 0)
#: An entry moves nothing itself; only its fee may be taken here. As the books tell it, or as the comparison assumes.
TOLD_SHADOW = 1
ASSUMED_SHADOW = 2


class Entry(msgspec.Struct, eq=False, gc=False):
    """What a fill moved in one unit; amounts are in units of 1e-40, times in microseconds.

    `resolution_us` is the stamp's, 0 where the venue told no time. A fee is a share of `turnover`. The amount is known
    within `slack`, and the venue rounds it if it is `rounded`. `unmodelled`: it may have moved so much at most. So much
    of the amount is `explained`: of no fill, but told or decided.
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
    explained: int = 0


def place_of(entry: Entry) -> tuple[int, int]:
    """Return what entries are sorted by."""
    return entry.stamp_us, entry.number


class Entries:
    """The kept entries of a unit and their running totals."""

    __slots__ = ("explaining", "items", "limit", "net", "others", "quantum", "rates", "stamp", "sums", "window")

    def __init__(self, rates: RateView, window: int) -> None:
        """Take the account's rates, and the window in microseconds."""
        self.rates = rates
        self.window = window
        #: What rounding may come to: the unit's quantum, twice that where the venue cuts.
        self.quantum = 0
        self.items: list[Entry] = []
        #: How many of them are explained, hardly ever any: no sum over them is kept.
        self.explaining = 0
        self.stamp = [LONG_AGO]
        self.sums: list[Totals] = [NOTHING]
        #: Amounts less the expected fees: what a report that holds the entries shows.
        self.net = [0]
        #: What is left over on an edge, beyond the difference of these, nothing explains but a jump.
        self.limit = [0]
        #: What other rates make, and what the tier that came later makes.
        self.others: list[Others] = [NO_OTHERS]

    def insert(self, entry: Entry) -> int:
        """Take an entry; return its index."""
        items = self.items
        if entry.explained:
            self.explaining += 1
        if entry.stamp_us > self.stamp[-1] or not items or place_of(items[-1]) < place_of(entry):
            items.append(entry)
            self._append(entry)
            return len(items) - 1
        index = self.before(place_of(entry))
        items.insert(index, entry)
        self._put_in(index)
        return index

    def before(self, place: tuple[int, int]) -> int:
        """Return how many entries do not sort after a place."""
        return bisect_right(self.items, place, key=place_of)

    def stamped(self, stamp_us: int) -> list[Entry]:
        """Return the entries of a stamp."""
        return self.items[bisect_left(self.stamp, stamp_us) - 1 : bisect_right(self.stamp, stamp_us) - 1]

    def book(self, entry: Entry, fee: int) -> None:
        """Note a fee that was booked with a kept entry."""
        entry.booked_fee += fee
        after = self.before(place_of(entry))
        self.sums[after:] = [(*each[:BOOKED], each[BOOKED] + fee) for each in self.sums[after:]]

    def shift(self, amount: int, booked: int) -> None:
        """Take an entry from before all that are kept."""
        self.sums = [(each[AMOUNT] + amount, *each[FEE:BOOKED], each[BOOKED] + booked) for each in self.sums]
        self.net = [each + amount for each in self.net]

    def begin_at(self, amount: int, booked: int) -> None:
        """Begin with what the entries that are forgotten came to; to be called before there are any."""
        self.sums = [(amount, *NOTHING[FEE:BOOKED], booked)]

    def forget(self, count: int) -> None:
        """Forget the first entries; the totals stay."""
        if self.explaining:
            self.explaining -= sum(1 for entry in self.items[:count] if entry.explained)
        for each in (self.items, self.stamp, self.sums, self.net, self.limit, self.others):
            del each[:count]
        self.stamp[0], self.others[0] = LONG_AGO, NO_OTHERS

    def rebuild(self) -> None:
        """Make all totals anew, after a change of rates or of the quantum."""
        for each in (self.stamp, self.sums, self.net, self.limit, self.others):
            del each[1:]
        first = self.sums[0]
        self.net[0] = first[AMOUNT] - first[FEE]
        for entry in self.items:
            self._append(entry)

    def replace(self, entries: Iterable[Entry]) -> None:
        """Replace the kept entries."""
        self.items = sorted(entries, key=place_of)
        self.explaining = sum(1 for entry in self.items if entry.explained)
        self.rebuild()

    def totals_without(self, count: int, out: Iterable[int]) -> Totals:
        """Return the sums over the first entries but for some of them, given by index."""
        sums = self.sums
        amount, fee, unknown, turnover, slack, unmodelled, spread, booked = sums[count]
        for index in out:
            before, after = sums[index], sums[index + 1]
            amount -= after[AMOUNT] - before[AMOUNT]
            fee -= after[FEE] - before[FEE]
            unknown -= after[UNKNOWN] - before[UNKNOWN]
            turnover -= after[TURNOVER] - before[TURNOVER]
            slack -= after[SLACK] - before[SLACK]
            unmodelled -= after[UNMODELLED] - before[UNMODELLED]
            spread -= after[SPREAD] - before[SPREAD]
            booked -= after[BOOKED] - before[BOOKED]
        return amount, fee, unknown, turnover, slack, unmodelled, spread, booked

    def totals_of(self, count: int, later: Iterable[int]) -> Totals:
        """Return the sums over the first entries and some later ones, given by index."""
        found = self.sums[count]
        for index in later:
            found = _plus(found, _minus(self.sums[index + 1], self.sums[index]))
        return found

    def explained_after(self, first_out: int, later_in: int) -> int:
        """Return how much is explained of the entries that a state has not in its report."""
        if not self.explaining:
            return 0
        after = enumerate(self.items[first_out:])
        return sum(entry.explained for bit, entry in after if entry.explained and not later_in >> bit & 1)

    def take_back(self, amount: int) -> int:
        """Count what was told as explained no more where an amount takes it back; return how much of that is left.

        Reports have it as a fill now, so the two are no more than when it happened. Of told trades the one of just as
        much is taken back, else the latest.
        """
        if not self.explaining:
            return amount
        told = [each for each in self.items if each.explained * amount < 0 and each.order is not None]
        for entry in sorted(told, key=lambda each: (each.explained + amount == 0, place_of(each)), reverse=True):
            part = min(entry.explained, -amount, key=abs)
            entry.explained -= part
            amount += part
        self.explaining = sum(1 for entry in self.items if entry.explained)
        return amount

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

    def _append(self, entry: Entry) -> None:
        """Take the last entry into the totals."""
        sums, limit, others = self._after(self.sums[-1], entry)
        self.stamp.append(entry.stamp_us)
        self.sums.append(sums)
        self.net.append(sums[AMOUNT] - sums[FEE])
        self.limit.append(self.limit[-1] + limit)
        self.others.append(others)

    def _put_in(self, index: int) -> None:
        """Take an entry that was put before others into the totals."""
        entry, place = self.items[index], index + 1
        moved, limit, others = self._after(NOTHING, entry)
        net = moved[AMOUNT] - moved[FEE]
        self.stamp.insert(place, entry.stamp_us)
        self.sums[place:] = [_plus(each, moved) for each in self.sums[index:]]
        self.net[place:] = [each + net for each in self.net[index:]]
        self.limit[place:] = [each + limit for each in self.limit[index:]]
        self.others.insert(place, others)

    def _after(self, before: Totals, entry: Entry) -> tuple[Totals, int, Others]:
        """Return the totals after an entry, what it adds to the limit, and what other rates and a later tier make.

        It explains at most: rounding, any fee, other rates, and what is unmodelled. A sum to which nothing is added
        stays the same object: of long integers that saves memory, as there are many sums.
        """
        amount, fee, unknown, turnover, slack, unmodelled, spread, booked = before
        half, limit, others = self.quantum // 2, entry.unmodelled, NO_OTHERS
        own = entry.slack + half if entry.rounded else entry.slack
        key, size = entry.key, abs(entry.turnover)
        if key is not None and size:
            most = self.rates.table.most * size // RATES
            # A fee is rounded by no more than itself: an asset told in whole numbers alone need have no such step.
            rounded = min(half, most) + 1
            rates = self.rates.of(key)
            rate = rates.at(entry.stamp_us)
            turnover += size
            limit += most + 1
            if rate is None:
                unknown += size
                own += rounded
            else:
                expected, more, others = _fee(entry, rates, rate, size, rounded)
                own += more
                if expected:
                    fee += expected
                    limit += abs(expected)
                if others is not NO_OTHERS:
                    limit += abs(others[1]) + max((abs(each) for each, _ in others[0]), default=0)
        if own:
            slack += own
            spread += 4 * own * own
        if entry.unmodelled:
            unmodelled += entry.unmodelled
        if entry.booked_fee:
            booked += entry.booked_fee
        return (amount + entry.amount, fee, unknown, turnover, slack, unmodelled, spread, booked), limit + own, others


def _fee(entry: Entry, rates: KeyRates, rate: int, turnover: int, rounded: int) -> tuple[int, int, Others]:
    """Return the expected fee, its slack, other rates' differences and a later tier's.

    `rounded` is what rounding of the fee may come to.
    """
    fee = rate * turnover // RATES
    slack = abs(fee) // THIRD_SHARE if entry.shadow else 0
    since, last = rates.latest_first[0]
    later = last * turnover // RATES - fee if since > entry.stamp_us else 0
    may_pay = rates.alternatives
    if len(may_pay) < 2:
        return fee, slack + (rounded if rate else 0), ((), later) if later else NO_OTHERS
    others = tuple((other * turnover // RATES - fee, cost) for other, cost in may_pay if other != rate)
    return fee, slack + rounded, (others, later)


def _plus(one: Totals, other: Totals) -> Totals:
    """Add sums; nearly all entries move an amount within a slack, and perhaps a turnover.

    A sum to which nothing is added stays the same object: of long integers that saves memory, as there are many sums.
    """
    amount, fee, unknown, turnover, slack, unmodelled, spread, booked = other
    return (
        one[0] + amount,
        one[1] + fee if fee else one[1],
        one[2] + unknown if unknown else one[2],
        one[3] + turnover if turnover else one[3],
        one[4] + slack if slack else one[4],
        one[5] + unmodelled if unmodelled else one[5],
        one[6] + spread if spread else one[6],
        one[7] + booked if booked else one[7],
    )


def _minus(one: Totals, other: Totals) -> Totals:
    return (
        one[0] - other[0],
        one[1] - other[1],
        one[2] - other[2],
        one[3] - other[3],
        one[4] - other[4],
        one[5] - other[5],
        one[6] - other[6],
        one[7] - other[7],
    )
