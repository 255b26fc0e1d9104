"""The Retry-After header (RFC 9110, 10.2.3): a number of seconds, or a date. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Longest time that is returned, in seconds.
MAX_SECONDS: Final = 1e9
#: Most digits of a number that are read; more make it longer than MAX_SECONDS.
MAX_DIGITS: Final = 12


def retry_after_seconds(value: str | None, now: datetime | None) -> float | None:
    """Return the seconds from `now` that a header asks for, None if it is missing or cannot be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:MAX_DIGITS]), MAX_SECONDS)
    if now is None:
        return None
    until = http_date(text)
    return None if until is None else max(0.0, (until - now).total_seconds())


def http_date(text: str) -> datetime | None:
    """Return a date of an HTTP header, in UTC if it names no zone; None if it cannot be read."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
