"""Simulated time in whole ticks of 100 ns, the resolution of the EMS's time stamps (protocol 15)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

TICKS_PER_SECOND: Final = 10_000_000
_TICKS_PER_MICROSECOND: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def ticks(seconds: float) -> int:
    """Return a number of seconds in ticks."""
    return round(seconds * TICKS_PER_SECOND)


def from_datetime(moment: datetime) -> int:
    """Return an aware time as ticks since 1970."""
    since = moment - _EPOCH
    whole = since.days * 86_400 + since.seconds
    return whole * TICKS_PER_SECOND + since.microseconds * _TICKS_PER_MICROSECOND


def to_datetime(stamp: int) -> datetime:
    """Return the time of a stamp, truncated to whole microseconds."""
    return _EPOCH + timedelta(microseconds=stamp // _TICKS_PER_MICROSECOND)


#: What the EMS writes where it has no time (protocol 15).
NO_TIME: Final = "0001-01-01T00:00:00.0000000Z"


def text(stamp: int) -> str:
    """Return a stamp in the EMS's form: ISO 8601, UTC, seven fractional digits."""
    return f"{to_datetime(stamp):%Y-%m-%dT%H:%M:%S}.{stamp % TICKS_PER_SECOND:07d}Z"


def coarse_text(stamp: int, digits: int | None) -> str:
    """Return a stamp cut to so many fractional digits, the others zero; None: the form of no time."""
    if digits is None:
        return NO_TIME
    resolution: int = TICKS_PER_SECOND // 10**digits
    return text(stamp - stamp % resolution)
