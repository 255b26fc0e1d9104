"""The close of a day on the page: what `recon close` says, and what is signed is what was shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.reader import open_reader
from recon.db.roles import OPERATOR
from recon.deciding.recording import Decision
from recon.display.figures import figure, scale_of
from recon.reads.close import signed_closes
from recon.simulator.scenarios import demo_plan
from recon.web.forms import CSRF
from tests.conftest import PERSON, TestDatabase
from tests.reads.test_close import CUT_OFF, DAY, GATEWAY, People, one
from tests.support.database_days import write_day
from tests.support.page_client import Visitor, secret_of, words_of
from tests.web.test_case_screen import PASSWORD, visitor
from tests.web.test_screens import cells_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

OF = f"/close/{DAY}?gateway={GATEWAY}&account=BINANCE"
_HIDDEN = re.compile(r'name="(shown|known|gateway|account)" value="([^"]*)"', re.DOTALL)


@pytest.fixture
def day(database: TestDatabase) -> Iterator[TestDatabase]:
    """A day whose cut-off lies in the trading, and a person who may sign."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        write_day(database.service_url, demo_plan(7, 30.0), ends_at=CUT_OFF + timedelta(seconds=20))
        yield database
        raw.execute(f"DROP ROLE {PERSON}".encode())


_PLACES = re.compile(r'<li><time [^>]*>[^<]*</time><span class="ev">1</span><span><b')


async def form_of(somebody: Visitor) -> dict[str, str]:
    page = await somebody.get(OF)
    fields = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
    return {**fields, CSRF: secret_of(page)}


async def test_a_day_is_shown_with_its_checks_and_figures(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine, login=False) as somebody:
        page = await somebody.get(OF)
        everything = await somebody.get(f"{OF}&show=all")
    assert page.status_code == 200, words_of(page)
    closing = one(day).now
    for line in closing.lines:
        key = f"{GATEWAY} BINANCE {line.unit_kind} {line.unit}"
        assert (key in page.text) == (line.verdict != "agreed")
        scale = scale_of([line.opening, line.moved, line.expected, line.rolled, line.drift])
        cells = cells_of(everything.text, key)
        assert cells[3] == figure(line.expected, scale).text
        assert cells[5] == figure(line.drift, scale, signed=True).text
    assert "2 open" in words_of(page)
    assert "over 5 d" in words_of(page), "the last band has its bound"
    assert '<span class="st st-unobserved">0 of 2</span>' in page.text, "nobody has signed: no verdict of a unit"
    assert "Log in" in words_of(page), "whoever only reads signs nothing"


async def test_what_is_signed_is_what_was_shown_whatever_came_since(day: TestDatabase, engine: Engine) -> None:
    people = People(day)
    async with visitor(day, engine) as somebody:
        form = await form_of(somebody)
        shown = one(day).now
        people.decide(
            "ann", Decision(GATEWAY, {"action": "settle_gap", "account": "X", "from_seq": 1, "outcome": "so"})
        )
        refused = await somebody.http.post(f"/close/{DAY}/sign", data={**form, "text": "well"})
        assert "carried forward" in words_of(refused)
        done = await somebody.http.post(f"/close/{DAY}/sign", data={**form, "text": "two are open", "carry": "yes"})
        assert done.status_code == 303, words_of(done)
        after = await somebody.get(OF)
        assert "two are open" in words_of(after)
        assert _PLACES.search(after.text), "a signature has the places of its list: time, number, text"
        assert "another login signs second" in words_of(after)
        again = await somebody.http.post(f"/close/{DAY}/sign", data={**form, "text": "again", "carry": "yes"})
        assert again.status_code != 303
    people.leave()
    with open_reader(day.analyst_url, "test") as reader:
        (signed,) = signed_closes(reader)
    assert (signed.closing, signed.row["signed_by"]) == (shown, PERSON)


async def test_another_picture_of_the_day_is_not_signed(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        form = await form_of(somebody)
        for changes, words in [
            ({"shown": "ab"}, "somebody signed or changed the day"),
            ({"known": "7"}, "does not say what was shown"),
            ({"text": ""}, "the reason is missing"),
            ({"text": "\t\u200b"}, "the reason is missing"),
        ]:
            fields = {**form, "text": "well", "carry": "yes", **changes}
            refused = await somebody.http.post(f"/close/{DAY}/sign", data=fields)
            assert words in words_of(refused), words_of(refused)
    with open_reader(day.analyst_url, "test") as reader:
        assert signed_closes(reader) == []


async def test_a_day_of_before_the_log_offers_no_signature(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        page = await somebody.get("/close/2025-01-01")
    assert "Nothing is known of this day: there is nothing to sign." in words_of(page)
    assert 'data-form="sign"' not in page.text
