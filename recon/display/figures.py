"""Figures: exact decimals with separators, aligned on the point, at the scale of their unit. Pure.

1. All figures of one unit in one row have the same decimals: as many as the longest needs, trailing zeros off.
2. Zero is `0`, never `0.000`; what is not known is `-`.
3. The minus is ASCII, so that a copied number is a number. A raw figure has its digits as stored, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from recon.exact import plain

#: What is not known.
UNKNOWN: Final = "-"


class Figure(NamedTuple):
    """A number as text, in two parts that meet at the point: sign and whole digits; the point and the fraction."""

    whole: str
    fraction: str = ""

    @property
    def text(self) -> str:
        """Return the figure without any room around it."""
        return self.whole + self.fraction


def scale_of(values: Iterable[Decimal | int | None]) -> int:
    """Return the decimals that these values need so that all are exact, trailing zeros off."""
    return max((_needed(value) for value in values if value is not None), default=0)


def figure(value: Decimal | int | None, scale: int | None = None, *, signed: bool = False, raw: bool = False) -> Figure:
    """Return a number as a figure, padded to a scale; without one, at its own.

    `signed` writes a plus too. No digit is ever lost: a scale smaller than the number's own is not kept to.
    """
    if value is None:
        return Figure(UNKNOWN)
    text = plain(Decimal(value))
    if raw:
        whole, point, fraction = text.partition(".")
        return Figure(whole, point + fraction)
    if not value:
        return Figure("0")
    whole, _, fraction = text.lstrip("-").partition(".")
    fraction = fraction.rstrip("0").ljust(scale or 0, "0")
    sign = "-" if value < 0 else "+" if signed else ""
    return Figure(f"{sign}{_separated(whole)}", f".{fraction}" if fraction else "")


def padded(value: Decimal | int | None, scale: int, *, signed: bool = False) -> Figure:
    """Return a figure that has its decimals even where it is zero: for sums that are written out."""
    if value is None or value:
        return figure(value, scale, signed=signed)
    return Figure("0", f".{'0' * scale}" if scale else "")


def aligned(figures: Sequence[Figure]) -> list[str]:
    """Return figures as texts of one width, with their points in one place."""
    whole = max((len(each.whole) for each in figures), default=0)
    fraction = max((len(each.fraction) for each in figures), default=0)
    return [each.whole.rjust(whole) + each.fraction.ljust(fraction) for each in figures]


def shown(value: Decimal | int | None) -> str:
    """Return a number at its own scale, for a sentence: `1,205.5`."""
    return figure(value).text


def amount(value: Decimal | int | None, unit: str, scale: int | None = None) -> str:
    """Return a signed amount with its unit, for a sentence: `+0.200 ETH`."""
    return f"{figure(value, scale, signed=True).text} {unit}"


def count(number: int | None) -> str:
    """Return how many, with separators: `1,205`. In commands numbers have none."""
    return UNKNOWN if number is None else f"{number:,}"


def _needed(value: Decimal | int) -> int:
    return len(plain(Decimal(value)).partition(".")[2].rstrip("0"))


def _separated(digits: str) -> str:
    # By text: the number may have more digits than any float or context holds.
    first = len(digits) % 3 or 3
    return ",".join([digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))])
