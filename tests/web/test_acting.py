"""A person acts on breaks over HTTP: as in `recon break`, by their own login, and nobody else does."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import structlog.testing
import trio
import trustme
from pydantic import SecretStr
from sqlalchemy import Engine

from recon.clock import utc_now
from recon.config.web import Token, Web
from recon.db.engine import create_engine, libpq_url
from recon.db.roles import ANALYST, OPERATOR, SERVICE
from recon.db.transactions import Database, ThreadedDatabase
from recon.errors import ConfigError
from recon.simulator.scenarios import demo_plan
from recon.web import acting, app, server
from recon.web.app import ACT, Acting
from recon.web.failed_logins import MAX_FAILURES
from recon.web.listening import listening_at
from recon.web.server import serve_web
from tests.conftest import PERSON, TestDatabase
from tests.support.database_days import fold, write_day
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "pa:ss wört @/?"
BASIC = (PERSON, PASSWORD)
GATEWAYS = ("prod-eu", "prod-us")
TOKEN = "token-of-carol-that-nobody-can-guess"
CAROL = "test_carol"

Rows = list[dict[str, Any]]


@pytest.fixture
def people(database: TestDatabase) -> Iterator[None]:
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        for person in (PERSON, CAROL):
            raw.execute(f"CREATE ROLE {person} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        yield
        for person in (PERSON, CAROL):
            raw.execute(f"DROP ROLE {person}".encode())


@pytest.fixture
def day(database: TestDatabase, people: None) -> TestDatabase:
    write_day(database.service_url, demo_plan(7, 30.0))
    return database


class Client:
    """A server of acting, and a client of it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def act(self, auth: tuple[str, str] | str = BASIC, **body: object) -> httpx.Response:
        if isinstance(auth, str):
            return await self.http.post(ACT, json=body, headers={"Authorization": auth})
        return await self.http.post(ACT, json=body, auth=auth)


@asynccontextmanager
async def acting_on(
    database: TestDatabase, engine: Engine, web: Web | None = None, service: Database | None = None, **http: Any
) -> AsyncIterator[Client]:
    carol = database.service_url.replace(f"//{SERVICE}@", f"//{CAROL}@")
    tokens = {"carol": Token(token=SecretStr(TOKEN), url=SecretStr(carol))}
    made = app.app(Acting(service or ThreadedDatabase(engine, 2), database.service_url, tokens, utc_now))
    async with trio.open_nursery() as nursery:
        addresses: list[str] = await nursery.start(serve_web, made, web or Web(listen="127.0.0.1:0"))
        async with httpx.AsyncClient(base_url=addresses[0], timeout=60.0, **http) as client:
            yield Client(client)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def folding(database: TestDatabase) -> AsyncIterator[None]:
    """Fold what is appended, as the service does."""

    async def run() -> None:
        while True:
            for gateway in GATEWAYS:
                await trio.to_thread.run_sync(fold, database.service_url, gateway)
            await trio.sleep(0.05)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield
        nursery.cancel_scope.cancel()


def rows(database: TestDatabase, query: str, *values: object) -> list[tuple[Any, ...]]:
    with connected(database.analyst_url) as raw:
        return raw.execute(query.encode(), values).fetchall()


def open_breaks(database: TestDatabase) -> list[str]:
    return [str(id_) for (id_,) in rows(database, "SELECT id FROM recon.breaks WHERE state = 'open' ORDER BY id")]


async def test_acknowledging_assigns_the_break_to_whoever_asks_and_reopening_gives_it_back(
    day: TestDatabase, engine: Engine
) -> None:
    first, second, *_ = open_breaks(day)
    async with folding(day), acting_on(day, engine) as client:
        answer = await client.act(action="acknowledge", breaks=[first], text="looking")
        assert answer.status_code == 200, answer.text
        (told,) = answer.json()["breaks"]
        assert (answer.json()["action"], answer.json()["by"], answer.json()["folded"]) == ("acknowledge", PERSON, True)
        assert (told["id"], told["was"], told["state"]) == (first, "open", "assigned")
        assert isinstance(told["amount"], str)
        assert answer.headers["cache-control"] == "no-store"
        answer = await client.act(f"Bearer {TOKEN}", action="assign", breaks=[second[:12]], to="dave")
        assert answer.json()["by"] == CAROL, "by the login of the token"
    found = rows(day, "SELECT id, state, assignee FROM recon.breaks WHERE id = ANY(%s) ORDER BY id", [first, second])
    assert found == [(first, "assigned", PERSON), (second, "assigned", "dave")]
    by = rows(day, "SELECT payload -> 'by' FROM recon.events WHERE kind = 'decision' ORDER BY recorded_at, seq")
    assert [each["login"] for (each,) in by] == [PERSON, CAROL]
    assert all(each["authenticated"] for (each,) in by)


