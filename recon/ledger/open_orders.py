"""The open orders of one account: a complete snapshot looks only at those that were quiet. Pure (protocol 3)."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from recon.ledger.orders import Order

#: Outdated marks of time that are kept beside those of the open orders, before they are dropped.
MAX_OUTDATED: Final = 1024


class OpenOrders:
    """Orders that a snapshot may show to be missing: neither finished nor missing already.

    They are held by the log position of their latest report, which rises as its log time does.
    """

    __slots__ = ("_by_age", "_orders")

    def __init__(self) -> None:
        """Begin without any."""
        self._orders: dict[str, Order] = {}
        #: Log position and key, as a heap; a mark is outdated once the order has a later report or is gone.
        self._by_age: list[tuple[int, str]] = []

    def __len__(self) -> int:
        """Return how many orders are open."""
        return len(self._orders)

    def note(self, order: Order) -> None:
        """Add an order, or take note of its latest report."""
        self._orders[order.key] = order
        heappush(self._by_age, _mark(order))
        if len(self._by_age) > 2 * len(self._orders) + MAX_OUTDATED:
            self._by_age = [_mark(known) for known in self._orders.values()]
            heapify(self._by_age)

    def remove(self, key: str) -> None:
        """Remove an order that is finished or missing, if it is there."""
        self._orders.pop(key, None)

    def quiet_since(self, clock: int, seq: int | None) -> list[Order]:
        """Return the orders without a report since a log time, or since a log position, in the order of their keys.

        They are removed; whoever keeps one as open notes it again.
        """
        found: dict[str, Order] = {}
        while self._by_age:
            mark = self._by_age[0]
            order = self._orders.get(mark[1])
            if order is not None and _mark(order) == mark:
                reported = order.reported
                if reported.updated_clock >= clock and (seq is None or reported.last_seq >= seq):
                    break
                found[order.key] = self._orders.pop(order.key)
            heappop(self._by_age)
        return [found[key] for key in sorted(found)]


def _mark(order: Order) -> tuple[int, str]:
    return order.reported.last_seq, order.key
