"""Fills whose cash is still to come: until then nothing is judged that it may explain. Pure (semantics 2.4).

A spot fill whose cash was not told is waited for until its suspense is over.
"""

from __future__ import annotations

from typing import Final

import msgspec

from recon.reconciliation.trellis.costs import SUSPENSE

#: Most orders whose cash is waited for; of more, the one that began first is forgotten.
MAX_ORDERS: Final = 256


class AwaitedCash(msgspec.Struct):
    """What cash an account waits for; times in microseconds."""

    #: Stamps of fills without cash, by order.
    fills: dict[str, list[int]] = {}

    def quantity(self, order: str, stamp_us: int) -> None:
        """Note a fill's quantity; its cash follows at once or later."""
        self.fills.setdefault(order, []).append(stamp_us)
        if len(self.fills) > MAX_ORDERS:
            del self.fills[next(iter(self.fills))]

    def cash(self, order: str) -> None:
        """Note that the cash of an order's fills came."""
        self.fills.pop(order, None)

    def times(self, now: int, window: int) -> list[int]:
        """Return the stamps of fills whose cash is to come; those that waited too long are forgotten."""
        if not self.fills:
            return []
        for order, stamps in list(self.fills.items()):
            if stamps[-1] < now - SUSPENSE * window:
                del self.fills[order]
        return [stamp for stamps in self.fills.values() for stamp in stamps]

    def next_end(self, window: int) -> int | None:
        """Return when the next fill is waited for no longer."""
        return min((stamps[-1] + SUSPENSE * window + 1 for stamps in self.fills.values()), default=None)
