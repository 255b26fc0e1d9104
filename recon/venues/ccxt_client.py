"""A venue asked through the library ccxt.

1. No float touches an amount: numbers of JSON are kept as their texts, and the library is told to hand texts on. One
   that it made a float of all the same is refused.
2. The library's errors become VenueError in our words. Its own texts hold URLs, and what the venue echoed: neither is
   repeated, nor kept as a cause.
3. What the library can do beyond reading is out of reach: `Exchange` has the few methods that read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from recon.config import Venue
from recon.errors import ConfigError, VenueError
from recon.exact import ZERO, bounded
from recon.ledger.facts.venue_answer import MAX_AMOUNTS, HeldAmount
from recon.venues.client import Side, ToldTrade
from recon.venues.errors import meaning_of
from recon.venues.key_rights import RIGHTS
from recon.venues.library import exchange_of

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIDES: Final[Mapping[str, Side]] = {"buy": "BUY", "sell": "SELL"}
_SIGNS: Final = {"long": 1, "short": -1}


class CcxtClient:
    """Asks one venue about one account; `VenueClient` says what for."""

    def __init__(self, settings: Venue) -> None:
        """Make a client; nothing is asked yet. Raise ConfigError without the library, or for an unknown venue."""
        self._settings = settings
        self._name = settings.exchange
        given: dict[str, object] = {"enableRateLimit": True, "verbose": False}
        for key, secret in (("apiKey", settings.api_key), ("secret", settings.secret), ("password", settings.password)):
            if secret is not None:
                given[key] = secret.get_secret_value()
        self._exchange = exchange_of(self._name, given)
        self._exchange.number = _as_told
        self._exchange.on_json_response = _exact_json
        if settings.url is not None:
            self._exchange.urls["api"] = _moved(self._exchange.urls["api"], settings.url)

    def __repr__(self) -> str:
        return f"CcxtClient({self._name!r})"

    @property
    def took(self) -> float:
        """Return the seconds from the sending of the last question to the whole of its answer."""
        return self._exchange.session.took

    def prepare(self) -> None:
        """Read what the venue lists, and refuse a key that may do more than read."""
        self._ask("its markets", self._exchange.load_markets)
        excess = self.excess_rights()
        if excess:
            raise VenueError(
                f"{self._name}: the key may do more than read ({', '.join(excess)}); give recon one that only reads"
            )

    def excess_rights(self) -> Sequence[str] | None:
        """Return what the key may do beyond reading; None: the venue does not tell."""
        question = RIGHTS.get(self._name)
        ask: Callable[[], Mapping[str, object]] | None = (
            getattr(self._exchange, question.method, None) if question else None
        )
        if question is None or ask is None:
            return None
        return question.read(self._ask("the rights of the key", ask))

    def balances(self) -> Sequence[HeldAmount]:
        """Return what is held of each asset over the wallets, free or not."""
        held: dict[str, Decimal] = {}
        wallets = [{"type": wallet} for wallet in self._settings.wallets] or [{}]
        for wallet in wallets:
            answer = self._ask("balances", partial(self._exchange.fetch_balance, wallet))
            for code, amount in _table(self._name, answer.get("total")).items():
                if amount is not None:
                    unit = self._settings.assets.get(code, code)
                    held[unit] = held.get(unit, ZERO) + self._number(amount, f"the balance of {code}")
        return self._bounded([HeldAmount(unit, amount) for unit, amount in held.items()])

    def positions(self) -> Sequence[HeldAmount]:
        """Return the open positions, signed, in contracts."""
        symbols = list(self._settings.symbols) or None
        rows = self._ask("positions", lambda: self._exchange.fetch_positions(symbols))
        return self._bounded([self._position(row) for row in rows])

    def _position(self, row: Mapping[str, object]) -> HeldAmount:
        symbol = str(row.get("symbol"))
        size = self._number(row.get("contracts"), f"the position in {symbol}")
        sign = _SIGNS.get(str(row.get("side")))
        if size and sign is None:
            raise VenueError(f"{self._name}: it does not say whether the position in {symbol} is long or short")
        return HeldAmount(self._code_of(symbol), size * (sign or 1))

    def trades(self, symbol: str | None, since: datetime) -> Sequence[ToldTrade]:
        """Return trades since a time, of one symbol or of all: as many as the venue tells at once."""
        since_ms = (since - _EPOCH) // timedelta(milliseconds=1)
        rows = self._ask("trades", lambda: self._exchange.fetch_my_trades(symbol, since_ms))
        return self._bounded([self._trade(row) for row in rows])

    def _trade(self, row: Mapping[str, object]) -> ToldTrade:
        symbol, number = str(row.get("symbol")), self._number
        side = _SIDES.get(str(row.get("side")))
        id_, ms = row.get("id"), row.get("timestamp")
        if side is None or id_ is None or not isinstance(ms, int):
            raise VenueError(f"{self._name}: it tells a trade in {symbol} without id, side or time")
        listed = (self._exchange.markets or {}).get(symbol, {})
        spot = listed.get("spot") is True
        price, cash, order = row.get("price"), row.get("cost"), row.get("order")
        fee, fee_asset = self._fee(row)
        return ToldTrade(
            id=str(id_),
            symbol=self._code_of(symbol),
            side=side,
            quantity=number(row.get("amount"), f"the amount of trade {id_}"),
            price=None if price is None else number(price, f"the price of trade {id_}"),
            at=_EPOCH + timedelta(milliseconds=ms),
            order_id=str(order) if order is not None and self._settings.order_ids else None,
            base=self._asset(listed.get("base")) if spot else None,
            quote=self._asset(listed.get("quote")) if spot else None,
            cash=number(cash, f"the cash of trade {id_}") if spot and cash is not None else None,
            fee=fee,
            fee_asset=fee_asset,
        )

    def _fee(self, row: Mapping[str, object]) -> tuple[Decimal | None, str | None]:
        """Return the fee and its asset; None where the venue tells none, or in several assets."""
        told = row.get("fees")
        fees = [fee for fee in told if isinstance(fee, dict)] if isinstance(told, list) else []
        single = fees[0] if len(fees) == 1 else row.get("fee") if not fees else None
        if not isinstance(single, dict) or single.get("cost") is None or single.get("currency") is None:
            return None, None
        return self._number(single["cost"], f"the fee of trade {row.get('id')}"), self._asset(single["currency"])

    def close(self) -> None:
        """Close the connections."""
        self._exchange.session.close()

    def _asset(self, code: object) -> str | None:
        return None if code is None else self._settings.assets.get(str(code), str(code))

    def _code_of(self, symbol: str) -> str:
        """Return what the EMS calls a symbol: as the settings say, else by the venue's own id."""
        listed = (self._exchange.markets or {}).get(symbol, {})
        own = str(listed.get("id", symbol))
        return self._settings.contracts.get(symbol, self._settings.contracts.get(own, own))

    def _number(self, value: object, of: str) -> Decimal:
        """Return the exact number that a text says. Raise VenueError."""
        try:
            number = Decimal(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        except InvalidOperation:
            number = None
        if number is None or not bounded(number):
            how = (
                "as a binary float, which is not exact"
                if isinstance(value, float)
                else "as something that is no number"
            )
            raise VenueError(f"{self._name}: {of} is told {how}")
        return number

    def _bounded(self, rows: Sequence[T]) -> Sequence[T]:
        if len(rows) > MAX_AMOUNTS:
            raise VenueError(f"{self._name}: its answer has {len(rows)} rows; at most {MAX_AMOUNTS} are taken")
        return rows

    def _ask(self, what: str, ask: Callable[[], T]) -> T:
        """Ask, and say in our words what goes wrong. Raise VenueError."""
        failed: VenueError
        try:
            return ask()
        except VenueError as error:
            failed = VenueError(f"{self._name}: asked for {what}, {error}")
            failed.transient = error.transient
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the library raises, there is no answer
            failed = meaning_of(error, self._name, what)
        # Outside of the handler: the library's error, with its texts, is no part of ours.
        raise failed


def _as_told(value: object) -> object:
    """Hand a number on as its text; a float stays what it is, and is refused where an amount is read."""
    return value if isinstance(value, float) else str(value)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _exact_json(text: str) -> object:
    """Return JSON with each number that is not whole as its text."""
    return json.loads(text, parse_float=str, parse_constant=_refuse_constant)


def _table(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise VenueError(f"{name}: its answer for balances has no totals")
    return value


def _moved(addresses: object, base: str) -> object:
    """Return the library's addresses at another host."""
    if isinstance(addresses, dict):
        return {name: _moved(address, base) for name, address in addresses.items()}
    if not isinstance(addresses, str):
        return addresses
    to, own = urlsplit(base), urlsplit(addresses)
    return urlunsplit((to.scheme, to.netloc, to.path.rstrip("/") + own.path, own.query, ""))
