"""Instruments: the type of a symbol, and the assets that its fills move. Pure (semantics 3.1-3.2)."""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import product

import msgspec

from recon.ems.protocol.messages import SymbolRow
from recon.ems.protocol.symbols import InstrumentType, instrument_type, is_derivative, spot_pair

#: A code and whether it is CoinAPI's (1) or the venue's (0); the venue's code and CoinAPI's of one asset.
_Asset = tuple[int, str | None]
_Codes = tuple[str, str | None]


class Instrument(msgspec.Struct, frozen=True):
    """A symbol of an account; `base` and `quote` are the venue's codes, spelled as in symbols."""

    symbol: str
    symbol_coinapi: str | None
    type: InstrumentType | None
    base: str | None
    quote: str | None
    base_coinapi: str | None
    quote_coinapi: str | None

    @property
    def derivative(self) -> bool:
        """True if a fill moves a contract."""
        return self.type is not None and is_derivative(self.type)

    @property
    def spot(self) -> bool:
        """True if a fill moves two assets, and both are named."""
        return self.type is InstrumentType.SPOT and self.base is not None and self.quote is not None


def from_row(row: SymbolRow) -> Instrument | None:
    """Return the instrument of a row of a SYMBOLS_SNAPSHOT; None where the row names no symbol.

    The type comes from the second term of the CoinAPI id only. Base and quote come from the row, or from the id where
    the row lacks them (protocol 14).
    """
    if row.symbol is None:
        return None
    kind = instrument_type(row.symbol_coinapi)
    base, quote = row.base or row.base_coinapi, row.quote or row.quote_coinapi
    if (base is None or quote is None) and kind is InstrumentType.SPOT:
        parsed = spot_pair(row.symbol_coinapi)
        if parsed is not None:
            base, quote = base or parsed[0], quote or parsed[1]
    return Instrument(
        symbol=row.symbol,
        symbol_coinapi=row.symbol_coinapi,
        type=kind,
        base=base,
        quote=quote,
        base_coinapi=row.base_coinapi,
        quote_coinapi=row.quote_coinapi,
    )


def from_report(symbol: str, symbol_coinapi: str | None) -> Instrument | None:
    """Return the instrument of a derivative by its CoinAPI id; None for spot, whose fills wait for a row."""
    kind = instrument_type(symbol_coinapi)
    if kind is None or not is_derivative(kind):
        return None
    return Instrument(
        symbol=symbol,
        symbol_coinapi=symbol_coinapi,
        type=kind,
        base=None,
        quote=None,
        base_coinapi=None,
        quote_coinapi=None,
    )


def underlying(symbol_coinapi: str | None) -> list[str]:
    """Return the CoinAPI assets in a derivative's id: its cash may touch them while no row names the assets."""
    terms = (symbol_coinapi or "").split("_")
    return [term for term in terms[2:4] if term] if from_report("", symbol_coinapi) is not None else []


class Spellings:
    """The symbols of an account by their letters and digits alone: `BTC-USDT`, `btc/usdt` and `BTCUSDT` are one."""

    __slots__ = ("_symbols",)

    def __init__(self) -> None:
        """Begin without any."""
        self._symbols: dict[tuple[str, str], set[str]] = {}

    def add(self, account: str, instrument: Instrument) -> None:
        """Add an instrument of an account."""
        for symbol in (instrument.symbol, instrument.symbol_coinapi):
            if symbol:
                self._symbols.setdefault((account, spelled(symbol)), set()).add(instrument.symbol)

    def only(self, account: str, symbol: str) -> str | None:
        """Return the only symbol that is spelled so; None where there is none, or several."""
        found = self._symbols.get((account, spelled(symbol)), set())
        return next(iter(found)) if len(found) == 1 else None


def spelled(symbol: str) -> str:
    """Return the letters and digits of a symbol, in lower case."""
    return "".join(sign for sign in symbol.casefold() if sign.isalnum())


class SpotSymbols:
    """The spot symbols between two assets of an account, whether their codes or their CoinAPI codes are known."""

    __slots__ = ("_symbols", "spellings")

    def __init__(self) -> None:
        """Begin without any."""
        self._symbols: dict[tuple[str, _Asset, _Asset], list[str]] = {}
        #: How all symbols are spelled, those of contracts too.
        self.spellings = Spellings()

    def replace(self, account: str, before: Instrument | None, after: Instrument) -> None:
        """Put an instrument of an account in the place of an earlier one."""
        self.spellings.add(account, after)
        for key in () if before is None else _legs(account, before):
            symbols = self._symbols[key]
            del symbols[bisect_left(symbols, before.symbol if before is not None else "")]
        for key in _legs(account, after):
            insort(self._symbols.setdefault(key, []), after.symbol)

    def first_between(self, account: str, base: _Codes, quote: _Codes) -> str | None:
        """Return the first symbol in alphabetical order; an asset is a code and a CoinAPI code, if known."""
        found = (self._symbols.get((account, *legs)) for legs in product(enumerate(base), enumerate(quote)))
        return min((symbols[0] for symbols in found if symbols), default=None)


def _legs(account: str, instrument: Instrument) -> list[tuple[str, _Asset, _Asset]]:
    if not instrument.spot:
        return []
    base, quote = (
        [(place, code) for place, code in enumerate(codes) if code]
        for codes in ((instrument.base, instrument.base_coinapi), (instrument.quote, instrument.quote_coinapi))
    )
    return [(account, *legs) for legs in product(base, quote)]
