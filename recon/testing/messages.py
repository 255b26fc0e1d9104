"""Rows of EMS messages, shaped as the protocol shapes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | bool | Decimal | None"
Row: TypeAlias = dict[str, Json]


class Symbol(NamedTuple):
    """The codes of an instrument: of the venue, of CoinAPI, and of its two assets."""

    exchange: str
    coinapi: str
    base: str
    quote: str


#: The account of all messages that do not name another.
ACCOUNT: Final = "BINANCE"
BTC_USDT: Final = Symbol("BTCUSDT", "BINANCE_SPOT_BTC_USDT", "BTC", "USDT")
ETH_USDT: Final = Symbol("ETHUSDT", "BINANCE_SPOT_ETH_USDT", "ETH", "USDT")
PERPETUAL: Final = Symbol("BTCUSDT-PERP", "BINANCE_PERP_BTC_USDT", "BTC", "USDT")


def stamp(at: datetime) -> str:
    """Return a time as the EMS writes it, with seven digits after the second."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def symbol_row(symbol: str, coinapi: str, base: str, quote: str, **codes: str) -> Row:
    """Return a row of a SYMBOLS_SNAPSHOT.

    `codes`: CoinAPI codes that differ from those of the venue, by `base_coinapi` and `quote_coinapi`.
    """
    return {
        "symbol_id_exchange": symbol,
        "symbol_id_coinapi": coinapi,
        "asset_id_base_exchange": base,
        "asset_id_quote_exchange": quote,
        "asset_id_base_coinapi": codes.get("base_coinapi", base),
        "asset_id_quote_coinapi": codes.get("quote_coinapi", quote),
        "price_precision": Decimal("0.01"),
        "size_precision": Decimal("0.0001"),
    }


def balance_row(asset: str, balance: str | Decimal | None, *, coinapi: str | None = "=", **more: Json) -> Row:
    """Return a balance.

    `coinapi`: "=" repeats the code of the asset, None leaves it null. A balance of None leaves the amounts out.
    """
    row: Row = {"asset_id_exchange": asset, "asset_id_coinapi": asset if coinapi == "=" else coinapi}
    if balance is not None:
        row |= {"balance": Decimal(balance), "available": Decimal(balance), "locked": 0}
    return row | {"last_updated_by": "EXCHANGE", "rate_usd": None} | more


def position_row(
    quantity: str | Decimal, side: str | None, *, price: str | None = "100", symbol: Symbol = PERPETUAL
) -> Row:
    """Return a position of a contract; `price` is its average entry price."""
    return {
        "symbol_id_exchange": symbol.exchange,
        "symbol_id_coinapi": symbol.coinapi,
        "quantity": Decimal(quantity),
        "side": side,
        "avg_entry_price": None if price is None else Decimal(price),
        "unrealised_pnl": 0,
    }
