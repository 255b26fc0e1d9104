"""The read API: what it answers is what SQL gives, is as the description says, loses no row, and who may ask."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import jsonschema
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import Engine

from recon.db.engine import libpq_url
from recon.db.roles import ANALYST
from recon.db.transactions import ThreadedDatabase
from recon.web.api.openapi import BASE, OPENAPI
from recon.web.api.past_resources import PAST
from recon.web.api.resources import RESOURCES, Resource
from recon.web.failed_logins import MAX_FAILURES
from tests.conftest import PERSON, TestDatabase
from tests.reads.test_close import sign_a_day
from tests.support.page_client import page_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "a password of hers"
TOKEN = "t" * 40
BY_NAME = {resource.name: resource for resource in RESOURCES}


@pytest.fixture
def reader(database: TestDatabase) -> Iterator[str]:
    """A login of somebody's own that only reads."""
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {ANALYST}".encode())
        yield PERSON
        raw.execute(f"DROP ROLE {PERSON}".encode())


@asynccontextmanager
async def api_of(database: TestDatabase, engine: Engine, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    page = page_of(database, ThreadedDatabase(engine, 2), ("prod-eu", "prod-us"), **settings)
    async with page as address, httpx.AsyncClient(base_url=address, timeout=60.0) as client:
        yield client


@asynccontextmanager
async def open_api(database: TestDatabase, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    async with api_of(database, engine, reader_url=database.analyst_url) as client:
        yield client


#: Two amounts an account, at two events of the middle of its log; the second is judged by an event after both.
_TOLD = """
    INSERT INTO recon_store.source_checks (gateway, edition, account, unit_kind, unit, source, at, seq, number,
        recorded_at, reported, expected, drift, verdict, judged_seq, told_unit, absent, external_id, data)
    SELECT u.gateway, min(u.edition), min(u.account), min(u.unit_kind), min(u.unit), 'custodian', e.recorded_at, e.seq,
        0, e.recorded_at, 1.10, 1.1, 0, 'agreed', max(g.head_seq) / 2 + 40, min(u.unit), false, 'of a statement', ''
    FROM recon.units AS u JOIN recon.gateways AS g ON g.name = u.gateway
    JOIN recon.events AS e ON e.gateway = g.name AND e.seq IN (g.head_seq / 2, g.head_seq / 2 + 20)
    GROUP BY u.gateway, e.seq, e.recorded_at
"""


def tell_sources(database: TestDatabase) -> None:
    """Have a custodian say what is held."""
    with psycopg.connect(libpq_url(database.service_url)) as raw:
        raw.execute(_TOLD.encode())


def rows_of(database: TestDatabase, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(libpq_url(database.analyst_url), row_factory=dict_row) as raw:
        return raw.execute(query.encode()).fetchall()


async def all_of(client: httpx.AsyncClient, address: str) -> list[dict[str, Any]]:
    """Return every row, a page after the other."""
    rows: list[dict[str, Any]] = []
    following: str | None = address
    while following is not None:
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        rows += document["data"]
        following = document["next"]
    return rows


def same(told: object, known: object) -> bool:
    """True if JSON tells what the database has."""
    if isinstance(known, Decimal):
        return isinstance(told, str) and Decimal(told) == known
    if isinstance(known, datetime):
        return isinstance(told, str) and datetime.fromisoformat(told) == known
    if isinstance(known, date):
        return told == known.isoformat()
    if hasattr(known, "total_seconds"):
        return isinstance(told, str) and Decimal(told) == Decimal(str(known.total_seconds()))
    return told == known


@pytest.mark.parametrize("name", BY_NAME)
async def test_each_resource_is_what_sql_gives_and_what_the_description_says(
    day: TestDatabase, engine: Engine, name: str
) -> None:
    resource: Resource = BY_NAME[name]
    if name.startswith("close"):
        sign_a_day(day)
    tell_sources(day)
    columns = [column for column in resource.columns if resource.columns[column].kind != "json"]
    wanted = rows_of(
        day, f"SELECT {', '.join(columns)} FROM {resource.source} AS r ORDER BY {', '.join(resource.key)}"  # noqa: S608
    )  # fmt: skip
    assert wanted
    async with open_api(day, engine) as client:
        description = (await client.get(OPENAPI)).json()
        first = await client.get(f"{BASE}/{name}?limit=3")
        rows = await all_of(client, f"{BASE}/{name}?limit={min(resource.most, 97)}")
    schema = description["components"]["schemas"][name]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(first.json(), schema, format_checker=jsonschema.FormatChecker())
    jsonschema.validate({"data": rows[: resource.most], "next": None}, schema)
    assert len(rows) == len(wanted)
    for told, known in zip(rows, wanted, strict=True):
        assert list(told) == list(resource.columns)
        moving = {"last_event_at", "lasted"}  # what grows while one looks
        assert {key: told[key] for key in columns if key not in moving and not same(told[key], known[key])} == {}


async def test_columns_are_those_of_the_views(database: TestDatabase) -> None:
    kinds = {
        "timestamp with time zone": "time", "numeric": "decimal", "bigint": "int", "integer": "int",
        "date": "date", "boolean": "bool", "interval": "seconds", "ARRAY": "texts", "jsonb": "json", "json": "json",
        "text": "text",
    }  # fmt: skip
    found = rows_of(
        database,
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'recon'",
    )
    for resource in RESOURCES:
        view = resource.source.removeprefix("recon.")
        known = {row["column_name"]: kinds.get(row["data_type"]) for row in found if row["table_name"] == view}
        known.pop("raw", None)  # bytes are for SQL
        if known:
            assert {name: column.kind for name, column in resource.columns.items()} == known, resource.name


async def test_decimals_are_texts_to_the_last_digit_and_payloads_are_as_they_came(
    day: TestDatabase, engine: Engine
) -> None:
    (event,) = rows_of(
        day, "SELECT seq, payload::text AS payload FROM recon.events WHERE gateway = 'prod-eu'"
        " AND kind = 'BALANCE_UPDATE' ORDER BY seq LIMIT 1",
    )  # fmt: skip
    async with open_api(day, engine) as client:
        units = (await client.get(f"{BASE}/units")).text
        events = (await client.get(f"{BASE}/events?gateway=prod-eu&kind=BALANCE_UPDATE&limit=1")).text
    reported = {
        str(row["reported"]) for row in rows_of(day, "SELECT reported FROM recon_exact.balances") if row["reported"]
    }
    assert all(f'"reported":"{digits}"' in units for digits in reported)
    assert f'"payload":{event["payload"]}' in events


async def test_filters_are_those_of_the_terminal_and_what_is_unknown_is_refused(
    day: TestDatabase, engine: Engine
) -> None:
    async with open_api(day, engine) as client:
        broken = await all_of(client, f"{BASE}/units?verdict=break")
        assert {row["verdict"] for row in broken} == {"break"}
        one = await all_of(client, f"{BASE}/breaks?gateway=prod-eu&account=KRAKEN%2FJOHN&state=open,assigned")
        assert {(row["account"], row["state"]) for row in one} == {("KRAKEN/JOHN", "open")}
        over = await all_of(client, f"{BASE}/orders?state=over&limit=50")
        assert over
        assert not any(row["open"] for row in over)
        for wrong in (
            "units?verdict=fine", "units?colour=red", "units?cause=missed_fill", "units?limit=0", "units?limit=9999999",
            "units?after=zzz", "units?after=W10", "events?since=someday", "orders?state=open,shut",
        ):  # fmt: skip
            answer = await client.get(f"{BASE}/{wrong}")
            assert answer.status_code == 422, wrong
            assert set(answer.json()) == {"error"}
        assert (await client.get(f"{BASE}/nothing")).status_code == 404


async def test_events_of_a_gateway_begin_at_a_time(day: TestDatabase, engine: Engine) -> None:
    (middle,) = rows_of(day, "SELECT recorded_at FROM recon.events WHERE gateway = 'prod-us' AND seq = 200")
    (count,) = rows_of(
        day, "SELECT count(*) AS events FROM recon.events AS e WHERE e.gateway = 'prod-us' AND e.recorded_at >="
        " (SELECT x.recorded_at FROM recon.events AS x WHERE x.gateway = 'prod-us' AND x.seq = 200)",
    )  # fmt: skip
    at = middle["recorded_at"].isoformat().replace("+00:00", "Z")
    async with open_api(day, engine) as client:
        rows = await all_of(client, f"{BASE}/events?gateway=prod-us&since={at}")
    assert len(rows) == count["events"]
    assert rows[0]["seq"] <= 200


async def test_an_answer_that_is_known_is_not_sent_again(day: TestDatabase, engine: Engine) -> None:
    async with open_api(day, engine) as client:
        first = await client.get(f"{BASE}/breaks?limit=2")
        again = await client.get(f"{BASE}/breaks?limit=2", headers={"If-None-Match": first.headers["etag"]})
        other = await client.get(f"{BASE}/breaks?limit=3", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert first.headers["recon-as-of"].endswith("Z")


async def test_a_token_and_a_login_read_by_the_person_s_own_login_and_nobody_else_does(
    day: TestDatabase, engine: Engine, reader: str
) -> None:
    url = day.analyst_url.replace(f"//{ANALYST}@", f"//{reader}:{PASSWORD.replace(' ', '%20')}@")
    url = url.replace("passfile=", "options=-cgeqo%3Don&ignored=") if "passfile=" in url else url
    own = url.split("&ignored=")[0]
    basic = base64.b64encode(f"{reader}:{PASSWORD}".encode()).decode()
    async with api_of(day, engine, tokens={"her": {"token": TOKEN, "url": own}}) as client:
        assert (await client.get(f"{BASE}/cases")).status_code == 401
        assert (await client.get(OPENAPI)).status_code == 200, "the description says nothing of the data"
        told = await client.get(f"{BASE}/cases", headers={"Authorization": f"Basic {basic}"})
        assert told.status_code == 200, told.text
        told = await client.get(f"{BASE}/cases", headers={"Authorization": f"Bearer {TOKEN}"})
        assert told.status_code == 200, told.text
        wrong = base64.b64encode(f"{reader}:wrong".encode()).decode()
        refused = [
            await client.get(f"{BASE}/cases", headers={"Authorization": f"Basic {wrong}"})
            for _ in range(MAX_FAILURES + 1)
        ]
        assert {answer.status_code for answer in refused[:MAX_FAILURES]} == {401}
        assert refused[-1].status_code == 429
        assert int(refused[-1].headers["retry-after"]) > 0


async def test_the_description_names_every_filter_of_every_resource() -> None:
    from recon.web.api.openapi import openapi  # noqa: PLC0415 - only this test writes it

    document = json.loads(json.dumps(openapi()))
    for resource in RESOURCES:
        operation = document["paths"][f"{BASE}/{resource.name}"]["get"]
        named = {parameter["name"] for parameter in operation["parameters"]}
        times = {"as_of", "known_at"} if resource.name in PAST else set()
        assert named == {"limit", "after", *resource.filters, *times}


@pytest.mark.parametrize("name", PAST)
async def test_a_past_time_is_what_its_function_gives_and_what_the_description_says(
    day: TestDatabase, engine: Engine, name: str
) -> None:
    resource = PAST[name]
    tell_sources(day)
    ((at,),) = [row.values() for row in rows_of(day, "SELECT max(recorded_at) AS at FROM recon.entries")]
    times = f"timestamptz '{at.isoformat()}'"
    source = resource.source.replace(":valid_at", times).replace(":known_at", times)
    columns = [column for column in resource.columns if resource.columns[column].kind != "json"]
    wanted = rows_of(day, f"SELECT {', '.join(columns)} FROM {source} AS r ORDER BY {', '.join(resource.key)}")  # noqa: S608
    assert wanted
    async with open_api(day, engine) as client:
        schema = (await client.get(OPENAPI)).json()["components"]["schemas"][f"{name}_as_of"]
        query = httpx.QueryParams(as_of=at.isoformat(), known_at=at.isoformat(), limit=min(resource.most, 97))
        rows = await all_of(client, f"{BASE}/{name}?{query}")
        aged = (await client.get(f"{BASE}/{name}?as_of=1s&limit=1")).json()
    page = {"data": rows[: resource.most], "next": None}
    jsonschema.validate(page, schema, format_checker=jsonschema.FormatChecker())
    assert len(rows) == len(wanted)
    for told, known in zip(rows, wanted, strict=True):
        assert list(told) == list(resource.columns)
        assert {key: told[key] for key in columns if not same(told[key], known[key])} == {}
    # The next page is of the same time, not of an age from then.
    assert aged["next"] is None or "as_of=20" in aged["next"]


async def test_nothing_of_after_a_past_time_is_told(day: TestDatabase, engine: Engine) -> None:
    tell_sources(day)
    ((at,),) = [
        row.values() for row in rows_of(day, "SELECT max(at) AS at FROM recon.source_checks WHERE gateway = 'prod-eu'")
    ]
    query = httpx.QueryParams(gateway="prod-eu", as_of=at.isoformat(), known_at=at.isoformat(), limit=200)
    async with open_api(day, engine) as client:
        found = {name: await all_of(client, f"{BASE}/{name}?{query}") for name in ("events", "alerts", "source_checks")}
        (gateway,) = await all_of(client, f"{BASE}/gateways?{query}")
        cases = await all_of(client, f"{BASE}/cases?{query}")
    ((head,),) = [row.values() for row in rows_of(day, f"SELECT recon.seq_at('prod-eu', '{at}')")]
    assert [row["seq"] for row in found["events"]] == list(range(1, head + 1))
    assert (gateway["head_seq"], gateway["state"]) == (head, "connected")
    assert {row["verdict"] for row in found["source_checks"]} == {"pending"}, "they were judged later"
    assert {row["drift"] for row in found["source_checks"]} == {None}
    assert all(row["occurred_at"] <= f"{at:%Y-%m-%dT%H:%M:%S.%fZ}" for row in found["alerts"])
    opened = rows_of(
        day,
        "SELECT DISTINCT case_id FROM recon.breaks_as_of"  # noqa: S608
        f"('{at}', '{at}') WHERE gateway = 'prod-eu' ORDER BY case_id",
    )
    assert [row["case_id"] for row in cases] == [row["case_id"] for row in opened]


async def test_what_has_no_past_time_says_so(day: TestDatabase, engine: Engine) -> None:
    async with open_api(day, engine) as client:
        for query, problem in {
            "closes?as_of=1h": "closes are of past days already, each with the log positions that it was signed at",
            "units?as_of=tomorrow": "as_of tomorrow is no time",
            "units?known_at=2999-01-01T00:00Z": "is ahead of now",
            "units?as_of=1h&as_of=2h": "as_of is given twice",
            "breaks?as_of=1h&severity=high": "cannot be narrowed by severity",
        }.items():
            answer = await client.get(f"{BASE}/{query}")
            assert (answer.status_code, problem in answer.json()["error"]) == (422, True), answer.text
