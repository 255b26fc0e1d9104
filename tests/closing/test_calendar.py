"""Business days: cut-offs in every zone, changes of clocks, holidays, and business time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.closing.ageing import DEFAULT_BOUNDS, bands
from recon.closing.calendar import Calendar
from recon.errors import ConfigError
from recon.ledger.rules import AccountRules
from recon.reads.case.leg import ages
from recon.reconciliation.model.ageing import business_us
from recon.times import microseconds

NEW_YORK = Calendar("America/New_York", 17 * 60, (0, 1, 2, 3, 4), ("US-NY",))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

zones = st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Pacific/Kiritimati", "UTC-03:30"])
calendars = st.builds(
    Calendar,
    zones,
    st.integers(0, 24 * 60 - 1),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.sampled_from([(), ("US",), ("ECB", "2026-03-04")]),
)
days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
moments = st.timedeltas(timedelta(), 1000 * timedelta(days=1)).map(
    lambda since: datetime(2025, 1, 1, tzinfo=UTC) + since
)


@pytest.mark.parametrize(
    ("calendar", "day", "ends"),
    [
        (Calendar(), date(2026, 11, 28), "2026-11-29T00:00:00+00:00"),
        (Calendar("UTC", 17 * 60), date(2026, 11, 28), "2026-11-28T17:00:00+00:00"),
        (NEW_YORK, date(2026, 11, 27), "2026-11-27T22:00:00+00:00"),
        (NEW_YORK, date(2026, 7, 1), "2026-07-01T21:00:00+00:00"),
        (Calendar("Asia/Kolkata", 0), date(2026, 11, 28), "2026-11-28T18:30:00+00:00"),
        # 02:30 is not on the clock that night: it is half an hour after the change.
        (Calendar("America/New_York", 150), date(2026, 3, 8), "2026-03-08T07:30:00+00:00"),
    ],
)
def test_a_day_ends_at_its_cut_off_in_its_own_zone(calendar: Calendar, day: date, ends: str) -> None:
    assert calendar.cut_off(day).isoformat() == ends


@settings(deadline=None)
@given(calendars, days)
def test_days_lie_end_to_end(calendar: Calendar, day: date) -> None:
    ends = calendar.cut_off(day)
    assert calendar.cut_off(day - DAY) < ends
    assert calendar.day_at(ends) == day + DAY
    assert calendar.day_at(ends - timedelta(microseconds=1)) == day


@settings(deadline=None)
@given(calendars, days)
def test_the_former_day_of_the_following_one_is_the_last_business_day(calendar: Calendar, day: date) -> None:
    following = calendar.following(day)
    assert calendar.is_business(following)
    assert calendar.former(following) == (day if calendar.is_business(day) else calendar.former(day))


def test_holidays_and_weekends_are_no_business_days() -> None:
    # Thanksgiving was on the 26th; Christmas is a Friday.
    assert NEW_YORK.former(date(2026, 11, 27)) == date(2026, 11, 25)
    assert NEW_YORK.following(date(2026, 12, 24)) == date(2026, 12, 28)
    assert Calendar(holidays=("2026-11-27",)).former(date(2026, 11, 28)) == date(2026, 11, 26)


def test_a_year_without_business_days_is_refused() -> None:
    every_friday = tuple((date(2026, 1, 2) + 7 * DAY * week).isoformat() for week in range(60))
    with pytest.raises(ConfigError, match="look at business_days and holidays"):
        Calendar(business_days=(4,), holidays=every_friday).former(date(2027, 1, 14))


def test_the_last_day_that_is_over() -> None:
    calendar = Calendar("UTC", 17 * 60, (0, 1, 2, 3, 4))
    friday, monday = date(2026, 11, 27), date(2026, 11, 30)
    assert calendar.last_over(datetime(2026, 11, 27, 16, 59, tzinfo=UTC)) == date(2026, 11, 26)
    assert calendar.last_over(datetime(2026, 11, 27, 17, 0, tzinfo=UTC)) == friday
    assert calendar.last_over(datetime(2026, 11, 30, 16, 0, tzinfo=UTC)) == friday
    assert calendar.last_over(datetime(2026, 11, 30, 17, 0, tzinfo=UTC)) == monday


def test_a_day_in_which_clocks_change_counts_as_one() -> None:
    calendar = Calendar("America/New_York", 0)
    before, after = calendar.cut_off(date(2026, 3, 7)), calendar.cut_off(date(2026, 3, 8))
    assert after - before == 23 * HOUR
    assert calendar.age(before, after) == DAY


def test_weekends_and_holidays_age_nothing() -> None:
    wednesday = NEW_YORK.cut_off(date(2026, 11, 25))
    assert NEW_YORK.age(wednesday, NEW_YORK.cut_off(date(2026, 11, 26))) == timedelta()
    assert NEW_YORK.age(wednesday - HOUR, NEW_YORK.cut_off(date(2026, 11, 30))) == HOUR + 2 * DAY


@settings(deadline=None)
@given(calendars, moments, st.timedeltas(timedelta(), 20 * DAY), st.timedeltas(timedelta(), 20 * DAY))
def test_business_time_adds_up_and_is_less_than_time(
    calendar: Calendar, since: datetime, first: timedelta, second: timedelta
) -> None:
    middle, until = since + first, since + first + second
    whole = calendar.age(since, until)
    # Each day that clocks change in may be cut between two microseconds.
    assert abs(calendar.age(since, middle) + calendar.age(middle, until) - whole) <= timedelta(microseconds=2)
    assert timedelta() <= whole <= (first + second) * 24 / 23 + timedelta(microseconds=2)
    assert calendar.age(until, since) == timedelta()


@settings(deadline=None)
@given(
    st.integers(0, 24 * 60 - 1), st.sets(st.integers(0, 6), min_size=1), moments, st.timedeltas(timedelta(), 20 * DAY)
)
def test_in_utc_without_holidays_the_fold_counts_the_same(
    cutoff: int, business_days: set[int], since: datetime, length: timedelta
) -> None:
    found = Calendar("UTC", cutoff, tuple(sorted(business_days))).age(since, since + length)
    us = business_us(
        microseconds(since), microseconds(since + length), cutoff_minute=cutoff, business_days=business_days
    )
    assert found == timedelta(microseconds=us)


def test_a_case_ages_by_the_account_s_zone_and_holidays() -> None:
    rules = AccountRules(
        cutoff_minute=17 * 60, business_days=(0, 1, 2, 3, 4), time_zone="America/New_York", holidays=("US-NY",)
    )
    wednesday = NEW_YORK.cut_off(date(2026, 11, 25))
    age, business = ages(wednesday, wednesday + 5 * DAY, rules)
    assert (age, business) == (5 * DAY, 2 * DAY), "Thanksgiving and the weekend age nothing"


def test_ages_are_counted_between_their_bounds() -> None:
    found = bands([timedelta(), HOUR, 23 * HOUR, 5 * DAY, 9 * DAY], DEFAULT_BOUNDS)
    assert [(band.words, band.count) for band in found] == [
        ("under 1 h", 1),
        ("under 1 d", 2),
        ("under 2 d", 0),
        ("under 5 d", 0),
        ("over", 2),
    ]
