"""How old something is in business terms. Pure (architecture 4.8).

1. A business day ends at its account's cut-off, minutes after midnight UTC; at 0 it is the calendar day.
2. Time outside business days does not age anything; by default every day is one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000
_WEEK: Final = 7
#: The first day of the epoch was a Thursday; Monday is 0.
_EPOCH_WEEKDAY: Final = 3


def business_us(since_us: int, until_us: int, *, cutoff_minute: int, business_days: Collection[int]) -> int:
    """Return how much business time lies between two moments, all in microseconds; 0 where it ends before it begins."""
    if until_us <= since_us:
        return 0
    # Moved so that each business day is a whole day: with a cut-off at 17:00 Monday's begins on Sunday at 17:00.
    shift = DAY_US - cutoff_minute * _MINUTE_US if cutoff_minute else 0
    since, until = since_us + shift, until_us + shift
    weeks, rest = divmod(until - since, _WEEK * DAY_US)
    passed = weeks * len(set(business_days)) * DAY_US
    begin = until - rest
    while begin < until:
        day = begin // DAY_US
        end = min((day + 1) * DAY_US, until)
        if (day + _EPOCH_WEEKDAY) % _WEEK in business_days:
            passed += end - begin
        begin = end
    return passed
