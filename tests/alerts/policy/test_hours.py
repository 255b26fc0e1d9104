"""Quiet hours, digests and weeks, also where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recon.alerts.policy.hours import next_digest, quiet_until, week_of
from recon.alerts.policy.rules import Digest, QuietHours

NIGHT = QuietHours(("desk",), 22 * 60, 7 * 60, zone="Europe/London")
#: From Friday evening: the night after each day from Friday to Sunday.
WEEKEND = QuietHours(("desk",), 18 * 60, 8 * 60, zone="America/New_York", days=(4, 5, 6))
NOON = QuietHours(("desk",), 12 * 60, 13 * 60)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "at", "end"),
    [
        (NIGHT, "2026-01-05 21:59:59", None),
        (NIGHT, "2026-01-05 22:00", "2026-01-06 07:00"),
        (NIGHT, "2026-01-06 06:59:59", "2026-01-06 07:00"),
        (NIGHT, "2026-01-06 07:00", None),
        (NIGHT, "2026-07-05 21:30", "2026-07-06 06:00"),
        (NIGHT, "2026-03-28 23:00", "2026-03-29 06:00"),
        (NIGHT, "2026-10-25 00:30", "2026-10-25 07:00"),
        (NOON, "2026-01-05 12:30", "2026-01-05 13:00"),
        (NOON, "2026-01-05 13:00", None),
        (WEEKEND, "2026-01-10 00:30", "2026-01-10 13:00"),
        (WEEKEND, "2026-01-10 15:00", None),
        (WEEKEND, "2026-01-12 12:00", "2026-01-12 13:00"),
        (WEEKEND, "2026-01-13 12:00", None),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_their_zone(hours: QuietHours, at: str, end: str | None) -> None:
    assert quiet_until(hours, utc(at)) == (None if end is None else utc(end))


@pytest.mark.parametrize(
    ("digest", "after", "due"),
    [
        (Digest(), "2026-01-05 07:59", "2026-01-05 08:00"),
        (Digest(), "2026-01-05 08:00", "2026-01-06 08:00"),
        (Digest((480, 1080)), "2026-01-05 08:00", "2026-01-05 18:00"),
        (Digest((1080, 480)), "2026-01-05 07:00", "2026-01-05 08:00"),
        (Digest(days=(0,)), "2026-01-05 08:00", "2026-01-12 08:00"),
        (Digest(zone="Asia/Kolkata"), "2026-01-05 02:29", "2026-01-05 02:30"),
        (Digest(zone="Pacific/Auckland"), "2026-01-05 20:00", "2026-01-06 19:00"),
        (Digest((90,), zone="Europe/London"), "2026-03-28 12:00", "2026-03-29 01:30"),
    ],
)
def test_a_digest_comes_at_the_next_of_its_times(digest: Digest, after: str, due: str) -> None:
    assert next_digest(digest, utc(after)) == utc(due)


def test_a_week_begins_on_monday() -> None:
    assert week_of(utc("2026-01-04 23:59:59")) == "2025-12-29"
    assert week_of(utc("2026-01-05 00:00")) == "2026-01-05"
