"""How numbers are written in the reasons of causes. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ONE, divide

#: Decimal places of a computed price, and of a share in percent.
_PRICE_DIGITS: Final = 8
_PERCENT_DIGITS: Final = 4


def number_text(value: Decimal, digits: int = _PRICE_DIGITS) -> str:
    """Return a computed number without trailing zeros."""
    return shown(divide(value, ONE, digits).normalize())


def percent_text(share: Decimal) -> str:
    """Return a share in percent."""
    return f"{number_text(share * 100, _PERCENT_DIGITS)} %"


def significant_digits(value: Decimal) -> int:
    """Return the number of significant digits: an equal number of many digits is hardly a coincidence."""
    return len(value.normalize().as_tuple().digits)
