"""The Retry-After header in either form, read against our clock or the server's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from recon.retry_after import http_date, retry_after_seconds

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
