"""Hours of the calendar: the end of quiet hours, the next digest, the week of a budget. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from recon.alerts.policy.rules import Digest, QuietHours

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


def quiet_until(hours: QuietHours, at: datetime) -> datetime | None:
    """Return when these quiet hours end that `at` lies in; None if it lies in none.

    They begin on a named day, and end at the first `end` after that, by the clocks of the zone.
    """
    local = at.astimezone(_zone(hours.zone)).date()
    for day in (local - _DAY, local):
        if day.weekday() not in hours.days:
            continue
        begin, end = _moment(day, hours.start, hours.zone), _end(day, hours)
        if begin <= at < end:
            return end
    return None


def is_never_loud(rules: Sequence[QuietHours], at: datetime) -> bool:
    """True if quiet hours of one channel follow each other for a week and more without a pause."""
    end = at
    while end <= at + _WEEK:
        ends = [until for hours in rules if (until := quiet_until(hours, end)) is not None]
        if not ends:
            return False
        end = max(ends)
    return True


def next_digest(digest: Digest, after: datetime) -> datetime:
    """Return the first time of a digest after a moment."""
    day = after.astimezone(_zone(digest.zone)).date()
    # A week and a day hold each named day at least once after any moment.
    days = (day + number * _DAY for number in range(9))
    return next(moment for day in days for moment in _of_day(digest, day) if moment > after)


def _of_day(digest: Digest, day: date) -> Sequence[datetime]:
    if day.weekday() not in digest.days:
        return ()
    return [_moment(day, minute, digest.zone) for minute in sorted(digest.minutes)]


def week_of(at: datetime) -> str:
    """Return the week of a moment: the date of its Monday, UTC."""
    day = at.astimezone(UTC).date()
    return (day - day.weekday() * _DAY).isoformat()


def _end(day: date, hours: QuietHours) -> datetime:
    return _moment(day if hours.end > hours.start else day + _DAY, hours.end, hours.zone)


def _moment(day: date, minute: int, zone: str) -> datetime:
    """Return the moment of a minute of a local day; a minute that the clocks skip is the one after."""
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=_zone(zone))
    return local.astimezone(UTC)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
