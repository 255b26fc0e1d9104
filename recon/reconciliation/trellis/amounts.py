"""Amounts as integers, in units of 1e-40, and back. Pure (semantics 1).

No number of a message is finer (semantics 1.3). Products of the finest ones are rounded half-even.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from recon.exact import EXACT

#: An amount is an integer times ten to the minus this.
SCALE: Final = 40
#: One whole unit of an asset or contract.
ONE: Final = 10**SCALE


def to_int(value: Decimal) -> int:
    """Return an amount in units of 1e-40."""
    return int(value.scaleb(SCALE, EXACT).to_integral_value(ROUND_HALF_EVEN, EXACT))


def to_decimal(amount: int) -> Decimal:
    """Return an amount, given in units of 1e-40, as an exact decimal without trailing zeros."""
    if not amount:
        return Decimal(0)
    exponent = -SCALE
    while amount % 10 == 0 and exponent < 0:
        amount //= 10
        exponent += 1
    return Decimal((amount < 0, _digits(amount), exponent))


def _digits(amount: int) -> tuple[int, ...]:
    return tuple(map(int, str(abs(amount))))


def digits_of(amount: int) -> int:
    """Count significant digits: of two readings of a step, the one with fewer is likelier."""
    return len(str(abs(amount)).rstrip("0"))
