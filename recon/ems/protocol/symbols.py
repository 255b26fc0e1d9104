"""The information in EMS identifiers, and its limits (protocol sections 13 and 14). Pure.

The rule of protocol 14: take base and quote from `SYMBOLS_SNAPSHOT`; parse an id only as a fallback, and
report failure instead of guessing. Only the instrument's type always comes from the id (semantics 3.2).
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

#: Accounts whose exchange is remembered: each report asks for it.
_MAX_ACCOUNTS: Final = 4096


class InstrumentType(StrEnum):
    """The second term of a `symbol_id_coinapi`."""

    SPOT = "SPOT"
    FUTURES = "FTS"
    OPTION = "OPT"
    PERPETUAL = "PERP"
    INDEX = "IDX"
    CREDIT = "CRE"
    CONTRACT = "COT"
    DEPLOYER_PERPETUAL = "DPERP"
    OPTION_COMBO = "OPTCMB"
    FUTURE_COMBO = "FTSCMB"


_BY_CODE: Final = {member.value: member for member in InstrumentType}

#: Types of which an account holds a position. An index cannot be held, and a credit is a loan.
DERIVATIVES: Final = frozenset(
    {
        InstrumentType.FUTURES,
        InstrumentType.OPTION,
        InstrumentType.PERPETUAL,
        InstrumentType.CONTRACT,
        InstrumentType.DEPLOYER_PERPETUAL,
        InstrumentType.OPTION_COMBO,
        InstrumentType.FUTURE_COMBO,
    }
)

#: The order destinations (protocol 7). One of them, a separator and more is an account with a tag.
DESTINATIONS: Final = frozenset({
    "BINANCE", "BINANCEUAT", "BINANCEJE", "BINANCEUS", "BINANCEFTS", "BINANCEFTSUAT", "BINANCEFTSC",
    "BINANCEFTSCUAT", "BINANCEOPTV", "BINANCEOPTVUAT", "BITFINEX", "BITMEX", "BITMEXUAT", "BITSTAMP",
    "BLOCKCHAINEXCHANGE", "COINBASE", "GEMINI", "HITBTC", "KRAKEN", "KRAKENFTS", "POLONIEX", "LMAXDIGITAL",
    "LMAXDIGITALUAT", "DERIBIT", "DERIBITUAT", "DYDX",
})  # fmt: skip

#: Exchange, one of the permitted separators, tag (protocol 13).
_TAGGED: Final = re.compile(r"([A-Za-z0-9]+)([~/.,:;\\!@#$%^&*\-_+=])(.+)", re.DOTALL)
_BARE: Final = re.compile(r"[A-Za-z0-9]+")


def instrument_type(symbol_coinapi: str | None) -> InstrumentType | None:
    """Return the type that the second term names, or None; elsewhere in an id, an asset may look like a type."""
    if not symbol_coinapi:
        return None
    terms = symbol_coinapi.split("_", 2)
    return _BY_CODE.get(terms[1]) if len(terms) == 3 else None


def is_derivative(kind: InstrumentType | None) -> bool:
    """True if a fill of this type moves a contract; false also for an unknown type."""
    return kind in DERIVATIVES


def is_spot(kind: InstrumentType | None) -> bool:
    """True if a fill of this type moves two assets."""
    return kind is InstrumentType.SPOT


def expiry(symbol_coinapi: str | None) -> date | None:
    """Return the day on which a future or option ends by its id, None if the id names no day.

    The day is the first YYMMDD term behind base and quote; an asset's own underscore may shift it (`THB_1INCH`).
    """
    if instrument_type(symbol_coinapi) not in {InstrumentType.FUTURES, InstrumentType.OPTION}:
        return None
    for term in (symbol_coinapi or "").split("_")[4:]:
        if len(term) == 6 and term.isascii() and term.isdigit():
            try:
                return date(2000 + int(term[:2]), int(term[2:4]), int(term[4:]))
            except ValueError:
                continue
    return None


def spot_pair(symbol_coinapi: str | None) -> tuple[str, str] | None:
    """Return the CoinAPI base and quote of a spot id, None if the id is ambiguous.

    `EXCHANGE_SPOT_BASE_QUOTE` has exactly four terms. More of them mean an asset with an underscore
    (`THB_1INCH`) or a suffix that distinguishes duplicates, and the id does not say which.
    """
    if not symbol_coinapi:
        return None
    terms = symbol_coinapi.split("_")
    if len(terms) != 4 or terms[1] != InstrumentType.SPOT or not all(terms):
        return None
    return terms[2], terms[3]


@lru_cache(maxsize=_MAX_ACCOUNTS)
def split_account(exchange_id: str | None) -> str | None:
    """Return the bare exchange of an account, None if the account does not show it.

    `KRAKEN` and `KRAKEN/JOHN` are of KRAKEN, and so is `KRAKEN-01`. A market data id may itself hold hyphens
    (`UNISWAP-V3-ETHEREUM`), so a hyphen or underscore separates only behind a known destination.
    """
    if not exchange_id:
        return None
    if _BARE.fullmatch(exchange_id):
        return exchange_id
    match = _TAGGED.fullmatch(exchange_id)
    if match is None:
        return None
    exchange, separator, _tag = match.groups()
    return None if separator in "-_" and exchange not in DESTINATIONS else exchange
