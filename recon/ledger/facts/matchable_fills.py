"""The booked fills that a trade without an order id may stand for, the nearest in time first. Pure (semantics 10.3)."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal
from heapq import merge

from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.facts.matching import TRADED_WITHIN_US, MatchableFill

#: What a fill and its trade have in common: account, symbol, side and amount.
_Content = tuple[str, str | None, str | None, Decimal | None]
#: A fill's time, order and ordinal: fills of one content are sorted by them.
_Place = tuple[int, str, int]


class MatchableFills:
    """Fills by content and time. One whose order has no quantity left for another trade is put aside."""

    __slots__ = ("_aside", "_places")

    def __init__(self) -> None:
        """Begin without any."""
        self._places: dict[_Content, list[_Place]] = {}
        self._aside: dict[tuple[str, str], list[MatchableFill]] = {}

    def __iter__(self) -> Iterator[MatchableFill]:
        """Return the fills that are not put aside."""
        for (account, symbol, side, amount), places in self._places.items():
            for us, order, ordinal in places:
                yield MatchableFill(account, order, ordinal, symbol, side, amount or Decimal(0), us)

    def add(self, fill: MatchableFill) -> None:
        """Add a fill that a trade may match."""
        insort(self._places.setdefault(_content(fill), []), _place(fill))

    def put_aside(self, fill: MatchableFill) -> None:
        """Leave a fill out until its order is reported again."""
        places = self._places[_content(fill)]
        del places[bisect_left(places, _place(fill))]
        self._aside.setdefault((fill.account, fill.order), []).append(fill)

    def take_back(self, account: str, order: str) -> None:
        """Count the fills of an order in again: a report may have made room for more trades."""
        for fill in self._aside.pop((account, order), ()):
            self.add(fill)

    def like(self, fact: ExternalFact) -> Iterator[MatchableFill]:
        """Yield the fills with the content of a trade and near its time, the nearest first."""
        us, quantity = fact.occurred_us, fact.quantity or Decimal(0)
        places = self._places.get((fact.account, fact.symbol, fact.side, fact.quantity), [])
        middle = bisect_left(places, (us, "", 0))
        for distance, order, ordinal, at in merge(_after(places, middle, us), _before(places, middle, us)):
            if distance > TRADED_WITHIN_US:
                return
            yield MatchableFill(fact.account, order, ordinal, fact.symbol, fact.side, quantity, at)


def _after(places: list[_Place], middle: int, us: int) -> Iterator[tuple[int, str, int, int]]:
    for index in range(middle, len(places)):
        at, order, ordinal = places[index]
        yield at - us, order, ordinal, at


def _before(places: list[_Place], middle: int, us: int) -> Iterator[tuple[int, str, int, int]]:
    """Yield what is earlier, the latest first; of one time, the first order first."""
    while middle:
        first = bisect_left(places, (places[middle - 1][0], "", 0))
        for index in range(first, middle):
            at, order, ordinal = places[index]
            yield us - at, order, ordinal, at
        middle = first


def _content(fill: MatchableFill) -> _Content:
    return fill.account, fill.symbol, fill.side, fill.amount


def _place(fill: MatchableFill) -> _Place:
    return fill.occurred_us, fill.order, fill.ordinal
