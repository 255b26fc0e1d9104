"""The page of a past time: the strip says so, what is shown is what the functions give, and nothing can be decided."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import unescape

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.db.transactions import ThreadedDatabase
from recon.display.ages import moment
from recon.web.screens import SCREENS
from tests.conftest import PERSON, TestDatabase
from tests.support.page_client import Visitor, page_of, visiting, words_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "a password of hers"
PAST = tuple(screen.path for screen in SCREENS if screen.of_the_past)
NOW_ALONE = tuple(
    screen.path for screen in SCREENS if not screen.of_the_past and "{" not in screen.path and screen.path != "/search"
)


@asynccontextmanager
async def logged_in(database: TestDatabase, engine: Engine) -> AsyncIterator[Visitor]:
    """Open the page as somebody who may decide."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        try:
            page = page_of(database, ThreadedDatabase(engine, 2), ("prod-eu", "prod-us"))
            async with page as address, visiting(address) as somebody:
                await somebody.log_in(PERSON, PASSWORD)
                yield somebody
        finally:
            raw.execute(f"DROP ROLE {PERSON}".encode())


def middle(database: TestDatabase) -> datetime:
    with psycopg.connect(libpq_url(database.analyst_url)) as raw:
        found = raw.execute("SELECT to_timestamp(avg(extract(epoch FROM recorded_at))) FROM recon.entries").fetchone()
    assert found is not None
    at = found[0]
    assert isinstance(at, datetime)
    return at.astimezone(UTC).replace(microsecond=0)


async def test_the_strip_says_of_when_it_is_and_every_form_is_gone(day: TestDatabase, engine: Engine) -> None:
    at = middle(day)
    query = f"?as_of={at:%Y-%m-%dT%H:%M:%SZ}&known_at={at:%Y-%m-%dT%H:%M:%SZ}"
    async with logged_in(day, engine) as somebody:
        for path in PAST:
            now = await somebody.get(path)
            assert 'method="post"' in now.text
            assert "data-live" in now.text
            shown = await somebody.get(path + query)
            assert shown.status_code == 200, shown.text
            assert f"as of {moment(at)}, as known at {moment(at)}" in words_of(shown)
            assert 'class="truth is-past"' in shown.text
            assert 'method="post"' not in shown.text
            assert "data-live" not in shown.text
            assert f'<a href="{path}">Show now</a>' in shown.text
            assert f"_as_of(timestamptz '{at:%Y-%m-%d %H:%M:%S}+00:00'" in unescape(shown.text)
            # Links to the other screens of the past stay in it.
            assert all(f'href="{other}?as_of=' in shown.text for other in PAST)


async def test_units_of_a_past_time_are_those_of_the_function(day: TestDatabase, engine: Engine) -> None:
    at = middle(day)
    with psycopg.connect(libpq_url(day.analyst_url), row_factory=dict_row) as raw:
        rows = raw.execute("SELECT * FROM recon.units_as_of(%s, %s)", [at, at]).fetchall()
    assert rows
    async with logged_in(day, engine) as somebody:
        shown = await somebody.get(f"/units?as_of={at:%Y-%m-%dT%H:%M:%SZ}&known_at={at:%Y-%m-%dT%H:%M:%SZ}")
        keys = {unescape(key) for key in re.findall(r'<tr data-row="([^"]*)"', shown.text)}
        assert keys == {f"{row['gateway']} {row['account']} {row['unit_kind']} {row['unit']}" for row in rows}
        # A filter keeps the time.
        assert f'<input type="hidden" name="as_of" value="{at:%Y-%m-%dT%H:%M:%SZ}">' in shown.text


async def test_what_is_kept_of_now_alone_refuses_a_past_time(day: TestDatabase, engine: Engine) -> None:
    async with logged_in(day, engine) as somebody:
        for path in NOW_ALONE:
            refused = await somebody.get(f"{path}?as_of=1h")
            assert (refused.status_code, "shows what is kept of now alone; leave out as_of" in words_of(refused)) == (
                422,
                True,
            )
        for query, problem in {
            "as_of=tomorrow": "as_of tomorrow is no time",
            "known_at=2999-01-01": "is ahead of now",
            "view=mine&as_of=1h": "the view mine is of now alone",
        }.items():
            refused = await somebody.get(f"/breaks?{query}")
            assert (refused.status_code, problem in words_of(refused)) == (422, True), words_of(refused)
