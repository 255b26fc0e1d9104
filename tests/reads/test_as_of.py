"""The two times of a question about the past, as people write them, and as they are written back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recon.errors import ConfigError
from recon.reads.as_of import AsOf, function_of, of_texts

NOW = datetime(2026, 1, 6, 9, 0, tzinfo=UTC)
THEN = datetime(2026, 1, 5, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("valid", "known", "expected", "words"),
    [
        (None, None, AsOf(), "as of now, as known now"),
        ("", "", AsOf(), "as of now, as known now"),
        ("2026-01-05T17:00Z", None, AsOf(THEN), "as of 2026-01-05 17:00:00 UTC, as known now"),
        (
            "2026-01-05T18:00+01:00",
            "16h",
            AsOf(THEN, THEN),
            "as of 2026-01-05 17:00:00 UTC, as known at 2026-01-05 17:00:00 UTC",
        ),
        (None, "2026-01-05 17:00", AsOf(None, THEN), "as of now, as known at 2026-01-05 17:00:00 UTC"),
        (
            "2026-01-05T17:00:00.25Z",
            None,
            AsOf(THEN + timedelta(milliseconds=250)),
            "as of 2026-01-05 17:00:00.250 UTC, as known now",
        ),
    ],
)
def test_two_times_are_read_and_said(valid: str | None, known: str | None, expected: AsOf, words: str) -> None:
    read = of_texts(valid, known, NOW)
    assert (read, read.words, read.is_past) == (expected, words, expected != AsOf())
    written = dict(read.pairs())
    assert of_texts(written.get("as_of"), written.get("known_at"), NOW) == read


@pytest.mark.parametrize(
    ("valid", "known", "problem"),
    [
        ("yesterday", None, r"--as-of yesterday is no time: give one such as .*, or an age such as 30s"),
        (None, "17:00", r"--known-at 17:00 is no time"),
        ("2026-01-06T09:00:01Z", None, r"--as-of .* is ahead of now, 2026-01-06T09:00:00Z: only what was"),
    ],
)
def test_what_is_no_time_of_the_past_is_refused(valid: str | None, known: str | None, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        of_texts(valid, known, NOW, ("--as-of", "--known-at"))


def test_views_become_functions() -> None:
    sql = "SELECT o.* FROM recon.orders AS o JOIN recon.fills AS f USING (gateway)"
    assert function_of(sql) == (
        "SELECT o.* FROM recon.orders_as_of(:valid_at, :known_at) AS o"
        " JOIN recon.fills_as_of(:valid_at, :known_at) AS f USING (gateway)"
    )
