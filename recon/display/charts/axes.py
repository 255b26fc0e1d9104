"""Scales from times and exact decimals to pixels, with round labels. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from recon.display.figures import figure, scale_of
from recon.exact import EXACT, ZERO, divide, exact
from recon.times import to_datetime

_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: Round steps of time, in microseconds.
_STEPS: Final = (
    *(number * _SECOND for number in (1, 2, 5, 10, 15, 30)),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12)),
    *(number * _DAY for number in (1, 2, 7, 14, 28, 91, 182, 364)),
)
#: Most steps between the lowest and the highest label of a value.
_MOST_STEPS: Final = 5


class TimeAxis:
    """Time from left to right, in microseconds."""

    def __init__(self, from_us: int, until_us: int, left: int, right: int) -> None:
        """Take the ends; an axis has some length."""
        self.from_us, self.until_us = from_us, max(until_us, from_us + 1)
        self.left, self.right = left, right

    def x(self, us: int) -> int:
        """Return where a time is; what lies outside is at the end."""
        inside = min(max(us, self.from_us), self.until_us)
        return self.left + (inside - self.from_us) * (self.right - self.left) // (self.until_us - self.from_us)

    def has(self, us: int) -> bool:
        """True if a time is on the axis."""
        return self.from_us <= us <= self.until_us

    def labels(self, room: int) -> list[tuple[int, str]]:
        """Return round times with their texts; each has so many pixels."""
        most = max(1, (self.right - self.left) // room)
        span = self.until_us - self.from_us
        step = next((step for step in _STEPS if span // step <= most), _STEPS[-1])
        first = -(-self.from_us // step) * step
        return [(self.x(us), _label(us, step)) for us in range(first, self.until_us + 1, step)]


def _label(us: int, step: int) -> str:
    at = to_datetime(us).astimezone(UTC)
    if step >= _DAY:
        return at.strftime("%m-%d")
    return at.strftime("%H:%M") if step >= _MINUTE else at.strftime("%H:%M:%S")


class ValueAxis:
    """Quantities from top to bottom; zero is always on it, and never at its edge."""

    def __init__(self, values: Iterable[Decimal], top: int, bottom: int) -> None:
        """Take what is to be on it."""
        known = [ZERO, *values]
        self.top, self.bottom = top, bottom
        with exact():
            low, high = min(known), max(known)
            self.step = _round_step(high - low)
            self.high = _whole_steps(high, self.step, ROUND_CEILING)
            self.low = _whole_steps(low, self.step, ROUND_FLOOR)
            self.high = self.high or self.step
            self.low = self.low or -self.step
        self.is_flat = low == high

    def y(self, value: Decimal) -> int:
        """Return where a quantity is."""
        with exact():
            inside = min(max(value, self.low), self.high)
            way = (self.high - inside) * (self.bottom - self.top)
            return self.top + int(divide(way, self.high - self.low, 0))

    def labels(self) -> list[tuple[int, str]]:
        """Return round quantities with their texts, all at one scale; where nothing differs, zero alone."""
        if self.is_flat:
            return [(self.y(ZERO), "0")]
        with exact():
            count = int(divide(self.high - self.low, self.step, 0))
            values = [self.low + number * self.step for number in range(count + 1)]
        scale = scale_of([self.step])
        return [(self.y(value), figure(value, scale, signed=True).text) for value in values]


def _round_step(span: Decimal) -> Decimal:
    """Return the smallest 1, 2 or 5 times a power of ten of which a span has few."""
    if not span:
        return Decimal(1)
    for exponent in (span.adjusted() - 1, span.adjusted()):
        for digit in (1, 2, 5):
            step = Decimal(digit).scaleb(exponent)
            if step * _MOST_STEPS >= span:
                return step
    return Decimal(1).scaleb(span.adjusted() + 1)  # pragma: no cover - five times five tens hold any span


def _whole_steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """Return the multiple of a step at or beyond a value."""
    whole = EXACT.multiply(step, divide(value, step).to_integral_value(rounding))
    return whole or ZERO
