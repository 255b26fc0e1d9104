"""EMS times (protocol 15): ISO 8601, seven fractional digits, no zone means UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: Times of other years are no times of trading: a "no value" marker (`0001-01-01T00:00:00.0000000Z`), or a mistake.
#: Between them, every sum with a clock's skew can be written as a time.
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199


def parse_time(text: str | None) -> datetime | None:
    """Return the moment in UTC, truncated to microseconds, None if the text holds none; never raises.

    Truncation loses the order of stamps that are 100 ns apart: keep the order of the list they came in.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elif moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None
