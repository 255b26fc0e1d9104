"""Time zones as statements and settings name them: `Europe/London`, `UTC`, `UTC+3`, `UTC-03:30`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: A fixed distance to UTC, as venues write it.
_FIXED: Final = re.compile(r"(?:UTC|GMT)\s*(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?")
#: The largest distance of a zone to UTC, in hours.
_MAX_HOURS: Final = 14


def zone_of(name: str) -> tzinfo:
    """Return the zone of a name. Raise ValueError where there is no such zone."""
    text = name.strip()
    fixed = _FIXED.fullmatch(text)
    if fixed is not None:
        return _fixed_zone(fixed)
    if text in {"UTC", "GMT", "Z"}:
        return UTC
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('must be a time zone such as "UTC", "UTC+3" or "Europe/London"') from None


def zone_within(text: str) -> tzinfo | None:
    """Return the fixed zone that a line of text names, such as `Time Zone:UTC+3`; None where it names none."""
    found = _FIXED.search(text)
    if found is not None:
        try:
            return _fixed_zone(found)
        except ValueError:
            return None
    return UTC if re.search(r"\b(?:UTC|GMT)\b", text) else None


def _fixed_zone(found: re.Match[str]) -> tzinfo:
    hours, minutes = int(found["hours"]), int(found["minutes"] or 0)
    if hours > _MAX_HOURS or minutes > 59:
        raise ValueError(f"must be at most {_MAX_HOURS} hours from UTC")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if found["sign"] == "-" else distance)
