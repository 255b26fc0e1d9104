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
from functools import lru_cache
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

#: Digits that every double keeps, and how many a double's text may have (semantics 1.2).
_KEPT_DIGITS: Final = 15
_TEXT_DIGITS: Final = 17
#: A number of at most so many digits, with noise behind it, was meant; zeros or nines stand between.
_MEANT_DIGITS: Final = 12
_KEPT: Final = Context(prec=_KEPT_DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
#: How many resolutions a sum of doubles may be off by and still be the same amount.
_NOISE: Final = Decimal(32)

#: A double resolves this share of its magnitude (semantics 1.2): 2**-52, exactly.
DOUBLE_RESOLUTION: Final = Decimal("2.220446049250313080847263336181640625e-16")
#: A sum of doubles may be off by this share of its magnitude.
_NOISE_SHARE: Final = EXACT.multiply(DOUBLE_RESOLUTION, _NOISE)


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


@lru_cache(maxsize=128)
def step_of(digits: int) -> Decimal:
    """Return the smallest step of numbers with so many digits after the point."""
    return ONE.scaleb(-digits)


def bounded(value: Decimal) -> bool:
    """Tell whether a number from the wire is finite and within the named bounds."""
    if not value.is_finite():
        return False
    if not value:  # 0.00000000 stands in nearly every balance
        return abs(value.adjusted()) <= MAX_EXPONENT
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return False
    return len(digits) <= MAX_DIGITS and exponent >= -MAX_EXPONENT and value.adjusted() <= MAX_EXPONENT


def resolution(value: Decimal) -> Decimal:
    """Return what a double of this magnitude cannot tell apart."""
    return abs(value) * DOUBLE_RESOLUTION


def noise(value: Decimal) -> Decimal:
    """Return how far a sum of doubles of this magnitude may be off."""
    return abs(value) * _NOISE_SHARE


def same_amount(one: Decimal, other: Decimal) -> bool:
    """True if two amounts differ by no more than sums of doubles may."""
    return one == other or abs(one - other) <= noise(max(abs(one), abs(other)))


def without_noise(value: Decimal) -> Decimal:
    """Return the short number that was meant where a double's text shows one with noise behind it (semantics 1.2).

    57.638000000000005 was meant as 57.638, and 0.29999999999999999 as 0.3. All other numbers stay as written.
    """
    if not _KEPT_DIGITS < len(value.as_tuple().digits) <= _TEXT_DIGITS:
        return value
    meant = _KEPT.normalize(value)
    _, digits, exponent = meant.as_tuple()
    if len(digits) > _MEANT_DIGITS:
        return value
    return meant if isinstance(exponent, int) and exponent <= 0 else meant.quantize(ONE)


def meant_scale(value: Decimal) -> int:
    """Return the digits after the point that were meant: those of the noise of a sum of doubles do not count.

    Such noise may be larger than one number's own, which `without_noise` leaves out: 9973.980000000125 has 2 digits.
    """
    if len(value.as_tuple().digits) > _KEPT_DIGITS:
        for kept in range(_KEPT_DIGITS, _MEANT_DIGITS - 1, -1):
            meant = Context(prec=kept, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation]).normalize(value)
            if len(meant.as_tuple().digits) <= kept - (_KEPT_DIGITS - _MEANT_DIGITS):
                return scale(meant)
    return scale(value)


def scale(value: Decimal) -> int:
    """Return the number of digits after the point, as written: 50000.00 has 2, 7 has 0, 1E+3 has 0."""
    text = str(value)
    if "E" in text:
        exponent = value.as_tuple().exponent
        return -exponent if isinstance(exponent, int) and exponent < 0 else 0
    point = text.find(".")
    return 0 if point < 0 else len(text) - point - 1


def unpadded(value: Decimal) -> Decimal:
    """Return a number without the zeros behind its last digit: numeric(38,18) pads each with them."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return value
    kept = len(digits)
    while exponent < 0 and kept > 1 and digits[kept - 1] == 0:
        kept, exponent = kept - 1, exponent + 1
    return Decimal((sign, digits[:kept], exponent)) if value else ZERO


def plain(value: Decimal) -> str:
    """Write a decimal without an exponent and without a negative zero."""
    return format(value or abs(value), "f")
