"""Breaks and cases on the page: what SQL gives, and what people decide there, as in `recon break`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from html import unescape
from typing import Any

import psycopg
import pytest
import trio
from psycopg.rows import dict_row
from sqlalchemy import Engine

from recon.alerts.channels.open_set import read_open_set
from recon.clock import utc_now
from recon.db.engine import libpq_url
from recon.db.reader import open_reader
from recon.db.roles import ANALYST, OPERATOR
from recon.db.transactions import ThreadedDatabase
from recon.display.figures import figure
from recon.display.worth import worth_figure
from recon.reads.case.read import case_of, read_case
from recon.reads.case.text import case_text
from recon.simulator.scenarios import demo_plan
from recon.web import doing
from recon.web.forms import CSRF
from recon.web.screens.case import WIDTH
from recon.web.viewers import NO_OPERATOR, READS_ONLY
from tests.conftest import PERSON, TestDatabase
from tests.support.database_days import fold, write_day
from tests.support.page_client import Visitor, page_of, secret_of, visiting, words_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

GATEWAYS = ("prod-eu", "prod-us")
PASSWORD = "of one person"
_HIDDEN = re.compile(r'name="(shown|was|digest)" value="([^"]*)"')


@pytest.fixture
def day(database: TestDatabase) -> Iterator[TestDatabase]:
    """A day with breaks, and a person who may decide."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        write_day(database.service_url, demo_plan(7, 40.0))
        yield database
        raw.execute(f"DROP ROLE {PERSON}".encode())


