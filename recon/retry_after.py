"""The Retry-After header (RFC 9110, 10.2.3): a number of seconds, or a date. Pure.

The value is a stranger's text: whatever it holds, nothing is raised, and the result is within 0 and MAX_SECONDS.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: Longest time that is returned, in seconds.
MAX_SECONDS: Final = 1e9
#: Most digits of a number that are read; more make it longer than MAX_SECONDS.
MAX_DIGITS: Final = 12
#: Most characters of a date that are read; the longest form of HTTP has 34.
MAX_DATE_CHARS: Final = 64


def retry_after_seconds(value: str | None, now: datetime | None) -> float | None:
    """Return the seconds from `now` that a header asks for, None if it is missing or cannot be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:MAX_DIGITS]), MAX_SECONDS)
    if now is None:
        return None
    until = http_date(text)
    return None if until is None else min(max(0.0, (until - now).total_seconds()), MAX_SECONDS)


def http_date(text: str) -> datetime | None:
    """Return a date of an HTTP header, in UTC if it names no zone; None if it cannot be read."""
    if len(text) > MAX_DATE_CHARS or not text.isascii():
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        # The library promises ValueError alone; a year or zone of many digits overflows, and older parsers index.
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
