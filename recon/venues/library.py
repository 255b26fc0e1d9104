"""The library ccxt, which is an extra: found, imported when it is needed, and silenced."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Final, Protocol, cast

from recon.errors import ConfigError
from recon.nearest import hint
from recon.venues.session import BoundedSession, Session

MISSING: Final = "venues need the library ccxt; install it: pip install 'recon[venues]'"
#: What each question needs the venue to have, as ccxt calls it.
NEEDED: Final = {"balances": "fetchBalance", "positions": "fetchPositions", "trades": "fetchMyTrades"}
#: Who logs URLs, headers and bodies.
_LOUD: Final = ("ccxt", "ccxt.base.exchange", "urllib3", "urllib3.connectionpool", "requests")


class Exchange(Protocol):
    """The part of an exchange of ccxt that is used: all of it reads."""

    has: Mapping[str, object]
    urls: dict[str, object]
    markets: Mapping[str, Mapping[str, object]] | None
    session: BoundedSession
    number: Callable[[object], object]
    on_json_response: Callable[[str], object]

    def load_markets(self) -> object:
        """Read what the venue lists."""
        ...

    def fetch_balance(self, params: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
        """Return balances by what they are: `total` by code."""
        ...

    def fetch_positions(self, symbols: Sequence[str] | None) -> Sequence[Mapping[str, object]]:
        """Return positions."""
        ...

    def fetch_my_trades(self, symbol: str | None, since: int) -> Sequence[Mapping[str, object]]:
        """Return the account's own trades since a time in milliseconds."""
        ...


class _Library(Protocol):
    exchanges: Sequence[str]


def _library() -> _Library:
    """Import the library: a second, and some 60 MB of memory. Raise ConfigError where it is not installed."""
    if find_spec("ccxt") is None:
        raise ConfigError(MISSING)
    _silence()
    return cast("_Library", importlib.import_module("ccxt"))


def _silence() -> None:
    """Keep the library from logging anything; idempotent."""
    for name in _LOUD:
        logger = logging.getLogger(name)
        if _nothing not in logger.filters:
            logger.addFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def exchange_of(name: str, given: Mapping[str, object]) -> Exchange:
    """Return an exchange of the library by its id. Raise ConfigError where there is none."""
    library = _library()
    if name not in library.exchanges:
        raise ConfigError(f"ccxt knows no venue {name!r}; {hint(name, library.exchanges)}")
    made: Exchange = getattr(library, name)(dict(given))
    sessions = importlib.import_module("requests")
    made.session = BoundedSession(cast("Session", sessions.Session()))
    return made