@asynccontextmanager
async def visitor(database: TestDatabase, engine: Engine, *, login: bool = True) -> AsyncIterator[Visitor]:
    """Open the page, with somebody who folds what is decided."""

    async def folding() -> None:
        while True:
            for gateway in GATEWAYS:
                await trio.to_thread.run_sync(fold, database.service_url, gateway)
            await trio.sleep(0.05)

    service = ThreadedDatabase(engine, 2)
    async with (
        page_of(database, service, GATEWAYS, reader_url=database.analyst_url) as address,
        visiting(address) as somebody,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(folding)
        if login:
            assert (await somebody.log_in(PERSON, PASSWORD)).status_code == 303
        yield somebody
        nursery.cancel_scope.cancel()


def rows(database: TestDatabase, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as raw:
        return raw.execute(query.encode(), values).fetchall()


def case_of_account(database: TestDatabase, account: str = "BINANCE") -> str:
    (row, *_) = rows(
        database, "SELECT case_id FROM recon.breaks WHERE account = %s AND state = 'open' ORDER BY id", account
    )
    return str(row["case_id"])


async def form_of(somebody: Visitor, case: str) -> dict[str, str]:
    """Return the hidden fields of a case's forms, as they are shown."""
    page = await somebody.get(f"/cases/{case}")
    fields = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
    return {**fields, CSRF: secret_of(page)}


async def do(somebody: Visitor, case: str, step: str, **fields: str) -> Any:
    form = {**await form_of(somebody, case), **fields}
    return await somebody.http.post(f"/cases/{case}/{step}", data=form)


async def test_the_list_is_what_sql_gives(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        page = await somebody.get("/breaks")
    legs = rows(day, "SELECT case_id, amount, unit, cause, state FROM recon.open_breaks")
    cases = {str(leg["case_id"]) for leg in legs}
    told = dict(re.findall(r'<tr tabindex="0" data-row="([0-9a-f]+)">(.*?)</tr>', page.text, re.DOTALL))
    assert set(told) == cases
    for leg in legs:
        amount = figure(leg["amount"], signed=True)
        cell = f'<span class="i">{amount.whole}</span><span class="f">{amount.fraction}</span>'
        assert cell in told[str(leg["case_id"])]
        assert leg["unit"] in told[str(leg["case_id"])]
    for case in cases:
        (row,) = rows(day, "SELECT amount_usd FROM recon.cases WHERE case_id = %s", case)
        assert worth_figure(row["amount_usd"]).text in told[case]
    assert f"{len(cases)} cases, {len(legs)} breaks" in words_of(page)


async def test_a_case_of_several_causes_tells_all_of_them_and_the_worst_severity(
    day: TestDatabase, engine: Engine
) -> None:
    (case,) = rows(day, "SELECT case_id FROM recon.cases WHERE breaks = 2 AND open_breaks = 2 ORDER BY 1 LIMIT 1")
    legs = rows(day, "SELECT id FROM recon.breaks WHERE case_id = %s ORDER BY after_seq, id", case["case_id"])
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        for leg, cause, severity in zip(legs, ("missed_fill", "dust"), ("low", "critical"), strict=True):
            raw.execute(
                "UPDATE recon_store.breaks SET cause = %s, severity = %s WHERE id = %s", (cause, severity, leg["id"])
            )
    (told,) = rows(day, "SELECT cause, causes, severity FROM recon.cases WHERE case_id = %s", case["case_id"])
    assert told == {"cause": "missed_fill", "causes": ["missed_fill", "dust"], "severity": "critical"}
    async with visitor(day, engine) as somebody:
        page = await somebody.get(f"/cases/{case['case_id']}")
        listed = await somebody.get("/breaks?cause=dust")
        (found,) = (await somebody.get(f"/api/v1/cases?cause=dust&case={case['case_id']}")).json()["data"]
    assert "<dt>cause</dt><dd>missed_fill, dust</dd>" in page.text
    assert "<dt>severity</dt><dd>critical</dd>" in page.text
    assert "missed_fill, dust" in words_of(listed)
    assert (found["causes"], found["severity"]) == (["missed_fill", "dust"], "critical")
    with engine.connect() as connection:
        (alert,) = [each for each in read_open_set(connection, GATEWAYS, utc_now()) if case["case_id"] in each.key]
    assert (alert.cause, alert.severity) == ("missed_fill, dust", "critical")


async def test_the_overview_names_every_open_case_and_its_sums_are_those_of_sql(
    day: TestDatabase, engine: Engine
) -> None:
    async with visitor(day, engine) as somebody:
        page = await somebody.get("/")
    told = words_of(page)
    for row in rows(day, "SELECT case_id, amount_usd FROM recon.cases WHERE open_breaks > 0"):
        assert f'href="/cases/{row["case_id"]}#assign"' in page.text
        assert worth_figure(row["amount_usd"]).text in told
    units = rows(day, "SELECT verdict, count(*) AS units FROM (SELECT verdict FROM recon.balances UNION ALL"
                      " SELECT verdict FROM recon.positions) AS u GROUP BY 1")  # fmt: skip
    assert f"{sum(row['units'] for row in units)} units" in told
    for row in units:
        assert f"{row['verdict']} {row['units']}" in told
    for row in rows(day, "SELECT name, head_seq FROM recon.gateways"):
        assert figure(row["head_seq"]).text in told
    assert 'class="is-stale-data"' in page.text, "no service runs, so nothing may look current"
    assert "no service records it" in told


async def test_copy_as_sql_gives_the_rows_of_the_list(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        for path in ("/breaks", "/breaks?cause=missed_fill", "/breaks?view=closed", "/breaks?view=mine"):
            page = await somebody.get(path)
            sql = unescape(re.search(r'id="sql-text">(.*?)</pre>', page.text, re.DOTALL)[1])  # type: ignore[index]
            shown = re.findall(r'data-row="([0-9a-f]+)"', page.text)
            assert [str(row["case_id"]) for row in rows(day, sql.replace("%", "%%"))] == shown, path


async def test_an_address_is_a_view_and_a_name_that_nothing_has_is_refused(day: TestDatabase, engine: Engine) -> None:
    async with visitor(day, engine) as somebody:
        narrowed = await somebody.get("/breaks?account=BINANCE&cause=missed_fill")
        assert len(re.findall(r"data-row=", narrowed.text)) == 1
        wrong = await somebody.get("/breaks?account=BINANCES")
        assert (wrong.status_code, "BINANCE" in words_of(wrong)) == (422, True)
        assert '<a href="/breaks">Breaks</a>, or the <a href="/">overview</a>' in wrong.text, "a way back"
        assert (await somebody.get("/breaks?colour=red")).status_code == 422
        assert (await somebody.get("/breaks?page=9999999999")).status_code == 422
        assert (await somebody.get("/breaks?view=nothing")).status_code == 422
        assert (await somebody.get("/cases/" + "0" * 24)).status_code == 404
        assert (await somebody.get("/cases/%27%3B--")).status_code == 404


async def test_a_case_holds_the_text_of_break_show_verbatim_and_its_figures(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day)
    async with visitor(day, engine) as somebody:
        page = await somebody.get(f"/cases/{case}")
    shown = unescape(re.search(r'id="case-text">(.*?)</pre>', page.text, re.DOTALL)[1])  # type: ignore[index]
    with open_reader(day.analyst_url, "test") as reader:
        text = case_text(read_case(reader, case_of(reader, case)[0], utc_now()), width=WIDTH)
    ages = re.compile(r"as of .*|It is .* old\.", re.DOTALL)
    assert [ages.sub("", line) for line in shown.splitlines()] == [ages.sub("", line) for line in text.splitlines()]
    for row in rows(day, "SELECT reported, expected, opening FROM recon.balances WHERE account = 'BINANCE'"
                         " AND asset IN ('ETH', 'USDT')"):  # fmt: skip
        for value in row.values():
            whole = figure(Decimal(value)).whole
            assert f'<span class="i">{whole}</span>' in page.text
    assert "<svg" in page.text
    assert 'class="ord"' in page.text, "the order that the evidence names has its life drawn"
    assert "no cut fits; " in page.text, "and the report that shows the break its cut"
    assert "event" in words_of(page)


async def test_the_two_messages_are_the_order_s_last_word_and_the_first_report_as_they_came(
    day: TestDatabase, engine: Engine
) -> None:
    case = case_of_account(day)
    async with visitor(day, engine) as somebody:
        page = await somebody.get(f"/cases/{case}")
    (first,) = rows(day, "SELECT gateway, min(until_seq) AS seq FROM recon.breaks WHERE case_id = %s GROUP BY 1", case)
    (event,) = rows(day, "SELECT raw FROM recon.events WHERE gateway = %s AND seq = %s", *first.values())
    said = [
        unescape(each)
        for each in re.findall(r'<pre tabindex="0" aria-label="event \d+">(.*?)</pre>', page.text, re.DOTALL)
    ]
    assert len(said) == 2
    assert "ORDER_EXEC_REPORT_UPDATE" in said[0]
    assert re.sub(r"\s", "", said[1]) == re.sub(r"\s", "", bytes(event["raw"]).decode()), "digit for digit"


async def test_a_person_takes_a_case_up_and_the_books_say_who(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day)
    async with visitor(day, engine) as somebody:
        answer = await do(somebody, case, "assign", to="", text="looking")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case}")
        told = words_of(await somebody.get(f"/cases/{case}"))
        assert "Assigned. Event" in told
        assert "Assigned. Event" not in words_of(await somebody.get(f"/cases/{case}")), "a note is told once"
        assert (await do(somebody, case, "comment", text="asked the venue <b>")).status_code == 303
        assert (await do(somebody, case, "investigate")).status_code == 303
        page = await somebody.get(f"/cases/{case}")
        assert "asked the venue &lt;b&gt;" in page.text
        mine = await somebody.get("/breaks?view=mine")
        assert f'data-row="{case}"' in mine.text
    found = rows(day, "SELECT DISTINCT state, assignee FROM recon.breaks WHERE case_id = %s", case)
    assert found == [{"state": "investigating", "assignee": PERSON}]
    by = rows(day, "SELECT DISTINCT login, authenticated FROM recon.decisions")
    assert by == [{"login": PERSON, "authenticated": True}]


async def test_what_is_proposed_on_the_page_is_approved_there_and_undone(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day)
    async with visitor(day, engine) as somebody:
        assert (await do(somebody, case, "propose", cause="missed_fill", evidence="trade 17")).status_code == 303
        page = await somebody.get(f"/cases/{case}")
        assert "trade 17" in words_of(page)
        rejected = await do(somebody, case, "reject", text="not that one")
        assert rejected.status_code == 303
        assert (await do(somebody, case, "propose", cause="missed_fill", evidence="trade 18")).status_code == 303
        assert (await do(somebody, case, "approve", sure="yes")).status_code == 303
        assert "Approved. Event" in words_of(await somebody.get(f"/cases/{case}"))
        states = rows(day, "SELECT DISTINCT state FROM recon.breaks WHERE case_id = %s", case)
        assert states == [{"state": "resolved"}]
        assert (await do(somebody, case, "reopen", text="it was another")).status_code == 303
        states = rows(day, "SELECT DISTINCT state FROM recon.breaks WHERE case_id = %s", case)
        assert states == [{"state": "open"}]


async def test_who_proposed_what_is_material_does_not_approve_it(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day, "KRAKEN/JOHN")
    async with visitor(day, engine) as somebody:
        assert (await do(somebody, case, "propose", cause="deposit", evidence="ticket 412")).status_code == 303
        page = await somebody.get(f"/cases/{case}")
        assert re.search(r"<button[^>]* disabled[^>]*>Approve</button>", page.text), "not hidden, but disabled"
        assert "another login approves" in words_of(page)
        forced = await do(somebody, case, "approve", sure="yes")
        assert forced.status_code == 409
        assert "Nothing was written" in words_of(forced)
    assert rows(day, "SELECT state FROM recon.breaks WHERE case_id = %s", case) == [{"state": "proposed"}]


async def test_what_changed_since_it_was_shown_is_not_decided_on_and_both_are_told(
    day: TestDatabase, engine: Engine
) -> None:
    case = case_of_account(day)
    async with visitor(day, engine) as somebody:
        before = await form_of(somebody, case)
        assert (await do(somebody, case, "assign", to="dave")).status_code == 303
        answer = await somebody.http.post(f"/cases/{case}/assign", data={**before, "to": PERSON})
        told = words_of(answer)
    assert answer.status_code == 409
    assert f'data-address="/cases/{case}"' in answer.text, "the form's address is no screen to come back to"
    assert f'<form class="pad" method="get" action="/cases/{case}">' in answer.text
    assert "the case changed since it was shown" in told
    assert "missed_fill, open" in told
    assert "assigned, dave" in told
    assert rows(day, "SELECT DISTINCT assignee FROM recon.breaks WHERE case_id = %s", case) == [{"assignee": "dave"}]


async def test_one_leg_only_is_asked_for_and_a_case_is_the_usual_way(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day)
    leg = str(rows(day, "SELECT id FROM recon.breaks WHERE case_id = %s ORDER BY id", case)[0]["id"])
    async with visitor(day, engine) as somebody:
        assert (await do(somebody, case, "accept", until="2d", leg=leg)).status_code == 303
        states = rows(day, "SELECT id, state FROM recon.breaks WHERE case_id = %s AND state = 'accepted'", case)
        assert [str(row["id"]) for row in states] == [leg]
        for field, value in (("until", "never"), ("until", ""), ("amount", "-1"), ("amount", "x")):
            refused = await do(somebody, case, "accept", **{"until": "2d", field: value})
            assert refused.status_code == 400, (field, value)
            assert "Nothing was written" in words_of(refused)


async def test_a_decision_that_is_not_folded_yet_is_told_so(
    day: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "FOLD_SECONDS", 0.2)
    case = case_of_account(day)
    service = ThreadedDatabase(engine, 2)
    async with page_of(day, service, GATEWAYS) as address, visiting(address) as somebody:
        await somebody.log_in(PERSON, PASSWORD)
        assert (await do(somebody, case, "assign")).status_code == 303
        assert "Written, not yet in the books" in words_of(await somebody.get(f"/cases/{case}"))


async def test_without_the_secret_or_the_right_nothing_is_written(day: TestDatabase, engine: Engine) -> None:
    case = case_of_account(day)
    async with visitor(day, engine, login=False) as reader:
        page = await reader.get(f"/cases/{case}")
        assert READS_ONLY in words_of(page)
        assert "/assign" not in page.text
        assert (await reader.http.post(f"/cases/{case}/assign", data={"to": "x"})).status_code == 401
    async with visitor(day, engine) as somebody:
        form = await form_of(somebody, case)
        for wrong in ({**form, CSRF: "guess"}, {**form, CSRF: ""}):
            answer = await somebody.http.post(f"/cases/{case}/assign", data=wrong)
            assert (answer.status_code, "Nothing was written" in words_of(answer)) == (400, True)
        assert (await somebody.get(f"/cases/{case}/assign")).status_code in {404, 405}, "a GET changes nothing"
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        raw.execute(f"REVOKE {OPERATOR} FROM {PERSON}; GRANT {ANALYST} TO {PERSON}".encode())
    async with visitor(day, engine) as somebody:
        assert NO_OPERATOR in words_of(await somebody.get(f"/cases/{case}"))
        answer = await somebody.http.post(f"/cases/{case}/assign", data=await form_of(somebody, case))
        assert answer.status_code == 409
    assert rows(day, "SELECT * FROM recon.decisions") == []