async def test_a_case_is_acknowledged_as_a_whole_and_what_is_not_folded_yet_says_so(
    day: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "FOLD_SECONDS", 0.2)
    query = "SELECT case_id, count(*) FROM recon.breaks WHERE state = 'open' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    ((case, count),) = rows(day, query)
    async with acting_on(day, engine) as client:
        answer = (await client.act(action="acknowledge", case=case)).json()
    assert (answer["folded"], len(answer["breaks"])) == (False, count)
    assert {each["outcome"] for each in answer["breaks"]} == {"recorded, not folded yet"}


async def test_a_case_is_silenced_until_a_time(day: TestDatabase, engine: Engine) -> None:
    first, *_ = open_breaks(day)
    until = datetime.now(UTC) + timedelta(hours=2)
    async with acting_on(day, engine) as client:
        answer = await client.act(action="silence", breaks=[first], until=until.isoformat(), text="known outage")
        assert answer.status_code == 200, answer.text
        (made,) = answer.json()["silences"]
        past = (until - timedelta(days=1)).isoformat()
        refused = await client.act(action="silence", breaks=[first], until=past, text="too late")
    assert (refused.status_code, "ends in the future" in refused.json()["error"]) == (409, True)
    ((case,),) = rows(day, "SELECT case_id FROM recon.breaks WHERE id = %s", first)
    assert made["case"] == case
    found = rows(day, "SELECT id, case_id, login, reason FROM recon.silences")
    assert found == [(made["id"], case, PERSON, "known outage")]


async def test_only_a_person_by_their_own_login_acts(day: TestDatabase, engine: Engine) -> None:
    first, *_ = open_breaks(day)
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        raw.execute(f"ALTER ROLE {PERSON} PASSWORD 'another'".encode())
        service_password = "of-the-service"
    async with acting_on(day, engine) as client:
        for auth, told in (
            (BASIC, "does not know this login and password"),
            (("nobody", "x"), "no password, so it proves nothing|does not know"),
            ((CAROL, "anything"), "asks this login for no password"),
            ((SERVICE, service_password), "does not know this login"),
            ((ANALYST, "x"), "does not know this login"),
            ("Bearer guess", "no person has this token"),
            ("Basic ???", "HTTP Basic"),
        ):
            answer = await client.act(auth, action="acknowledge", breaks=[first])
            assert answer.status_code == 401, (auth, answer.text)
            assert any(part in answer.json()["error"] for part in told.split("|")), answer.text
            assert answer.headers["www-authenticate"].startswith("Basic")
    assert rows(day, "SELECT FROM recon.events WHERE kind = 'decision'") == []


async def test_a_login_that_may_not_decide_is_refused(day: TestDatabase, engine: Engine) -> None:
    first, *_ = open_breaks(day)
    with psycopg.connect(libpq_url(day.superuser_url), autocommit=True) as raw:
        raw.execute(f"REVOKE {OPERATOR} FROM {PERSON}".encode())
        raw.execute(f"GRANT {SERVICE} TO {CAROL}".encode())
    async with acting_on(day, engine) as client:
        answer = await client.act(action="acknowledge", breaks=[first])
        assert (answer.status_code, "no member of recon_operator" in answer.text) == (401, True)
        answer = await client.act(f"Bearer {TOKEN}", action="acknowledge", breaks=[first])
        assert (answer.status_code, "is shared" in answer.text) == (401, True), "nobody would be authenticated"


async def test_who_fails_too_often_waits_also_with_the_right_password(day: TestDatabase, engine: Engine) -> None:
    first, *_ = open_breaks(day)
    async with acting_on(day, engine) as client:
        for _ in range(MAX_FAILURES):
            assert (await client.act((PERSON, "wrong"), action="acknowledge", breaks=[first])).status_code == 401
        answer = await client.act(action="acknowledge", breaks=[first])
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


