"""The business days of an account: when each ends, which there are, and business time. Pure (semantics 9.7).

1. A business day ends at its cut-off, in the account's own time zone; at 00:00 it is the calendar day.
2. A moment at the cut-off belongs to the next day.
3. Time outside business days ages nothing. A day counts as 24 h, also when clocks change within it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from recon.config.holiday_calendars import is_holiday
from recon.config.zones import zone_of
from recon.errors import ConfigError
from recon.ledger.rules import AccountRules

_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
#: Most days that are looked through for a business day; a year without any is no calendar.
MAX_DAYS_APART: Final = 366
#: Where the settings name no zone.
DEFAULT_ZONE: Final = "UTC"


class Calendar(msgspec.Struct, frozen=True):
    """The zone and the cut-off in it, minutes after midnight; the weekdays of business (Monday is 0), and holidays."""

    time_zone: str = DEFAULT_ZONE
    cutoff_minute: int = 0
    business_days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    holidays: tuple[str, ...] = ()

    def cut_off(self, day: date) -> datetime:
        """Return when a day ends, in UTC. A local time that a change of clocks leaves out is as long after it."""
        at = datetime.combine(day, datetime.min.time()) + timedelta(minutes=self.cutoff_minute)
        if self.cutoff_minute == 0:
            at += _DAY
        return at.replace(tzinfo=zone_of(self.time_zone)).astimezone(UTC)

    def is_business(self, day: date) -> bool:
        """Tell whether a day is a business day."""
        return day.weekday() in self.business_days and not is_holiday(self.holidays, day)

    def former(self, day: date) -> date:
        """Return the last business day before a day. Errors: ConfigError where there is none within a year."""
        return self._nearest(day, -1)

    def following(self, day: date) -> date:
        """Return the first business day after a day. Errors: ConfigError where there is none within a year."""
        return self._nearest(day, +1)

    def last_over(self, now: datetime) -> date:
        """Return the last business day whose cut-off has passed."""
        return self.former(self.day_at(now))

    def day_at(self, at: datetime) -> date:
        """Return the calendar day that a moment belongs to, by the cut-off; it may be no business day."""
        day = at.astimezone(zone_of(self.time_zone)).date()
        while self.cut_off(day) <= at:
            day += _DAY
        while self.cut_off(day - _DAY) > at:
            day -= _DAY
        return day

    def age(self, since: datetime, until: datetime) -> timedelta:
        """Return the business time between two moments; nothing where it ends before it begins."""
        if until <= since:
            return timedelta()
        total, day = timedelta(), self.day_at(since)
        begin = self.cut_off(day - _DAY)
        while begin < until:
            end = self.cut_off(day)
            if self.is_business(day) and end > since:
                within = min(end, until) - max(begin, since)
                # Whole microseconds: a day of 23 h or 25 h counts as one of 24 h.
                total += (
                    (within // _MICROSECOND) * (_DAY // _MICROSECOND) // ((end - begin) // _MICROSECOND) * _MICROSECOND
                )
            day, begin = day + _DAY, end
        return total

    def _nearest(self, day: date, step: int) -> date:
        for distance in range(1, MAX_DAYS_APART + 1):
            other = day + step * distance * _DAY
            if self.is_business(other):
                return other
        raise ConfigError(
            f"there is no business day within {MAX_DAYS_APART} days of {day}: look at business_days and holidays"
        )


def calendar_of(rules: AccountRules) -> Calendar:
    """Return the calendar of an account by its rules."""
    return Calendar(rules.time_zone or DEFAULT_ZONE, rules.cutoff_minute, rules.business_days, rules.holidays)
