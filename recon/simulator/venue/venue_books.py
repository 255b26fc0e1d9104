"""A public, exact view of the venue's own books, for tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from recon.simulator.venue.orders import Order, Status


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order at the venue; `cash` is the sum of its fills' price times amount, in its symbol's terms."""

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
        """Return the present state of an order."""
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
    """One account: balances by row code, signed net positions by symbol, and orders by the time of their end.

    Open orders come last. The oldest ended orders are dropped beyond `market.MAX_ENDED`.
    """

    account: str
    balances: Mapping[str, Decimal]
    positions: Mapping[str, Decimal]
    orders: tuple[VenueOrder, ...]
