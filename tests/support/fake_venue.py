"""A client of a venue that lives in memory, over the same state as the one on a socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from recon.config import Venue
from recon.errors import VenueError
from recon.ledger.facts.venue_answer import HeldAmount
from recon.venues.ccxt_client import CcxtClient
from recon.venues.client import Side, ToldTrade
from tests.support.fake_kraken import KEY, PAGE, READING, SECRET, FakeKraken

#: The library's codes of Kraken's assets.
CODES = {"XXBT": "BTC", "XETH": "ETH", "ZUSD": "USD", "SOL": "SOL", "USDT": "USDT"}
SIDES: dict[str, Side] = {"buy": "BUY", "sell": "SELL"}


def venue_settings(url: object = None, **more: object) -> Venue:
    given = {"exchange": "kraken", "api_key": KEY, "secret": SECRET, "url": url, **more}
    return Venue.model_validate({key: value for key, value in given.items() if value is not None})


def hurried(client: CcxtClient) -> CcxtClient:
    """Return a client of the library that does not rest between its questions, as it would at the real venue."""
    client._exchange.__dict__["enableRateLimit"] = False
    return client


class FakeVenueClient:
    """Answers from what the venue holds."""

    def __init__(self, venue: FakeKraken) -> None:
        self.venue = venue
        self.closed = False
        self.took = 0.25

    def _answered(self, path: str) -> None:
        self.venue.asked.append(path)
        troubles = self.venue.troubles.get(path, [])
        if troubles:
            trouble = troubles.pop(0)
            error = VenueError(f"kraken: {trouble}")
            error.transient = isinstance(trouble, int)
            raise error

    def prepare(self) -> None:
        self._answered("prepare")
        excess = self.excess_rights()
        if excess:
            raise VenueError(f"kraken: the key may do more than read ({', '.join(excess)})")

    def excess_rights(self) -> Sequence[str] | None:
        return sorted(set(self.venue.rights) - set(READING))

    def balances(self) -> Sequence[HeldAmount]:
        self._answered("balances")
        return [HeldAmount(CODES[code], Decimal(held)) for code, held in self.venue.balances().items()]

    def positions(self) -> Sequence[HeldAmount]:
        self._answered("positions")
        return [HeldAmount(symbol, Decimal(size)) for symbol, size in self.venue.positions.items()]

    def trades(self, symbol: str | None, since: datetime) -> Sequence[ToldTrade]:  # noqa: ARG002 - there is one pair
        self._answered("trades")
        found = sorted((each for each in self.venue.trades if each.at > since), key=lambda each: each.at)
        return [
            ToldTrade(
                id=each.id,
                symbol=each.pair,
                side=SIDES[each.side],
                quantity=Decimal(each.quantity),
                price=Decimal(each.price),
                at=each.at,
                order_id=each.order_id,
                base="BTC",
                quote="USD",
                cash=Decimal(each.quantity) * Decimal(each.price),
                fee=Decimal(each.fee),
                fee_asset="USD",
            )
            for each in found[-PAGE:]
        ]

    def close(self) -> None:
        self.closed = True
