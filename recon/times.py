"""Times: microseconds since the epoch, log time, and times as people write them. Pure.

Only the log position orders replay; times explain (architecture 2.3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SPAN: Final = re.compile(r"(\d{1,6})([smhd])")


def microseconds(at: datetime) -> int:
    """Return whole microseconds since the epoch; exact, no float is involved."""
    return (at - _EPOCH) // _MICROSECOND


def to_datetime(us: int) -> datetime:
    """Return the time so many microseconds after the epoch, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def parse_time(text: str, now: datetime, *, ahead: bool = False) -> datetime | None:
    """Read a time, or a span (30s, 5m, 2h, 1d) before now, or after now with `ahead`; None where it is neither.

    A time without a zone is in UTC, and what UTC has no year for is none.
    """
    try:
        if (span := _SPAN.fullmatch(text)) is not None:
            length = timedelta(**{_UNITS[span[2]]: int(span[1])})
            return now + length if ahead else now - length
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class LogTime(msgspec.Struct, frozen=True, gc=False):
    """A point in a gateway's log.

    `seq` is the log position, `us` the log time in microseconds since the epoch, and `clock` the same in microseconds
    of observed time: holes in the log do not advance it (semantics 9.4).
    """

    seq: int
    us: int
    clock: int
