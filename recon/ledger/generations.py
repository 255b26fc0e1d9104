"""The orders that share an id, and the one of them that a report belongs to. Pure (semantics 2.1).

1. An exchange order id decides alone, if order and report both have one. Otherwise instrument, side and times decide.
2. Of each instrument and side only the latest MAX_COMPARED orders are looked at, so that an id which is reused without
   end costs each report the same. A report that may be of an older one is then a finding, not a guess.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from recon.ems.protocol.messages import OrderReport
from recon.ledger import orders as o
from recon.ledger.orders import Order, OrderIdentity

#: Orders of one id that a report is compared with, for each instrument and side.
MAX_COMPARED: Final = 256

#: Orders of one id up to which all are compared, and none is filed by what reports say of it: nearly every id has one.
MAX_UNFILED: Final = 8

#: In the place of an exchange order id, of an instrument or of a side: any.
_ANY: Final = "*"
#: An exchange order id or none, a spelling of the instrument or none, and a side or none; each may be any.
_Place = tuple[tuple[str, str | None], tuple[str, str | None], tuple[str, str | None]]
_ANYWHERE: Final[tuple[str, str | None]] = (_ANY, None)
#: Ages of orders, the oldest first.
_Ages = list[tuple[int, str]]


class Generations:
    """All orders that share an id of an account, by age."""

    __slots__ = ("_ages", "_filed", "_orders", "_places", "latest")

    def __init__(self) -> None:
        """Begin without any."""
        self._orders: dict[str, Order] = {}
        self._ages: _Ages = []
        #: None as long as there are few orders.
        self._places: dict[_Place, _Ages] | None = None
        #: Under what each order is filed.
        self._filed: dict[str, list[_Place]] = {}
        #: The largest number of a generation.
        self.latest = 0

    def __iter__(self) -> Iterator[Order]:
        """Return the orders, the oldest first."""
        return (self._orders[key] for _, key in self._ages)

    def __reversed__(self) -> Iterator[Order]:
        """Return the orders, the latest first."""
        return (self._orders[key] for _, key in reversed(self._ages))

    def __len__(self) -> int:
        """Return the number of orders."""
        return len(self._ages)

    def add(self, order: Order) -> None:
        """Add an order, or file it anew with what it learned."""
        if order.key not in self._orders:
            self._orders[order.key] = order
            self.latest = max(self.latest, o.generation_of(order.key))
            insort(self._ages, o.age_of(order))
        if self._places is not None:
            self._file(self._places, order)
        elif len(self._ages) > MAX_UNFILED:
            self._places = {}
            for known in self._orders.values():
                self._file(self._places, known)

    def remove(self, order: Order) -> None:
        """Remove an order."""
        if self._orders.pop(order.key, None) is not None:
            _remove(self._ages, order)
            for place in self._filed.pop(order.key, ()):
                _remove((self._places or {})[place], order)

    def _file(self, places: dict[_Place, _Ages], order: Order) -> None:
        wanted, filed = _places_of(order.identity), self._filed.get(order.key, [])
        if filed == wanted:
            return
        for place in filed:
            _remove(places[place], order)
        self._filed[order.key] = wanted
        for place in wanted:
            insort(places.setdefault(place, []), o.age_of(order))

    def alike(self, report: OrderReport) -> Iterable[Order]:
        """Return the orders that a report may belong to by its ids, instrument and side, the latest first."""
        if self._places is None:
            return self._orders.values() if len(self._orders) < 2 else reversed(self)
        places = [self._places[place] for place in _places_for(report) if place in self._places]
        ages = {age for place in places for age in islice(reversed(place), MAX_COMPARED)}
        return (self._orders[key] for _, key in sorted(ages, reverse=True))

    def is_new(self, report: OrderReport) -> bool:
        """True if a report that belongs to none of the orders looked at begins a generation."""
        if len(self) <= MAX_COMPARED or report.exchange_order_id is not None or not report.history:
            return True
        latest = next(reversed(self)).reported
        return report.history[0].time is None or report.history[0].time >= (latest.first_time or "")


#: The orders of an id that no order has.
NONE_KNOWN: Final = Generations()


def _remove(ages: _Ages, order: Order) -> None:
    del ages[bisect_left(ages, o.age_of(order))]


def _places_of(identity: OrderIdentity) -> list[_Place]:
    """Return under what an order is filed: by its exchange order id and by any, by each spelling and by any."""
    side = ("side", identity.side)
    spellings: list[tuple[str, str | None]] = [("symbol", identity.symbol)]
    if identity.symbol is not None and identity.symbol_coinapi is not None:
        spellings.append(("coinapi", identity.symbol_coinapi))
    legs = [*((spelling, side) for spelling in spellings), (_ANYWHERE, _ANYWHERE)]
    return [(number, *leg) for number in (("number", identity.exchange_order_id), _ANYWHERE) for leg in legs]


def _places_for(report: OrderReport) -> Iterator[_Place]:
    """Yield where the orders of a report may be filed; what a report or an order lacks does not decide."""
    number = report.exchange_order_id
    numbers = [_ANYWHERE] if number is None else [("number", number), ("number", None)]
    legs: list[tuple[tuple[str, str | None], tuple[str, str | None]]] = [(_ANYWHERE, _ANYWHERE)]
    if report.symbol is not None and report.side is not None:
        spellings = [("symbol", report.symbol), ("symbol", None), ("coinapi", report.symbol_coinapi)]
        legs = [(spelling, ("side", side)) for spelling in spellings for side in (report.side, None)]
    return ((number, *leg) for number in numbers for leg in legs)
