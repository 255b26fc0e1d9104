"""A public, exact view of the venue's own books, for those who test against them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from recon.simulator.venue.orders import Order, Status


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order at the venue; `cash` is the sum of price times amount of its fills, in the terms of its symbol."""

    client_id: str
    exchange_id: str
    symbol: str
    side: str
    status: Status
    amount: Decimal
    filled: Decimal
    cash: Decimal

    @classmethod
    def of(cls, order: Order, status: Status) -> VenueOrder:
        """Return an order as it is now."""
        return cls(
            order.client_id,
            order.exchange_id,
            order.instrument.symbol,
            order.side.value,
            status,
            order.amount,
            order.filled,
            order.cash,
        )


@dataclass(frozen=True, slots=True)
class VenueBooks:
    """One account: balances by row code, signed net positions by symbol, and orders in the order of their ends.

    Orders that are not over come last. The oldest that ended are dropped beyond `market.MAX_ENDED`.
    """

    account: str
    balances: Mapping[str, Decimal]
    positions: Mapping[str, Decimal]
    orders: tuple[VenueOrder, ...]
