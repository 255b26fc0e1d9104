"""The page: who gets in, what a browser may do, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
import structlog.testing
import trio
from sqlalchemy import Engine

from recon.db.engine import create_engine, libpq_url
from recon.db.roles import ANALYST, OPERATOR, SERVICE
from recon.db.transactions import ThreadedDatabase
from recon.web import live, page, sessions
from recon.web.failed_logins import MAX_FAILURES
from recon.web.forms import MAX_FORM
from recon.web.request_rate import BURST
from recon.web.server import STOP_SECONDS
from recon.web.viewers import READS_ONLY
from tests.conftest import PERSON, TestDatabase
from tests.support.page_client import Visitor, page_of, secret_of, visiting, words_of
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

PASSWORD = "pa:ss wört @/?"


@pytest.fixture
def person(database: TestDatabase) -> Iterator[str]:
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as raw:
        raw.execute(f"CREATE ROLE {PERSON} LOGIN PASSWORD '{PASSWORD}' IN ROLE {OPERATOR}".encode())
        yield PERSON
        raw.execute(f"DROP ROLE {PERSON}".encode())


@asynccontextmanager
async def visitor(database: TestDatabase, engine: Engine, **settings: Any) -> AsyncIterator[Visitor]:
    async with (
        page_of(database, ThreadedDatabase(engine, 2), **settings) as address,
        visiting(address) as somebody,
    ):
        yield somebody


def connections(database: TestDatabase, login: str) -> int:
    with connected(database.superuser_url) as raw:
        query = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name = 'recon page'"
        row = raw.execute(query.encode(), [login]).fetchone()
    assert row is not None
    return int(row[0])


async def test_without_a_session_a_screen_leads_to_the_login_and_on_to_where_one_wanted_to(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        sent = await somebody.get("/?theme=x")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/%3Ftheme%3Dx")
        entered = await somebody.log_in(person, PASSWORD, "/?theme=x")
        assert (entered.status_code, entered.headers["location"]) == (303, "/?theme=x")
        shown = await somebody.get("/")
        assert shown.status_code == 200
        assert person in words_of(shown)
        assert connections(database, person) == 1, "one connection of the person's own"


async def test_the_cookie_is_out_of_reach_and_the_headers_keep_what_is_not_ours_out(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        entered = await somebody.log_in(person, PASSWORD)
        (cookie,) = [each for each in entered.headers.get_list("set-cookie") if each.startswith("recon_session")]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie, "a browser would not send it to http://127.0.0.1 everywhere"
        for path in ("/", "/login", "/nowhere-at-all"):
            answer = await somebody.get(path)
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        policy = (await somebody.get("/")).headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        by_name = await somebody.http.get("/login", headers={"Host": "recon.example.com"})
        assert by_name.status_code == 421


async def test_behind_a_name_of_the_settings_the_cookie_is_sent_by_https_alone(
    database: TestDatabase, engine: Engine
) -> None:
    async with visitor(database, engine, hosts=["recon.example.com"]) as somebody:
        answer = await somebody.http.get("/login", headers={"Host": "recon.example.com"})
        assert answer.status_code == 200
        assert "Secure" in answer.headers["set-cookie"]


async def test_no_page_has_a_style_a_script_or_a_handler_in_it(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        for path in ("/", "/login"):
            text = (await somebody.get(path)).text
            assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text), path
            assert all("src=" in each for each in re.findall(r"<script[^>]*>", text))


async def test_files_have_names_of_their_content_and_are_kept_for_good(database: TestDatabase, engine: Engine) -> None:
    async with visitor(database, engine) as somebody:
        shown = await somebody.get("/login")
        (sheet,) = re.findall(r'href="(/static/style-[0-9a-f]+\.css)"', shown.text)
        answer = await somebody.get(sheet)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
        assert "immutable" in answer.headers["cache-control"]
        again = await somebody.get(sheet, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for path in ("/static/style.css", "/static/..%2fpage.py", "/static/../page.py"):
            assert (await somebody.get(path)).status_code == 404


@pytest.mark.parametrize("login", ["nobody", SERVICE, ANALYST])
async def test_who_is_no_person_is_refused(database: TestDatabase, engine: Engine, person: str, login: str) -> None:
    async with visitor(database, engine) as somebody:
        answer = await somebody.log_in(login, PASSWORD)
        assert answer.status_code == 401
        assert "Not logged in" in words_of(answer)
        assert "recon_session" not in somebody.http.cookies
        assert (await somebody.get("/")).status_code == 303


async def test_who_fails_too_often_waits_also_with_the_right_password(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        for _ in range(MAX_FAILURES):
            assert (await somebody.log_in(person, "wrong")).status_code == 401
        answer = await somebody.log_in(person, PASSWORD)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


async def test_a_form_without_its_secret_or_of_another_site_does_nothing(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        bare = await somebody.http.post("/login", data={"login": person, "password": PASSWORD})
        assert (bare.status_code, "too old" in bare.text) == (400, True)
        await somebody.log_in(person, PASSWORD)
        for headers in ({"Origin": "https://evil.example.com"}, {"Sec-Fetch-Site": "cross-site"}):
            secret = secret_of(await somebody.get("/"))
            refused = await somebody.http.post("/logout", data={"csrf": secret}, headers=headers)
            assert refused.status_code == 403
        assert (await somebody.send("/logout", csrf="guess")).status_code == 400
        assert (await somebody.get("/")).status_code == 200, "still logged in"


async def test_a_logout_ends_session_and_connection(database: TestDatabase, engine: Engine, person: str) -> None:
    async with visitor(database, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        before = dict(somebody.http.cookies)
        assert (await somebody.send("/logout")).headers["location"] == "/login"
        somebody.http.cookies.update(before)
        assert (await somebody.get("/")).status_code == 303, "the secret is worth nothing any more"
        assert connections(database, person) == 0


async def test_a_session_ends_when_nobody_uses_it_and_a_script_is_no_use(
    database: TestDatabase, engine: Engine, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 1.0)
    async with visitor(database, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        statuses: list[int] = []
        with trio.fail_after(20):
            while not statuses or statuses[-1] == 200:
                statuses.append((await somebody.get("/", headers={"X-Recon-Live": "yes"})).status_code)
        answer = await somebody.get("/", headers={"X-Recon-Live": "yes"})
        assert answer.status_code == 401, "a script is told so, and not sent to a login"
        assert connections(database, person) == 0


async def test_a_person_has_few_sessions_and_the_oldest_gives_way(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with page_of(database, ThreadedDatabase(engine, 2)) as address, trio.open_nursery() as nursery:
        cookies: list[httpx.Cookies] = []
        for _ in range(sessions.PER_LOGIN + 1):
            async with visiting(address) as somebody:
                assert (await somebody.log_in(person, PASSWORD)).status_code == 303
                cookies.append(somebody.http.cookies)
        states = []
        for each in cookies:
            async with visiting(address, cookies=each) as somebody:
                states.append((await somebody.get("/")).status_code)
        assert states == [303, *[200] * sessions.PER_LOGIN]
        assert connections(database, person) == sessions.PER_LOGIN
        nursery.cancel_scope.cancel()


async def test_a_connection_that_is_lost_ends_the_session_for_no_password_is_kept(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        with connected(database.superuser_url) as raw:
            raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [person])
        statuses = [(await somebody.get("/")).status_code for _ in range(3)]
        assert statuses[-1] == 303, statuses
        login = await somebody.get("/breaks?view=mine")
        assert login.headers["location"] == "/login?next=/breaks%3Fview%3Dmine&why=over", "the cookie is still there"
        assert "it was not used for a while, or recon was restarted" in words_of(await somebody.get("/login?why=over"))
        assert "<b>" not in (await somebody.get("/login?why=<b>")).text


async def test_a_database_that_was_restarted_is_told_as_the_reason_for_a_login(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    async with visitor(database, engine) as somebody:
        await somebody.log_in(person, PASSWORD)
        with connected(database.superuser_url) as raw:
            raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [person])
        answers = [await somebody.get("/") for _ in range(2)]
        (to,) = [each.headers["location"] for each in answers if each.status_code == 303]
        assert to == "/login?next=/&why=lost"
        assert "its connection to the database was lost" in words_of(await somebody.get(to))


async def test_whoever_is_let_in_reads_and_does_not_act(database: TestDatabase, engine: Engine, person: str) -> None:
    async with visitor(database, engine, reader_url=database.analyst_url) as somebody:
        answer = await somebody.get("/")
        assert answer.status_code == 200
        assert "Log in" in words_of(answer)
        assert (await somebody.log_in(person, PASSWORD)).status_code == 303
        assert READS_ONLY not in words_of(await somebody.get("/"))


async def test_a_proxy_s_word_counts_from_its_own_address_alone(database: TestDatabase, engine: Engine) -> None:
    header = {"X-Forwarded-User": "carol@example.com"}
    proxied = {"reader_url": database.analyst_url, "proxy_user_header": "X-Forwarded-User"}
    async with visitor(database, engine, proxies=["127.0.0.0/8"], **proxied) as somebody:
        assert "carol@example.com" in words_of(await somebody.get("/", headers=header))
        assert (await somebody.get("/")).status_code == 303, "whom no proxy names logs in"
    async with visitor(database, engine, proxies=["10.1.2.3"], **proxied) as somebody:
        forged = await somebody.get("/", headers=header)
        assert (forged.status_code, "proxies" in forged.text) == (403, True)


async def test_sizes_and_kinds_of_forms_are_bounded(database: TestDatabase, engine: Engine) -> None:
    async with visitor(database, engine) as somebody:
        assert (await somebody.http.post("/login", json={})).status_code == 415
        assert (await somebody.http.post("/login", data={"login": "x" * MAX_FORM})).status_code == 413
        many = await somebody.http.post("/login", data={f"f{number}": "x" for number in range(200)})
        assert many.status_code == 400


async def test_an_address_that_asks_too_much_waits(database: TestDatabase, engine: Engine) -> None:
    async with visitor(database, engine) as somebody:
        statuses = [(await somebody.get("/login")).status_code for _ in range(BURST + 60)]
        assert 429 in statuses
        assert statuses[:BURST] == [200] * BURST


async def test_no_password_and_no_secret_is_logged(database: TestDatabase, engine: Engine, person: str) -> None:
    with structlog.testing.capture_logs() as logged:
        async with visitor(database, engine) as somebody:
            await somebody.log_in(person, "wrong " + PASSWORD)
            await somebody.log_in(person, PASSWORD)
            cookie = somebody.http.cookies["recon_session"]
    told = json.dumps(logged, default=repr)
    assert person in told
    assert PASSWORD not in told
    assert cookie not in told


async def test_a_database_that_is_away_refuses_nobody(database: TestDatabase) -> None:
    away = "postgresql://recon_service@127.0.0.1:1/recon"
    engine = create_engine(away, "test", pooled=False)
    nowhere = TestDatabase("x", *[away] * 4)
    async with visitor(nowhere, engine, reader_url=away) as somebody:
        answer = await somebody.get("/")
        assert (answer.status_code, "does not answer" in answer.text) == (503, True)
        assert (await somebody.log_in("alice", "secret")).status_code == 503


async def test_streams_tell_the_strip_and_end_by_themselves(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAM_SECONDS", 3.0)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.2)
    async with visitor(database, engine, reader_url=database.analyst_url) as somebody:
        with trio.fail_after(30):
            async with somebody.http.stream("GET", "/live") as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                told = [line async for line in stream.aiter_lines()]
    looks = [json.loads(line.removeprefix("data: ")) for line in told if line.startswith("data: ")]
    assert len(looks) > 1
    assert {"cases", "books", "signals"} <= set(looks[0]["versions"])
    assert "as of" in looks[0]["strip"]


async def watch(address: str, told: trio.Event, ended: trio.Event) -> None:
    """Follow a stream to its end; tell when it told something first."""
    async with visiting(address) as somebody, somebody.http.stream("GET", "/live") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                told.set()
    ended.set()


async def test_streams_are_bounded_and_are_for_those_who_may_read(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_STREAMS", 1)
    told, ended = trio.Event(), trio.Event()
    async with (
        page_of(database, ThreadedDatabase(engine, 2), reader_url=database.analyst_url) as address,
        visiting(address) as somebody,
        trio.open_nursery() as watchers,
    ):
        watchers.start_soon(watch, address, told, ended)
        with trio.fail_after(20):
            await told.wait()
            assert (await somebody.get("/live")).status_code == 503
        watchers.cancel_scope.cancel()
    async with visitor(database, engine) as somebody:
        assert (await somebody.get("/live")).status_code == 401


async def test_a_stop_ends_open_streams_at_once(database: TestDatabase, engine: Engine) -> None:
    told, ended = trio.Event(), trio.Event()
    async with trio.open_nursery() as watchers:
        async with page_of(database, ThreadedDatabase(engine, 2), reader_url=database.analyst_url) as address:
            watchers.start_soon(watch, address, told, ended)
            with trio.fail_after(20):
                await told.wait()
            began = trio.current_time()
        assert trio.current_time() - began < STOP_SECONDS - 1.0, "the server waits for nobody"
        with trio.fail_after(10):
            await ended.wait()


async def test_a_link_of_another_site_leads_in_all_the_same(
    database: TestDatabase, engine: Engine, person: str
) -> None:
    """A browser hides a strict cookie where another site's link is followed: the page asks it to come again."""
    async with visitor(database, engine) as somebody:
        hidden = await somebody.get("/breaks", headers={"Sec-Fetch-Site": "cross-site"})
        assert (hidden.status_code, 'http-equiv="refresh"' in hidden.text) == (200, True)
        again = await somebody.get("/breaks", headers={"Sec-Fetch-Site": "same-origin"})
        assert again.status_code == 303, "who has no session logs in"


async def test_an_address_of_nothing_says_so_to_people_and_to_programs(database: TestDatabase, engine: Engine) -> None:
    async with visitor(database, engine, reader_url=database.analyst_url) as somebody:
        people = await somebody.get("/nowhere", headers={"Accept": "text/html"})
        assert (people.status_code, "Nothing is at this address" in words_of(people)) == (404, True)
        assert people.headers["content-security-policy"].startswith("default-src 'self'")
        programs = await somebody.get("/nowhere", headers={"Accept": "application/json"})
        assert (programs.status_code, "error" in programs.json()) == (404, True)


async def test_a_defect_of_a_screen_is_told_by_a_reference_that_the_log_has(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(page, "read_truth", broken)
    with structlog.testing.capture_logs() as logged:
        async with visitor(database, engine, reader_url=database.analyst_url) as somebody:
            answer = await somebody.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "a defect" not in answer.text.replace("a defect of recon", "")
    (entry,) = [each for each in logged if each["event"] == "a screen met a defect"]
    assert entry["reference"] in answer.text
