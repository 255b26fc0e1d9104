"""The booked fills that a trade without an order id may stand for, the nearest in time first. Pure (semantics 10.3)."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from heapq import merge

from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.facts.matching import MatchableFill
from recon.ledger.told_ahead import TRADED_WITHIN_US

#: What a fill and its trade have in common: account, symbol and side; and the amount, where it is equal.
_Content = tuple[str, str | None, str | None, Decimal | None]
#: A fill's time, order, ordinal and amount: fills of one content are sorted by them.
_Place = tuple[int, str, int, Decimal]


class MatchableFills:
    """Fills by content and time. One whose order has no quantity left for another trade is put aside."""

    __slots__ = ("_aside", "_places")

    def __init__(self) -> None:
        """Begin without any."""
        #: By account, symbol, side and amount; without the amount; and by the account alone.
        self._places: dict[_Content, list[_Place]] = {}
        self._aside: dict[tuple[str, str], list[MatchableFill]] = {}

    def __iter__(self) -> Iterator[MatchableFill]:
        """Return the fills that are not put aside."""
        for (account, symbol, side, amount), places in self._places.items():
            if amount is None and side is not None:
                for us, order, ordinal, of_fill in places:
                    yield MatchableFill(account, order, ordinal, symbol, side, of_fill, us)

    def add(self, fill: MatchableFill) -> None:
        """Add a fill that a trade may match."""
        for content in _contents(fill):
            insort(self._places.setdefault(content, []), _place(fill))

    def put_aside(self, fill: MatchableFill) -> None:
        """Leave a fill out until its order is reported again."""
        for content in _contents(fill):
            places = self._places[content]
            del places[bisect_left(places, _place(fill))]
        self._aside.setdefault((fill.account, fill.order), []).append(fill)

    def take_back(self, account: str, order: str) -> None:
        """Count the fills of an order in again: a report may have made room for more trades."""
        for fill in self._aside.pop((account, order), ()):
            self.add(fill)

    def like(self, fact: ExternalFact) -> Iterator[MatchableFill]:
        """Yield the fills with the content of a trade and near its time, the nearest first."""
        return self._near(fact, (fact.account, fact.symbol, fact.side, fact.quantity))

    def near(self, fact: ExternalFact) -> Iterator[MatchableFill]:
        """Yield the fills of any amount that are near a trade in time, the nearest first."""
        return self._near(fact, (fact.account, fact.symbol, fact.side, None))

    def of_account(self, fact: ExternalFact) -> Iterator[MatchableFill]:
        """Yield all fills of an account that are near a fact in time, the nearest first."""
        return self._near(fact, (fact.account, None, None, None))

    def _near(self, fact: ExternalFact, content: _Content) -> Iterator[MatchableFill]:
        """Yield fills near the time of a fact; a time without seconds is anywhere in its minute."""
        us = fact.occurred_us
        places = self._places.get(content, [])
        middle = bisect_left(places, (us, "", 0))
        for distance, order, ordinal, at, of_fill in merge(
            _after(places, middle, us, fact.step_us), _before(places, middle, us)
        ):
            if distance > TRADED_WITHIN_US:
                return
            yield MatchableFill(fact.account, order, ordinal, fact.symbol, fact.side, of_fill, at)


def _after(places: list[_Place], middle: int, us: int, step_us: int) -> Iterator[tuple[int, str, int, int, Decimal]]:
    for index in range(middle, len(places)):
        at, order, ordinal, amount = places[index]
        yield max(at - us - step_us, 0), order, ordinal, at, amount


def _before(places: list[_Place], middle: int, us: int) -> Iterator[tuple[int, str, int, int, Decimal]]:
    """Yield what is earlier, the latest first; of one time, the first order first."""
    while middle:
        first = bisect_left(places, (places[middle - 1][0], "", 0))
        for index in range(first, middle):
            at, order, ordinal, amount = places[index]
            yield us - at, order, ordinal, at, amount
        middle = first


def _contents(fill: MatchableFill) -> list[_Content]:
    key = fill.account, fill.symbol, fill.side
    contents: list[_Content] = [(*key, fill.amount), (fill.account, None, None, None)]
    return contents if fill.side is None else [*contents, (*key, None)]


def _place(fill: MatchableFill) -> _Place:
    return fill.occurred_us, fill.order, fill.ordinal, fill.amount
