"""The strip of an account's coverage begins with what is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from recon.cli.coverage_screen import coverage_screen
from recon.display.strip import Stretch

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def drawn(begin: datetime, since: datetime) -> tuple[str, str]:
    account = {"gateway": "g", "account": "a", "state": "covered", "covered_throughout": True}
    document = {"accounts": [account], "gaps": [], "open_questions": [], "stretches": []}
    strips: dict[tuple[object, object], list[Stretch]] = {("g", "a"): [Stretch(begin, NOW, "covered")]}
    screen = coverage_screen(document, strips, since=since, now=NOW, every=False, moment="")
    table = screen.tables[0]
    title = next(column.title for column in table.columns if column.kind == "strip")
    strip = table.rows[0]["strip"]
    assert callable(strip)
    return title, strip(12, glyphs=True)


def test_a_first_hour_fills_the_strip_though_a_day_is_asked_for() -> None:
    title, strip = drawn(NOW - timedelta(hours=1), NOW - timedelta(days=1))
    assert strip == "━" * 12
    assert title == "11:00:00|12:00:00"


def test_what_is_older_than_the_time_asked_for_is_not_shown() -> None:
    title, strip = drawn(NOW - timedelta(days=3), NOW - timedelta(hours=2))
    assert strip == "━" * 12
    assert title == "10:00:00|12:00:00"
