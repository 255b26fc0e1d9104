"""EMS times (protocol 15): ISO 8601, seven fractional digits, no zone means UTC. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: A time below this year is the wire's "no value" marker (`0001-01-01T00:00:00.0000000Z`).
FIRST_YEAR: Final = 2


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
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= FIRST_YEAR else None