async def test_what_the_lifecycle_or_the_selection_refuses_is_told(day: TestDatabase, engine: Engine) -> None:
    ((over,), *_) = rows(day, "SELECT id FROM recon.breaks WHERE state = 'cleared' ORDER BY id")
    async with acting_on(day, engine) as client:
        answer = await client.act(action="acknowledge", breaks=[over])
        assert (answer.status_code, "assign is not allowed" in answer.json()["error"]) == (409, True)
        answer = await client.act(action="acknowledge", breaks=["0" * 64])
        assert (answer.status_code, "no break id starts with" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_but_a_post_is_answered(database: TestDatabase, engine: Engine, method: str) -> None:
    async with acting_on(database, engine) as client:
        answer = await client.http.request(method, ACT, auth=BASIC)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert (await client.http.request(method, "/")).status_code == 404


async def test_a_body_of_another_kind_or_size_is_refused(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODY_SECONDS", 0.3)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await trio.sleep(3.0)
        yield b"}"

    as_json = {"Content-Type": "application/json"}
    async with acting_on(database, engine) as client:
        form = await client.http.post(ACT, data={"action": "acknowledge"}, auth=BASIC)
        assert form.status_code == 415, "no form of another site acts"
        large = await client.http.post(ACT, content=b" " * (app.MAX_BODY + 1), headers=as_json, auth=BASIC)
        assert large.status_code == 413
        wrong = await client.http.post(ACT, content=b"{]", headers=as_json, auth=BASIC)
        assert (wrong.status_code, "cannot be read" in wrong.json()["error"]) == (400, True)
        slow = await client.http.post(ACT, content=slowly(), headers=as_json, auth=BASIC)
        assert (slow.status_code, "did not come within" in slow.json()["error"]) == (400, True)


async def test_a_database_that_is_away_refuses_nobody(people: None, database: TestDatabase, engine: Engine) -> None:
    away = create_engine("postgresql://recon_service@127.0.0.1:1/recon", "test", pooled=False)
    nowhere = TestDatabase("x", *["postgresql://recon_service@127.0.0.1:1/recon"] * 4)
    async with acting_on(nowhere, engine, service=ThreadedDatabase(away, 1)) as client:
        answer = await client.act(action="acknowledge", breaks=["ab"])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_no_secret_is_logged_and_a_defect_is_no_traceback_for_the_client(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Mapping[str, object]:
        raise RuntimeError("a defect")

    with structlog.testing.capture_logs() as logged:
        async with acting_on(database, engine) as client:
            await client.act(action="acknowledge", breaks=["ab"])
            monkeypatch.setattr(app, "act", broken)
            answer = await client.act(f"Bearer {TOKEN}", action="acknowledge", breaks=["ab"])
    assert (answer.status_code, answer.json()) == (500, {"error": "a defect of recon; the service's log shows it"})
    told = json.dumps(logged, default=repr)
    assert "a defect" in told
    assert PASSWORD not in told
    assert TOKEN not in told


async def test_it_speaks_https_with_a_certificate(database: TestDatabase, engine: Engine, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    web = Web(listen="127.0.0.1:0", certificate_file=chain, private_key_file=key)
    async with acting_on(database, engine, web, verify=context) as client:
        assert str(client.http.base_url).startswith("https://")
        assert (await client.http.get("/")).status_code == 404


async def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path, engine: Engine) -> None:
    made = app.app(Acting(ThreadedDatabase(engine, 1), "postgresql://x@y/z", {}, utc_now))
    missing = tmp_path / "none.pem"
    with pytest.raises(ConfigError, match=r"none\.pem.*cannot be used"):
        await serve_web(made, Web(listen="127.0.0.1:0", certificate_file=missing, private_key_file=missing))


async def test_a_stop_ends_it_within_its_bound_also_in_the_middle_of_a_request(
    database: TestDatabase, engine: Engine
) -> None:
    began = trio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        began.set()
        await trio.sleep_forever()

    async def ask(client: Client) -> None:
        with pytest.raises(httpx.HTTPError):
            await client.http.post(ACT, content=endless(), headers={"Content-Type": "application/json"})

    with trio.fail_after(30 + server.STOP_SECONDS):
        made = app.app(Acting(ThreadedDatabase(engine, 1), database.service_url, {}, utc_now))
        async with trio.open_nursery() as clients, httpx.AsyncClient(timeout=60.0) as http:
            async with trio.open_nursery() as nursery:
                (address,) = await nursery.start(serve_web, made, Web(listen="127.0.0.1:0"))
                http.base_url = httpx.URL(address)
                clients.start_soon(ask, Client(http))
                await began.wait()
                nursery.cancel_scope.cancel()
            with pytest.raises(OSError, match=r"refused|attempts|failed"):
                await trio.open_tcp_stream("127.0.0.1", httpx.URL(address).port or 0)
            clients.cancel_scope.cancel()


async def test_a_socket_that_listens_already_serves_one_server_after_another(
    database: TestDatabase, engine: Engine
) -> None:
    made = app.app(Acting(ThreadedDatabase(engine, 1), database.service_url, {}, utc_now))
    with listening_at("127.0.0.1", 0) as bound:
        host, port = bound.getsockname()
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                await nursery.start(partial(serve_web, made, Web(listen=f"{host}:{port}"), bound=bound))
                async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60.0) as http:
                    assert (await http.get("/nothing")).status_code == 404
                nursery.cancel_scope.cancel()


async def test_an_address_that_is_taken_is_told(database: TestDatabase, engine: Engine) -> None:
    async with acting_on(database, engine) as client:
        port = client.http.base_url.port
        made = app.app(Acting(ThreadedDatabase(engine, 1), database.service_url, {}, utc_now))
        told = f"port {port} is taken by another program; choose another, such as 127.0.0.1:"
        with pytest.raises(ConfigError, match=told):
            await serve_web(made, Web(listen=f"127.0.0.1:{port}"))
