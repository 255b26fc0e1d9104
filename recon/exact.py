"""Exact decimal arithmetic: the one context every quantity goes through (architecture 2.6, semantics 1).

1. Addition, subtraction and multiplication are exact: `EXACT` traps `Inexact`, so a loss is an error, not a digit.
2. Division happens only through `divide`, in one named context (50 digits, half-even).
3. A number that is not finite, or whose exponent is beyond `MAX_EXPONENT`, is no value: `bounded` tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Final

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

#: Largest power of ten, either way, that a number on the wire may carry. A balance of 10^40 units does not exist;
#: an exponent beyond it is a finding about the message (semantics 1.3).
MAX_EXPONENT: Final = 40
#: Most digits a number on the wire may carry.
MAX_DIGITS: Final = 80

#: Digits enough for any sum of products of bounded numbers.
EXACT: Final = Context(prec=1000, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
#: Digits enough to write a quotient of bounded numbers with any scale in use.
_QUANTISING: Final = Context(prec=300, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
DIVISION: Final = Context(prec=50, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])

#: A double resolves this share of its magnitude (semantics 1.2): 2**-52, exactly.
DOUBLE_RESOLUTION: Final = Decimal("2.220446049250313080847263336181640625e-16")


@contextmanager
def exact() -> Iterator[None]:
    """Enter the exact context; every fold does, because the default context rounds in silence."""
    with localcontext(EXACT):
        yield


def divide(numerator: Decimal, denominator: Decimal, digits: int | None = None) -> Decimal:
    """Divide in the named context: 50 digits, half-even; quantised to `digits` after the point where given.

    What that loses is the caller's to account for (semantics 1.1).
    """
    quotient = DIVISION.divide(numerator, denominator)
    return quotient if digits is None else _QUANTISING.quantize(quotient, ONE.scaleb(-digits))


def bounded(value: Decimal) -> bool:
    """Tell whether a number from the wire is finite and within the named bounds."""
    if not value.is_finite():
        return False
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return False
    return len(digits) <= MAX_DIGITS and exponent >= -MAX_EXPONENT and value.adjusted() <= MAX_EXPONENT


def resolution(value: Decimal) -> Decimal:
    """Return what a double of this magnitude cannot tell apart."""
    return abs(value) * DOUBLE_RESOLUTION


def scale(value: Decimal) -> int:
    """Return the number of digits after the point, as written: 50000.00 has 2, 7 has 0, 1E+3 has 0."""
    text = str(value)
    if "E" in text:
        exponent = value.as_tuple().exponent
        return -exponent if isinstance(exponent, int) and exponent < 0 else 0
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent and without a negative zero."""
    return format(value or abs(value), "f")
