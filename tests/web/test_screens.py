"""The screens on a simulated day: each opens, shows what SQL gives, and refuses in words what it cannot be asked."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.db.transactions import ThreadedDatabase
from recon.display.ages import duration
from recon.display.figures import figure, scale_of
from recon.display.words import counted
from recon.web.addresses import case_address, event_address, unit_address
from recon.web.screen import Screen
from recon.web.screens import SCREENS as SCREENS_OF_THE_PAGE
from tests.conftest import PERSON, TestDatabase
from tests.support.page_client import Visitor, page_of, visiting, words_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "a password of hers"
_TAG = re.compile(r"<[^>]+>")


@asynccontextmanager
async def reading(database: TestDatabase, engine: Engine, **settings: Any) -> AsyncIterator[Visitor]:
    """Open the page as somebody who reads without a login."""
    async with (
        page_of(
            database, ThreadedDatabase(engine, 2), ("prod-eu", "prod-us"), reader_url=database.analyst_url, **settings
        ) as address,
        visiting(address) as somebody,
    ):
        yield somebody


def rows_of(database: TestDatabase, query: str, *values: object) -> list[dict[str, Any]]:
    with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as raw:
        return raw.execute(query.encode(), values).fetchall()


def cells_of(text: str, key: str) -> list[str]:
    """Return the texts of the cells of a table's row, by the row's key."""
    found = re.search(rf'<tr data-row="{re.escape(key)}"[^>]*>(.*?)</tr>', text, re.DOTALL)
    assert found is not None, key
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", found[1], re.DOTALL)
    return [unescape(_TAG.sub("", re.sub(r'<span class="sub.*', "", cell, flags=re.DOTALL))).strip() for cell in cells]


SCREENS = ("/units", "/coverage", "/log", "/alerts", "/rules", "/close", "/search", "/search?q=ETH")


@pytest.mark.parametrize("path", SCREENS)
async def test_each_screen_opens_on_an_empty_database(database: TestDatabase, engine: Engine, path: str) -> None:
    async with reading(database, engine) as somebody:
        answer = await somebody.get(path)
    assert answer.status_code == 200, words_of(answer)
    assert "style=" not in answer.text


@pytest.mark.parametrize("path", SCREENS)
async def test_each_screen_opens_on_a_day_and_gives_its_sql(day: TestDatabase, engine: Engine, path: str) -> None:
    async with reading(day, engine) as somebody:
        answer = await somebody.get(path)
    assert answer.status_code == 200, words_of(answer)
    assert "style=" not in answer.text
    assert len(re.findall(r"<h1", answer.text)) == 1
    sql = re.search(r'id="sql-text">(.*?)</pre>', answer.text, re.DOTALL)
    if path == "/search":
        assert sql is None
        return
    assert sql is not None
    with psycopg.connect(libpq_url(day.analyst_url)) as raw:
        raw.execute(unescape(sql[1]).encode())


ADDRESSES = {
    "case": "/cases/0", "unit": "/units/prod-eu/KRAKEN/JOHN/ETH", "event": "/log/prod-eu/1",
    "close-day": "/close/2026-01-05",
}  # fmt: skip
#: What no row can be, for each name that an address may have.
WRONG = {
    **dict.fromkeys(("gateway", "account", "unit", "order"), "NOTHING"),
    **dict.fromkeys(("cause", "certainty", "state", "severity", "verdict", "kind", "view", "span", "show"), "foo"),
    **dict.fromkeys(("since", "until", "before", "after"), "5x"),
    "page": "0",
}
#: Names that any text may stand for: it is looked for, or written in a form.
FREE = {"q", "who", "case"}


@pytest.mark.parametrize("screen", SCREENS_OF_THE_PAGE, ids=lambda screen: screen.name)
async def test_no_screen_passes_over_a_part_of_its_address(day: TestDatabase, engine: Engine, screen: Screen) -> None:
    path = ADDRESSES.get(screen.name, screen.path)
    if screen.name == "alerts-why":
        path = "/alerts/why"
    async with reading(day, engine) as somebody:
        for query in ("colour=red", "last=0", "sort=foo"):
            answer = await somebody.get(f"{path}?{query}")
            name = query.partition("=")[0]
            assert (answer.status_code, f"takes no {name!r}" in words_of(answer)) == (422, True), words_of(answer)
        for name in screen.takes:
            twice = await somebody.get(f"{path}?{name}=1&{name}=2")
            assert (twice.status_code, f"{name} is given twice" in words_of(twice)) == (422, True), name
            if name not in FREE:
                wrong = await somebody.get(f"{path}?{name}={WRONG[name]}")
                assert wrong.status_code in {404, 422}, (name, words_of(wrong))
                assert wrong.status_code == 404 or WRONG[name] in words_of(wrong), name


async def test_an_empty_field_of_a_form_asks_for_nothing(day: TestDatabase, engine: Engine) -> None:
    async with reading(day, engine) as somebody:
        assert (await somebody.get("/units?gateway=&account=&verdict=&verdict=break")).status_code == 200
        both = await somebody.get("/log?before=9&after=3")
        assert (both.status_code, "give before or after" in words_of(both)) == (422, True)


async def test_units_show_what_sql_gives(day: TestDatabase, engine: Engine) -> None:
    rows = rows_of(day, "SELECT * FROM recon.balances")
    assert {row["verdict"] for row in rows} >= {"agreed", "break"}
    async with reading(day, engine) as somebody:
        page = (await somebody.get("/units")).text
    for row in rows:
        cells = cells_of(page, f"{row['gateway']} {row['account']} asset {row['asset']}")
        scale = scale_of((row["reported"], row["expected"], row["drift"]))
        assert cells[:5] == [
            row["asset"],
            figure(row["drift"], scale, signed=True).text,
            row["verdict"],
            figure(row["reported"], scale).text,
            figure(row["expected"], scale).text,
        ]


async def test_a_unit_that_is_not_judged_says_why_and_what_to_add(day: TestDatabase, engine: Engine) -> None:
    (row,) = rows_of(day, "SELECT reason FROM recon.balances WHERE verdict = 'unmodelled'")
    async with reading(day, engine) as somebody:
        whole = words_of(await somebody.get("/units"))
        narrowed = words_of(await somebody.get("/units?verdict=unmodelled"))
    assert row["reason"] in whole
    assert "[gateways.prod-us.accounts.BINANCEFTS.contracts.BTCUSDT]" in whole
    assert 'settlement_asset = "USDT"' in whole
    assert row["reason"] in narrowed
    assert 'settlement_asset = "USDT"' in narrowed, "the overview leads there"


async def test_units_are_narrowed_by_the_words_of_filters(day: TestDatabase, engine: Engine) -> None:
    async with reading(day, engine) as somebody:
        broken = await somebody.get("/units?verdict=break")
        rows = re.findall(r'data-row="([^"]*)"', broken.text)
        assert rows
        wanted = rows_of(day, "SELECT account, asset FROM recon.balances WHERE verdict = 'break'")
        assert {f"{row['account']} asset {row['asset']}" for row in wanted} <= {row.partition(" ")[2] for row in rows}
        refused = await somebody.get("/units?account=KRAKEN")
        assert refused.status_code == 422
        assert "KRAKEN/JOHN" in words_of(refused)
        refused = await somebody.get("/units?verdict=fine")
        assert refused.status_code == 422
        nothing = await somebody.get("/units?gateway=prod-us&unit=XETH")
        assert nothing.status_code == 200
        assert "No unit matches gateway=prod-us and unit=XETH." in words_of(nothing)


async def test_a_unit_shows_its_history_its_breaks_and_a_sum_that_adds_up(day: TestDatabase, engine: Engine) -> None:
    (broken, *_) = rows_of(
        day, "SELECT gateway, account, unit, amount, cause, case_id FROM recon.open_breaks WHERE unit_kind = 'asset'"
    )
    rows = rows_of(
        day,
        "SELECT * FROM recon.observations WHERE gateway = %s AND account = %s AND unit = %s ORDER BY at, judged_seq",
        broken["gateway"], broken["account"], broken["unit"],
    )  # fmt: skip
    async with reading(day, engine) as somebody:
        answer = await somebody.get(unit_address(broken["gateway"], broken["account"], broken["unit"]))
        assert answer.status_code == 200, words_of(answer)
        other = await somebody.get(unit_address(broken["gateway"], broken["account"], "ETHX"))
        assert other.status_code == 404
        far = await somebody.get(
            f"{unit_address(broken['gateway'], broken['account'], broken['unit'])}?until=2001-01-01T00:00:00Z"
        )
        assert far.status_code == 200
        assert "nothing was judged" in far.text
        bad = await somebody.get(f"{unit_address(broken['gateway'], broken['account'], broken['unit'])}?span=9y")
        assert bad.status_code == 422
    shown = re.findall(r'<tr data-row="(\d+)-(\w+)-\d+">', answer.text)
    assert [(int(seq), verdict) for seq, verdict in shown] == [(r["seq"], r["verdict"]) for r in reversed(rows)]
    assert answer.text.count('class="brk"') >= 2, "the break is drawn in both drawings"
    assert case_address(broken["case_id"]) in answer.text
    assert f"Drift of {broken['unit']} in {broken['account']}" in answer.text
    for word in ("opening", "fills", "expected", "reported", "drift", "explained", "unexplained"):
        assert word in words_of(answer)


async def test_coverage_shows_each_account_with_a_strip_and_each_gap(day: TestDatabase, engine: Engine) -> None:
    accounts = rows_of(day, "SELECT gateway, account, state FROM recon.accounts")
    gaps = rows_of(day, "SELECT gateway, account, from_seq FROM recon.catch_ups")
    assert gaps
    async with reading(day, engine) as somebody:
        page = (await somebody.get("/coverage")).text
        narrowed = (await somebody.get("/coverage?gateway=prod-us&span=1d")).text
    for row in accounts:
        assert cells_of(page, f"{row['gateway']} {row['account']}")[1] == row["state"]
    assert page.count('class="strip"') == len(accounts)
    for row in gaps:
        assert cells_of(page, f"{row['gateway']} {row['account']} {row['from_seq']}")
    assert "BITMEX" not in re.findall(r'<tr data-row="prod-eu (\w+)"', narrowed)
    assert narrowed.count('class="strip"') == sum(row["gateway"] == "prod-us" for row in accounts)


async def test_every_screen_tells_one_length_of_a_gap(day: TestDatabase, engine: Engine) -> None:
    gaps = rows_of(day, "SELECT * FROM recon.catch_ups WHERE account = 'DERIBIT' ORDER BY from_seq")
    assert len(gaps) > 1
    (stretch,) = rows_of(
        day,
        "SELECT from_time, lasted FROM recon.coverage WHERE account = 'DERIBIT' AND from_seq = %s AND state = 'gap'",
        gaps[-1]["from_seq"],
    )
    assert (stretch["from_time"], stretch["lasted"]) == (gaps[-1]["from_time"], gaps[-1]["lasted"])
    told = [f"gap {duration(gap['lasted'])}" for gap in gaps]
    async with reading(day, engine) as somebody:
        coverage = (await somebody.get("/coverage")).text
        overview = (await somebody.get("/")).text
        unit = (await somebody.get(unit_address("prod-us", "DERIBIT", "BTC"))).text
    (listed,) = re.findall(r'data-rows="gaps">(.*?)</tbody>', coverage, re.DOTALL)
    for gap in gaps:
        assert duration(gap["lasted"]) in cells_of(listed, f"prod-us DERIBIT {gap['from_seq']}")
    for page in (coverage, overview):
        (title,) = re.findall(r"<title[^>]*>(DERIBIT: covered.*?)</title>", page)
        assert all(each in title for each in told), title
    assert all(f"<title>{each}</title>" in unit for each in told)


async def test_a_contract_stays_one_when_its_chart_shows_another_time(day: TestDatabase, engine: Engine) -> None:
    (unit, *_) = rows_of(day, "SELECT gateway, account, symbol FROM recon.positions ORDER BY 1, 2, 3")
    place = unit_address(unit["gateway"], unit["account"], unit["symbol"], "contract")
    async with reading(day, engine) as somebody:
        shown = await somebody.get(place)
    links = re.findall(rf'href="({re.escape(place.partition("?")[0])}[^"]*)"', shown.text)
    assert len(links) >= 5
    assert all("kind=contract" in each for each in links), links


async def test_a_unit_says_which_tolerance_lets_it_agree(day: TestDatabase, engine: Engine) -> None:
    (dust, *_) = rows_of(
        day, "SELECT * FROM recon.balances WHERE verdict = 'agreed' AND unexplained <> 0 ORDER BY account, asset"
    )
    async with reading(day, engine) as somebody:
        page = words_of(await somebody.get(unit_address(dust["gateway"], dust["account"], dust["asset"])))
    assert re.search(r"within the tolerance of \S+ \((what a sum|absolute|relative|usd)", page)


async def test_the_log_goes_by_position_both_ways_and_loses_no_event(day: TestDatabase, engine: Engine) -> None:
    (head,) = rows_of(day, "SELECT head_seq FROM recon.gateways WHERE name = 'prod-eu'")
    seen: list[int] = []
    async with reading(day, engine) as somebody:
        address: str | None = "/log?gateway=prod-eu"
        while address is not None:
            page = (await somebody.get(address)).text
            seqs = [int(seq) for seq in re.findall(r'<tr data-row="(\d+)"', page)]
            assert seqs == sorted(seqs, reverse=True)
            seen += seqs
            older = re.search(r'<a href="([^"]*)" data-key-target="earlier">', page)
            address = None if older is None else unescape(older[1])
        assert seen == list(range(head["head_seq"], 0, -1))
        newer = (await somebody.get("/log?gateway=prod-eu&after=100")).text
        assert [int(seq) for seq in re.findall(r'<tr data-row="(\d+)"', newer)] == list(range(200, 100, -1))
        refused = await somebody.get("/log?gateway=prod-eu&before=x")
        assert refused.status_code == 422
        assert (await somebody.get("/log?gateway=prod")).status_code == 422


async def test_the_log_is_narrowed_by_account_kind_and_time(day: TestDatabase, engine: Engine) -> None:
    wanted = rows_of(
        day, "SELECT seq FROM recon.events WHERE gateway = 'prod-eu' AND kind = 'BALANCE_UPDATE' AND account = 'BITMEX'"
        " ORDER BY seq DESC LIMIT 100",
    )  # fmt: skip
    (middle,) = rows_of(day, "SELECT recorded_at FROM recon.events WHERE gateway = 'prod-eu' AND seq = 300")
    async with reading(day, engine) as somebody:
        page = (await somebody.get("/log?gateway=prod-eu&kind=BALANCE_UPDATE&account=BITMEX")).text
        assert [int(seq) for seq in re.findall(r'<tr data-row="(\d+)"', page)] == [row["seq"] for row in wanted]
        at = middle["recorded_at"].isoformat().replace("+00:00", "Z")
        page = (await somebody.get(f"/log?gateway=prod-eu&since={at}")).text
        assert min(int(seq) for seq in re.findall(r'<tr data-row="(\d+)"', page)) > 300


async def test_an_event_is_shown_as_it_came(day: TestDatabase, engine: Engine) -> None:
    (row,) = rows_of(
        day, "SELECT seq, payload::text AS payload, digest FROM recon.events WHERE gateway = 'prod-us'"
        " AND kind = 'BALANCE_UPDATE' ORDER BY seq LIMIT 1",
    )  # fmt: skip
    async with reading(day, engine) as somebody:
        answer = await somebody.get(event_address("prod-us", row["seq"]))
        assert (await somebody.get("/log/prod-us/999999999")).status_code == 404
        assert (await somebody.get("/log/nowhere/1")).status_code == 404
        assert (await somebody.get("/log/prod-us/x")).status_code == 404
    shown = re.search(r'<pre class="pad" tabindex="0">(.*?)</pre>', answer.text, re.DOTALL)
    assert shown is not None
    assert re.sub(r"\s", "", unescape(shown[1])) == re.sub(r"\s", "", row["payload"])
    assert row["digest"] in answer.text


async def test_search_finds_accounts_units_cases_orders_and_events(day: TestDatabase, engine: Engine) -> None:
    (case, *_) = rows_of(day, "SELECT case_id FROM recon.cases ORDER BY case_id")
    (order, *_) = rows_of(day, "SELECT client_order_id FROM recon.orders WHERE client_order_id IS NOT NULL")
    asked = {
        "KRAKEN": "/units?gateway=prod-eu&amp;account=KRAKEN%2FJOHN",
        "john": "/units?gateway=prod-eu&amp;account=KRAKEN%2FJOHN",
        "xeth": unit_address("prod-eu", "KRAKEN/JOHN", "XETH"),
        case["case_id"][:8]: case_address(case["case_id"]),
        order["client_order_id"]: "order",
        "300": event_address("prod-eu", 300),
        "prod-us 300": event_address("prod-us", 300),
    }
    async with reading(day, engine) as somebody:
        for text, wanted in asked.items():
            answer = await somebody.get("/search", params={"q": text})
            assert wanted in answer.text, text
        for text in ("%", "nothing is named so", "\x00", "x" * 500):
            answer = await somebody.get("/search", params={"q": text})
            assert answer.status_code == 200
            assert not re.findall(r"data-row", answer.text), text


async def test_alerts_are_listed_with_what_became_of_them_and_why(day: TestDatabase, engine: Engine) -> None:
    (broken, *_) = rows_of(day, "SELECT gateway, id, case_id FROM recon.open_breaks")
    signals = rows_of(day, "SELECT id FROM recon.signals WHERE case_id = %s", broken["case_id"])
    async with reading(day, engine) as somebody:
        listed = await somebody.get("/alerts")
        assert "break.opened" in listed.text
        assert "waiting" in words_of(listed)
        why = await somebody.get("/alerts/why", params={"gateway": broken["gateway"], "case": broken["case_id"]})
        assert why.status_code == 200
        assert f"{counted(len(signals), 'signal')} not looked at by the policy yet" in words_of(why)
        assert ">The case<" in why.text
        assert (await somebody.get("/alerts/why?case=ffffffffffff")).status_code == 404


async def test_what_is_told_of_without_a_case_leads_to_none(day: TestDatabase, engine: Engine) -> None:
    changes = '{"id": "of-the-gateway", "number": 1000000, "case_id": "gateway.down", "subject": "gateway.down"}'
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        copied = (
            "INSERT INTO recon_store.signals OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(s, %s::jsonb)).*"
            " FROM recon_store.signals AS s ORDER BY number LIMIT 1"
        )
        raw.execute(copied.encode(), (changes,))
    async with reading(day, engine) as somebody:
        why = await somebody.get("/alerts/why?case=gateway.down")
    assert "Who was told of gateway.down, and why" in words_of(why)
    assert ">The case<" not in why.text


@pytest.fixture
def person(database: TestDatabase) -> Iterator[str]:
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        yield PERSON
        raw.execute(f"DROP ROLE {PERSON}".encode())


async def test_a_person_asks_for_silence_and_ends_it_under_their_own_login(
    day: TestDatabase, engine: Engine, person: str
) -> None:
    async with reading(day, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        sent = await somebody.send("/alerts/silence", of="/alerts", account="BITMEX", until="4h", reason="planned work")
        assert (sent.status_code, sent.headers["location"]) == (303, "/alerts")
        shown = await somebody.get("/alerts")
        assert "Silenced until" in words_of(shown)
        (row,) = rows_of(day, "SELECT * FROM recon.silences")
        assert (row["login"], row["authenticated"], row["account"], row["reason"]) == (
            person, True, "BITMEX", "planned work",
        )  # fmt: skip
        refused = await somebody.send("/alerts/silence", of="/alerts", until="4h", reason="of nothing")
        assert refused.status_code == 400
        assert "say what to be silent about" in words_of(refused)
        refused = await somebody.send("/alerts/silence", of="/alerts", account="X", until="someday", reason="r")
        assert refused.status_code == 400
        ended = await somebody.send("/alerts/unsilence", of="/alerts", id=row["id"])
        assert ended.status_code == 303
        (row,) = rows_of(day, "SELECT active FROM recon.silences")
        assert not row["active"]


async def test_who_only_reads_sees_no_form_and_may_not_ask_for_silence(day: TestDatabase, engine: Engine) -> None:
    async with reading(day, engine) as somebody:
        assert 'action="/alerts/silence"' not in (await somebody.get("/alerts")).text
        assert (await somebody.http.post("/alerts/silence", data={"account": "X"})).status_code == 401
