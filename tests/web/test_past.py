"""The page of a past time: the strip says so, what is shown is what the functions give, and nothing can be decided."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.db.transactions import ThreadedDatabase
from recon.display.ages import moment
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.web.screens import SCREENS
from tests.conftest import PERSON, TestDatabase
from tests.support.page_client import Visitor, page_of, visiting, words_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "a password of hers"
PAST = tuple(screen.path for screen in SCREENS if not screen.no_past and "{" not in screen.path)
NO_PAST = tuple(screen.path for screen in SCREENS if screen.no_past and "{" not in screen.path)


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


def times_of(at: datetime) -> str:
    return f"as_of={at:%Y-%m-%dT%H:%M:%SZ}&known_at={at:%Y-%m-%dT%H:%M:%SZ}"


def rows_of(database: TestDatabase, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as raw:
        return raw.execute(query.encode(), values).fetchall()


async def test_the_strip_says_of_when_it_is_and_every_form_is_gone(day: TestDatabase, engine: Engine) -> None:
    at = middle(day)
    (row, *_) = rows_of(day, "SELECT case_id, gateway, account, unit FROM recon.breaks_as_of(%s, %s)", at, at)
    paths = [*(path for path in PAST if path not in {"/search", "/alerts/why"}), "/search?q=ETH"]
    paths += [f"/cases/{row['case_id']}", f"/units/{row['gateway']}/{row['account']}/{row['unit']}"]
    paths += [f"/log/{row['gateway']}/5", f"/alerts/why?gateway={row['gateway']}&case={row['case_id']}"]
    async with logged_in(day, engine) as somebody:
        for path in paths:
            now = await somebody.get(path)
            assert 'method="post"' in now.text
            assert "data-live" in now.text
            shown = await somebody.get(f"{path}{'&' if '?' in path else '?'}{times_of(at)}")
            assert shown.status_code == 200, words_of(shown)
            assert f"as of {moment(at)}, as known at {moment(at)}" in words_of(shown)
            assert 'class="truth is-past"' in shown.text
            assert 'method="post"' not in shown.text
            assert "data-live" not in shown.text
            (back,) = re.findall(r'<a data-now href="([^"]*)"', shown.text)
            assert unescape(back) == path
            assert f"timestamptz '{at:%Y-%m-%d %H:%M:%S}+00:00'" in unescape(shown.text), path
            # Every link stays in that time, but for the way back, and what has no past.
            links = re.findall(r'(?<!data-now )href="(/[^"]*)"', shown.text)
            out = {link.split("?")[0].split("#")[0] for link in links if "as_of=" not in link}
            assert {path for path in out if not path.startswith("/static/")} <= {"/close"}, path


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


@pytest.mark.parametrize("name", ["as_of", "known_at"])
async def test_one_of_both_times_is_enough(day: TestDatabase, engine: Engine, name: str) -> None:
    (row, *_) = rows_of(day, "SELECT case_id, gateway, account, unit FROM recon.breaks")
    paths = [*(path for path in PAST if path != "/alerts/why"), f"/cases/{row['case_id']}", f"/log/{row['gateway']}/5"]
    paths += [f"/units/{row['gateway']}/{row['account']}/{row['unit']}", f"/alerts/why?case={row['case_id']}"]
    async with logged_in(day, engine) as somebody:
        for path in paths:
            shown = await somebody.get(f"{path}{'&' if '?' in path else '?'}{name}=3s")
            assert (path, shown.status_code) == (path, 200), words_of(shown)
            assert 'class="truth is-past"' in shown.text


async def test_what_can_mean_no_past_time_refuses_it(day: TestDatabase, engine: Engine) -> None:
    assert NO_PAST == ("/close",)
    async with logged_in(day, engine) as somebody:
        for path in NO_PAST:
            refused = await somebody.get(f"{path}?as_of=1h")
            told = "a closing is of a past day already"
            assert (refused.status_code, told in words_of(refused)) == (422, True)
        for query, problem in {
            "as_of=tomorrow": "as_of tomorrow is no time",
            "known_at=2999-01-01": "is ahead of now",
            "view=mine&as_of=1h": "The view mine is of now alone",
        }.items():
            refused = await somebody.get(f"/breaks?{query}")
            assert (refused.status_code, problem in words_of(refused)) == (422, True), words_of(refused)


async def test_a_case_of_a_past_time_is_what_was_known_of_it(day: TestDatabase, engine: Engine) -> None:
    query = """
        SELECT b.case_id, min(h.at) AS opened, max(h.at) AS closed
        FROM recon.breaks AS b JOIN recon.break_history AS h ON h.gateway = b.gateway AND h.id = b.id
        WHERE b.closed_at > b.opened_at GROUP BY b.case_id, b.gateway ORDER BY b.case_id LIMIT 1"""
    (case,) = rows_of(day, query)
    case_id, opened, closed = case["case_id"], case["opened"], case["closed"]

    def address(at: datetime) -> str:
        return f"/cases/{case_id}?{httpx.QueryParams(as_of=at.isoformat(), known_at=at.isoformat())}"

    async with logged_in(day, engine) as somebody:
        now = await somebody.get(f"/cases/{case_id}")
        then = await somebody.get(address(opened))
        before = await somebody.get(address(opened - timedelta(minutes=30)))
    assert closed > opened
    assert before.status_code == 404
    assert "had not begun, or was not known" in words_of(before)
    steps = rows_of(day, "SELECT DISTINCT event FROM recon.break_history WHERE at = %s", opened)
    told = re.search(r'id="h-hist".*?</ol>', then.text, re.DOTALL)
    assert told is not None
    assert set(re.findall(r'<b class="strong">(\w+)</b>', told[0])) <= {row["event"] for row in steps}
    assert "Steps that were known" in words_of(then)
    (state,) = rows_of(
        day, "SELECT DISTINCT state FROM recon.breaks_as_of(%s, %s) WHERE case_id = %s", opened, opened, case_id
    )
    stage = re.compile(r'<li aria-current="step">(\w+)</li>')
    assert stage.findall(then.text) == [state["state"]]
    assert stage.findall(now.text) != stage.findall(then.text), "it is over now"
    assert "worth, severity, certainty, evidence" in words_of(then)


async def test_the_log_and_the_search_end_where_the_log_ended_then(day: TestDatabase, engine: Engine) -> None:
    at = middle(day)
    (row,) = rows_of(day, "SELECT recon.seq_at('prod-eu', %s) AS head, g.head_seq FROM recon.gateways AS g"
                          " WHERE g.name = 'prod-eu'", at)  # fmt: skip
    head = row["head"]
    assert 0 < head < row["head_seq"]
    async with logged_in(day, engine) as somebody:
        log = await somebody.get(f"/log?gateway=prod-eu&{times_of(at)}")
        event = await somebody.get(f"/log/prod-eu/{head + 1}?{times_of(at)}")
        last = await somebody.get(f"/log/prod-eu/{head}?{times_of(at)}")
        found = await somebody.get(f"/search?q=prod-eu+{head + 1}&{times_of(at)}")
        found_now = await somebody.get(f"/search?q=prod-eu+{head + 1}")
    shown = [int(seq) for seq in re.findall(r'<tr data-row="(\d+)"', log.text)]
    assert shown == list(range(head, head - len(shown), -1))
    assert (event.status_code, last.status_code) == (404, 200)
    assert f"its events were then 1 to {head:,}" in words_of(event)
    assert "Event after" not in words_of(last)
    assert ("1 place" in words_of(found_now), "0 places" in words_of(found)) == (True, True)


async def test_the_overview_and_alerts_of_a_past_time_are_those_of_sql(day: TestDatabase, engine: Engine) -> None:
    at = middle(day)
    async with logged_in(day, engine) as somebody:
        overview = await somebody.get(f"/?{times_of(at)}")
        alerts = await somebody.get(f"/alerts?{times_of(at)}")
        rules = await somebody.get(f"/rules?{times_of(at)}")
        breaks = await somebody.get(f"/breaks?{times_of(at)}")
    assert "the oldest first" in words_of(breaks)
    assert "what needs somebody first" not in words_of(breaks)
    cases = rows_of(
        day, "SELECT DISTINCT case_id FROM recon.breaks_as_of(%s, %s) WHERE state = ANY(%s)", at, at, sorted(ACTIVE)
    )
    linked = set(re.findall(r'href="/cases/([0-9a-f]+)', re.sub(r"(?s)What happened.*", "", overview.text)))
    assert linked == {row["case_id"] for row in cases}
    (heads,) = rows_of(day, "SELECT array_agg(seq ORDER BY gateway) AS heads FROM recon.log_as_of(%s)", at)
    assert all(f'<td class="n">{head:,}</td>' in overview.text for head in heads["heads"])
    signals = rows_of(day, "SELECT gateway, id FROM recon.signals WHERE occurred_at <= %s", at)
    assert signals
    assert set(re.findall(r'<tr data-row="([^"]* [0-9a-f]+)"', alerts.text)) == {
        f"{row['gateway']} {row['id']}" for row in signals
    }
    assert set(re.findall(r'<td><span class="st [\w-]+">(\w+)</span>', alerts.text)) == {"waiting"}, "told later"
    assert "in force" in words_of(rules)


async def test_a_unit_of_a_past_time_has_what_was_observed_and_booked_by_then(
    day: TestDatabase, engine: Engine
) -> None:
    at = middle(day)
    (unit,) = rows_of(
        day,
        "SELECT gateway, account, unit FROM recon.entries_as_of(%s, %s) GROUP BY 1, 2, 3"
        " ORDER BY count(*) DESC LIMIT 1",
        at,
        at,
    )
    place = f"{unit['gateway']}/{unit['account']}/{unit['unit']}"
    async with logged_in(day, engine) as somebody:
        shown = await somebody.get(f"/units/{place}?span=7d&{times_of(at)}")
    (seen,) = rows_of(
        day,
        "SELECT count(*) AS n, max(seq) AS seq FROM recon.observations"
        " WHERE gateway = %s AND account = %s AND unit = %s AND at <= %s AND judged_at <= %s",
        unit["gateway"], unit["account"], unit["unit"], at, at,
    )  # fmt: skip
    listed = re.findall(r'<tr data-row="(\d+)-', shown.text)
    assert len(listed) == min(seen["n"], 60)
    assert max(int(seq) for seq in listed) == seen["seq"]
    (booked,) = rows_of(
        day,
        "SELECT max(seq) AS seq FROM recon.entries_as_of(%s, %s) WHERE gateway = %s AND account = %s AND unit = %s",
        at, at, unit["gateway"], unit["account"], unit["unit"],
    )  # fmt: skip
    entries = re.search(r'id="h-en".*?</section>', shown.text, re.DOTALL)
    assert entries is not None
    assert f">{booked['seq']:,}</a>" in entries[0]
