"""The instruments of a venue: assets, spot pairs and perpetual contracts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from recon.exact import ONE


class Kind(StrEnum):
    """How the value of a fill is computed."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


class Side(StrEnum):
    """The side of an order or of a position."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """Return the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One balance row: `code` is `asset_id_exchange`; `scale` is its number of digits after the point."""

    code: str
    coinapi: str | None
    scale: int = 8
    rate_usd: Decimal | None = None

    @property
    def coin(self) -> str:
        """Return the coin's name common to all venues."""
        return self.coinapi or self.code

    @property
    def quantum(self) -> Decimal:
        """Return the smallest amount of this asset that the venue books."""
        return ONE.scaleb(-self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A traded instrument as in SYMBOLS_SNAPSHOT, plus facts that only the venue knows.

    `base` and `quote` are the codes in symbols (`XBT`), `base_row` and `quote_row` those of the balance rows (`XXBT`).
    `settlement_row` is the balance row that receives a contract's profit; `price` is the start of the walk.
    """

    symbol: str
    coinapi: str
    kind: Kind
    base: str
    quote: str
    base_coinapi: str
    quote_coinapi: str
    base_row: str
    quote_row: str
    price_step: Decimal
    size_step: Decimal
    price: Decimal
    settlement_row: str = ""
    multiplier: Decimal = ONE

    @property
    def is_contract(self) -> bool:
        """True for a derivative, False for a spot pair."""
        return self.kind is not Kind.SPOT


@dataclass(frozen=True, slots=True)
class OpeningPosition:
    """A leg at the start of the day; `quantity` is not signed."""

    symbol: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
