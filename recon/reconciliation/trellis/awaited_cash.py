"""Fills whose cash is still to come: until then nothing is judged that it may explain. Pure (semantics 2.4).

A spot fill whose cash was not told is waited for until its suspense is over, and in the asset that it is paid in until
the cash comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from recon.reconciliation.trellis.costs import SUSPENSE

#: Most orders whose cash is waited for; of more, the one that began first is forgotten.
MAX_ORDERS: Final = 256


def may_explain(awaited: Sequence[int], before: int, at: int, window: int) -> bool:
    """True if cash that is to come, of fills with these stamps, may explain what changed between two reports."""
    return any(before - window <= stamp <= at + window for stamp in awaited)


class AwaitedCash(msgspec.Struct):
    """What cash an account waits for; times in microseconds."""

    #: Stamps of fills without cash, by order.
    fills: dict[str, list[int]] = {}
    #: The asset in which the fills of an order are paid, where the books say that its cash is not known.
    paid_in: dict[str, str] = {}

    def quantity(self, order: str, stamp_us: int) -> None:
        """Note a fill's quantity; its cash follows at once or later."""
        self.fills.setdefault(order, []).append(stamp_us)
        if len(self.fills) > MAX_ORDERS:
            self.cash(next(iter(self.fills)))

    def without_cash(self, order: str, asset: str) -> None:
        """Note that the cash of a fill that was just noted is not known; it is paid in an asset."""
        if order in self.fills:
            self.paid_in[order] = asset

    def is_paid_in(self, asset: str) -> bool:
        """True if cash is to come in an asset."""
        return asset in self.paid_in.values()

    def cash(self, order: str) -> None:
        """Note that the cash of an order's fills came."""
        self.fills.pop(order, None)
        self.paid_in.pop(order, None)

    def times(self, asset: str, now: int, window: int) -> list[int]:
        """Return the stamps of fills whose cash is to come, as far as they bear on an asset.

        After their suspense they bear only on the asset that they are paid in.
        """
        found: list[int] = []
        for order, stamps in list(self.fills.items()):
            if stamps[-1] >= now - SUSPENSE * window or self.paid_in.get(order) == asset:
                found += stamps
            elif order not in self.paid_in:
                del self.fills[order]
        return found

    def next_end(self, window: int) -> int | None:
        """Return when the next fill is waited for no longer."""
        return min((stamps[-1] + SUSPENSE * window + 1 for stamps in self.fills.values()), default=None)
