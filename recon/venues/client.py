"""What a venue can be asked: to read, and nothing else. Pure.

A client is synchronous and used by one thread at a time. Whatever goes wrong it raises VenueError, whose text names no
key; `transient` says whether the same question may be answered soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from recon.ledger.facts.venue_answer import HeldAmount

Side = Literal["BUY", "SELL"]


class ToldTrade(msgspec.Struct, frozen=True):
    """A trade as a venue tells it: quantity and price positive, in the symbol's own terms; a rebate is negative."""

    id: str
    #: The symbol as the venue writes it, and the two assets of a spot pair.
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    #: UTC, as exact as a millisecond.
    at: datetime
    order_id: str | None = None
    base: str | None = None
    quote: str | None = None
    cash: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str | None = None


class VenueClient(Protocol):
    """Asks one venue about one account."""

    @property
    def took(self) -> float:
        """Return the seconds from the sending of the last question to the whole of its answer.

        A library rests before a question, so the call may have taken longer.
        """
        ...

    def prepare(self) -> None:
        """Read what the venue lists, and refuse a key that may do more than read, where the venue tells."""
        ...

    def excess_rights(self) -> Sequence[str] | None:
        """Return what the key may do beyond reading; None: the venue does not tell."""
        ...

    def balances(self) -> Sequence[HeldAmount]:
        """Return what is held of each asset, free or not."""
        ...

    def positions(self) -> Sequence[HeldAmount]:
        """Return the open positions, signed; both legs of a hedged one."""
        ...

    def trades(self, symbol: str | None, since: datetime) -> Sequence[ToldTrade]:
        """Return trades since a time, of one symbol or of all: as many as the venue tells at once."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
