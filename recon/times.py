"""Times: microseconds since the epoch, and log time. Pure.

Only the log position orders replay; times explain (architecture 2.3).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Return whole microseconds since the epoch; exact, no float is involved."""
    return (at - _EPOCH) // _MICROSECOND


def to_datetime(us: int) -> datetime:
    """Return the time so many microseconds after the epoch, in UTC."""
    return _EPOCH + timedelta(microseconds=us)


class LogTime(msgspec.Struct, frozen=True, gc=False):
    """A point in a gateway's log.

    `seq` is the log position, `us` the log time in microseconds since the epoch, and `clock` the same in microseconds
    of observed time: holes in the log do not advance it (semantics 9.4).
    """

    seq: int
    us: int
    clock: int
