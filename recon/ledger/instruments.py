"""What a symbol is: spot or derivative, and which assets its legs move. Pure (semantics 3.1-3.2)."""

from __future__ import annotations

import msgspec

from recon.ems.protocol.messages import SymbolRow
from recon.ems.protocol.symbols import InstrumentType, instrument_type, is_derivative, spot_pair


class Instrument(msgspec.Struct, frozen=True):
    """One symbol of an account; `base` and `quote` are the venue's codes, as its symbols write them."""

    symbol: str
    symbol_coinapi: str | None
    type: InstrumentType | None
    base: str | None
    quote: str | None
    base_coinapi: str | None
    quote_coinapi: str | None

    @property
    def derivative(self) -> bool:
        """Tell whether a fill is one entry in the contract."""
        return self.type is not None and is_derivative(self.type)

    @property
    def spot(self) -> bool:
        """Tell whether a fill moves two known assets."""
        return self.type is InstrumentType.SPOT and self.base is not None and self.quote is not None


def from_row(row: SymbolRow) -> Instrument | None:
    """Read one row of a SYMBOLS_SNAPSHOT; None where it names no symbol.

    The type comes from the second term of the CoinAPI id alone; base and quote from the row, and only where the row
    lacks them from the id (protocol 14).
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
    """Know a derivative from its CoinAPI id alone: its unit is the contract itself. A spot fill waits."""
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
    """Return the CoinAPI assets that a derivative's id names: what its cash may touch while nothing better is known."""
    terms = (symbol_coinapi or "").split("_")
    return [term for term in terms[2:4] if term] if from_report("", symbol_coinapi) is not None else []
