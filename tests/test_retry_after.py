"""The Retry-After header in either form, read against our clock or the server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.retry_after import MAX_SECONDS, http_date, retry_after_seconds
from tests.support.properties import steady

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, 1e9),
        ("٣", None),
        (format_datetime(T0 + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(T0 - timedelta(seconds=90), usegmt=True), 0.0),
        ("Mon, 05 Jan 2026 09:31:00", 60.0),
        ("Mon, 99 Jan 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_in_either_form_or_none(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, T0) == seconds


def test_a_date_without_a_clock_says_nothing() -> None:
    assert retry_after_seconds("120", None) == 120.0
    assert retry_after_seconds(format_datetime(T0, usegmt=True), None) is None


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Mon, 05 Jan 2026 09:30:00") == T0
    assert http_date("") is None


WORDS = (
    *("Mon,", "01", "Jan", "0001", "2026", "9999", "9" * 11, "9" * 5000, "00:00:00", "23:59:59", "24:00", "GMT"),
    *("+1400", "-1400", "-9999", "+" + "9" * 20, ":", "-", ",", "", "\x00", "²", "٣", "1e9", "09.30.00", "(", "…"),
)
DATES = st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


@steady(500)
@given(DATES | st.text(max_size=80) | st.from_regex(r"-?[0-9]{0,500}([.eE,_][0-9]{0,5})?", fullmatch=True))
def test_whatever_a_server_says_is_no_failure_and_no_endless_wait(value: str) -> None:
    for clock in (T0, T0.replace(year=9999), http_date("Mon, 01 Jan 0001 00:00:00 +1400"), http_date(value)):
        seconds = retry_after_seconds(value, clock)
        assert seconds is None or 0.0 <= seconds <= MAX_SECONDS


def test_the_last_year_is_bounded_and_years_beyond_are_unreadable() -> None:
    assert retry_after_seconds("Fri, 31 Dec 9999 23:59:59 -1400", T0) == MAX_SECONDS
    assert retry_after_seconds("Mon, 01 Jan 99999999999 00:00:00 GMT", T0) is None
    assert retry_after_seconds("120, 60", T0) is None
