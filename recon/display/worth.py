"""What something is worth in USD, and shares of a whole. Pure."""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from recon.display.figures import UNKNOWN, Figure, figure

#: The word for a worth of which a rate is missing; it is not zero.
NO_RATE: Final = "unknown"

_CENT: Final = Decimal("0.01")
_TENTH: Final = Decimal("0.1")
#: Digits enough for any sum of products of bounded numbers.
_ROUNDING: Final = Context(prec=1000)


def worth_figure(usd: Decimal | None, *, signed: bool = False) -> Figure:
    """Return a worth in USD with two decimals; what is less than half a cent is not called zero."""
    if usd is None:
        return Figure(NO_RATE)
    cents = usd.quantize(_CENT, ROUND_HALF_EVEN, _ROUNDING)
    if usd and not cents:
        return Figure(f"{'-' if usd < 0 else ''}<0", ".01")
    return figure(cents, 2, signed=signed)


def worth(usd: Decimal | None, *, signed: bool = False) -> str:
    """Return a worth for a sentence: `1,202.64 USD`, or `worth unknown`."""
    return f"worth {NO_RATE}" if usd is None else f"{worth_figure(usd, signed=signed).text} USD"


def share(percent: Decimal | None) -> str:
    """Return a share in per cent with one decimal, never rounded up: 99.97 is `99.9 %`, and only all is `100 %`."""
    if percent is None:
        return UNKNOWN
    floor = percent.quantize(_TENTH, ROUND_FLOOR, _ROUNDING)
    return f"{figure(floor).text if floor in {0, 100} else floor} %"
