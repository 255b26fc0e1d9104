"""The lease is the service's alone: no other login takes it, blocks it, or appends in the recorder's name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
import trio

from recon.db.migrate import migrate
from recon.db.roles import ANALYST, OPERATOR, OWNER, SERVICE
from recon.errors import AppendRefused, DatabaseError
from recon.log import lease as leases
from recon.log.append import Appended, append
from recon.log.events import DECISION, NewEvent
from recon.log.lease import Lease
from recon.log.submit import submit_decision
from tests.conftest import TestDatabase
from tests.support.logins import login_of
from tests.support.recorder_probe import (
    GATEWAY,
    PATIENCE,
    Recording,
    connected,
    frames_of,
    holder,
    running,
    terminate,
)

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
T0 = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: What a login may try on another's lease and writers.
FORBIDDEN = {
    "take": "SELECT recon_store.take_lease('g', 'record', gen_random_uuid(), 'me')",
    "end a session": "SELECT recon_store.end_holder('g')",
    "read leases": "SELECT * FROM recon_store.leases",
    "read holders": "SELECT * FROM recon_store.held_leases",
    "lock leases": "LOCK TABLE recon_store.leases IN ACCESS SHARE MODE",
    "draw a term": "SELECT nextval('recon_store.lease_terms')",
    "write leases": "UPDATE recon_store.leases SET pid = pg_backend_pid()",
    "read writers": "SELECT writer FROM recon_store.log_batches",
    "lock the log": "SELECT FROM recon_store.log_gateways FOR UPDATE",
    "lock a channel": "SELECT FROM recon_store.channels FOR UPDATE",
    "lock the version": "LOCK TABLE recon_store.alembic_version IN SHARE UPDATE EXCLUSIVE MODE",
}
#: Keys by which recon's parts once excluded each other.
FORMER_KEYS = ("recon lease\x1fg", "recon.rebuild:g", "recon.what-if:g", "recon outbox\x1fg\x1fops")


def test_nothing_of_ours_depends_on_a_lock_that_any_login_may_take() -> None:
    sources = [
        *(ROOT / "recon").rglob("*.py"),
        *(ROOT / "migrations" / "sql").rglob("*.sql"),
        ROOT / "migrations/env.py",
    ]
    assert len(sources) > 200
    assert [file for file in sources if re.search(r"pg_(try_)?advisory_(xact_)?lock", file.read_text("utf-8"))] == []


@contextmanager
def attackers(database: TestDatabase) -> Iterator[dict[str, psycopg.Connection]]:
    """Open a session of each kind of login that is not the service's."""
    with ExitStack() as stack:
        opened = {}
        for name, role in (("analyst", ANALYST), ("operator", OPERATOR)):
            url = stack.enter_context(login_of(database, name, role))
            opened[name] = stack.enter_context(connected(url))
        opened["the analyst"] = stack.enter_context(connected(database.analyst_url))
        yield opened


def put(raw: psycopg.Connection, batch: int, *texts: str, writer: UUID, at: datetime = T0) -> Appended:
    events = [NewEvent("frame", text.encode(), at) for text in texts]
    return append(raw, gateway=GATEWAY, writer=writer, batch=batch, now=T0, events=events)


def decide(raw: psycopg.Connection, batch: int, *, writer: UUID, comment: str = "x") -> Appended:
    return submit_decision(
        raw,
        gateway=GATEWAY,
        writer=writer,
        batch=batch,
        now=datetime.now(UTC),
        kind=DECISION,
        payloads=[json.dumps({"action": "comment", "comment": comment}).encode()],
        accounts=[None],
        name=None,
    )


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_nobody_but_the_service_reaches_the_lease(database: TestDatabase, attempt: str) -> None:
    lease = Lease(database.service_url, GATEWAY, uuid4(), "first")
    assert lease.try_acquire()
    with attackers(database) as sessions:
        for session in sessions.values():
            session.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                session.execute(FORBIDDEN[attempt].encode())
    assert lease.append(batch=1, now=T0, events=[NewEvent("frame", b"1", T0)]).last_seq == 1
    lease.close()


@pytest.mark.parametrize("statement", ["SELECT * FROM recon_store.leases", "SELECT * FROM recon_store.held_leases"])
def test_the_service_reads_no_writer_of_a_lease_and_changes_none(database: TestDatabase, statement: str) -> None:
    with connected(database.service_url) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement.encode())


@pytest.mark.trio
async def test_recording_goes_on_and_over_whatever_locks_and_names_others_take(database: TestDatabase) -> None:
    first = Recording(database.service_url)
    second = Recording(database.service_url, instance="second")
    with attackers(database) as sessions:
        async with running(first):
            first.put("1")
            await first.until_landed(1)
            _take_every_lock(sessions)
            first.put("2")
            await first.until_landed(2)
            # Its session ends; it comes back, although somebody shows the name that its session had.
            await trio.to_thread.run_sync(terminate, database.superuser_url, holder(database.superuser_url))
            _take_every_lock(sessions)
            first.put("3")
            await first.until_landed(3)
            _show_the_holder_s_name(sessions)
        with trio.fail_after(PATIENCE):
            await second.recorder.stand_by()
        second.put("4")
        second.recorder.finish()
        await second.recorder.run()
        migrate(database.owner_url)
    assert frames_of(database.service_url) == ["1", "2", "3", "4"]


def _take_every_lock(sessions: dict[str, psycopg.Connection]) -> None:
    """Take each advisory lock that is held now, or was once recon's, shared with the other attackers."""
    seen = "SELECT DISTINCT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory'"
    for session in sessions.values():
        session.execute("SET lock_timeout = '1s'")
        keys = [row[0] for row in session.execute(seen).fetchall()]
        keys += [0x7265636F6E_01]
        for key in keys:
            session.execute("SELECT pg_advisory_lock_shared(%s::bigint)", (key,))
        for name in FORMER_KEYS:
            session.execute("SELECT pg_advisory_lock_shared(hashtextextended(%s, 0))", (name,))


def _show_the_holder_s_name(sessions: dict[str, psycopg.Connection]) -> None:
    for session in sessions.values():
        session.execute(
            "SELECT set_config('application_name', application_name, false) FROM pg_stat_activity"
            " WHERE application_name LIKE 'recon lease % to record g' AND datname = current_database() LIMIT 1"
        )


@pytest.mark.trio
async def test_nobody_learns_the_recorder_s_writer(database: TestDatabase) -> None:
    writer = uuid4()
    async with running(Recording(database.service_url, writer=writer)) as recording:
        recording.put("1")
        await recording.until_landed(1)
        with attackers(database) as sessions:
            for session in sessions.values():
                for query in (b"TABLE pg_stat_activity", b"TABLE pg_locks", b"TABLE recon.gateways"):
                    text = str(session.execute(query).fetchall())
                    assert str(writer) not in text
                    assert writer.hex not in text
            # The service's own sessions, too, show no writer in their statements.
            with connected(database.service_url) as raw:
                text = str(raw.execute("SELECT * FROM pg_stat_activity").fetchall())
                assert str(writer) not in text
                assert writer.hex not in text


@pytest.mark.trio
async def test_an_operator_who_knew_the_writer_takes_no_batch_of_the_recorder(database: TestDatabase) -> None:
    writer = uuid4()
    async with running(Recording(database.service_url, writer=writer)) as recording:
        recording.put("1")
        await recording.until_landed(1)
        with login_of(database, "operator", OPERATOR) as url, connected(url) as raw:
            for batch in (1, 2, 3):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="another login"):
                    decide(raw, batch, writer=writer)
        recording.put("2")
        await recording.until_landed(2)
    assert frames_of(database.service_url) == ["1", "2"]


def test_a_writer_that_another_login_used_first_is_refused_to_the_recorder(database: TestDatabase) -> None:
    writer = uuid4()
    lease = Lease(database.service_url, GATEWAY, writer, "first")
    assert lease.try_acquire()
    with login_of(database, "operator", OPERATOR) as url, connected(url) as raw:
        assert decide(raw, 1, writer=writer).last_seq == 1
        with pytest.raises(DatabaseError, match="another login"):
            lease.append(batch=1, now=T0, events=[NewEvent("frame", b"1", T0)])
    lease.close()


def test_a_batch_is_repeated_only_with_its_own_content(database: TestDatabase) -> None:
    writer = uuid4()
    with connected(database.service_url) as raw:
        assert not put(raw, 1, "a", "b", writer=writer).repeated
        assert put(raw, 1, "a", "b", writer=writer).repeated
        for texts in (("a", "c"), ("b", "a"), ("a",), ("a", "b", "c")):
            with pytest.raises(AppendRefused, match="another content"):
                put(raw, 1, *texts, writer=writer)
        with pytest.raises(AppendRefused, match="another content"):
            put(raw, 1, "a", "b", writer=writer, at=datetime(2026, 1, 5, 9, 1, tzinfo=UTC))
        assert not put(raw, 1, "a", "b", writer=uuid4()).repeated
    assert frames_of(database.service_url) == ["a", "b", "a", "b"]


def test_a_decision_is_repeated_at_another_time_but_not_with_another_content(database: TestDatabase) -> None:
    writer = uuid4()
    with connected(database.service_url) as raw:
        put(raw, 1, "a", writer=uuid4())
    with login_of(database, "operator", OPERATOR) as url, connected(url) as raw:
        assert not decide(raw, 1, writer=writer).repeated
        assert decide(raw, 1, writer=writer).repeated
        with pytest.raises(AppendRefused, match="another content"):
            decide(raw, 1, writer=writer, comment="y")


def test_a_former_session_of_the_recorder_appends_nothing_more(database: TestDatabase) -> None:
    writer = uuid4()
    former, latter = (Lease(database.service_url, GATEWAY, writer, name) for name in ("former", "latter"))
    assert former.try_acquire()
    assert latter.try_acquire(), "the writer takes its own lease over at once"
    with pytest.raises(DatabaseError, match="does not hold the lease any more") as refused:
        former.append(batch=1, now=T0, events=[NewEvent("frame", b"1", T0)])
    assert refused.value.transient
    assert not former.held
    assert latter.append(batch=1, now=T0, events=[NewEvent("frame", b"1", T0)]).last_seq == 1
    latter.close()


def test_logins_of_the_service_exclude_each_other_and_see_who_holds_the_lease(database: TestDatabase) -> None:
    with login_of(database, "one", SERVICE) as one, login_of(database, "two", SERVICE) as two:
        first = Lease(one, GATEWAY, uuid4(), "host:1")
        second = Lease(two, GATEWAY, uuid4(), "host:2")
        assert first.try_acquire()
        assert not second.try_acquire()
        assert second.other is not None
        assert second.other[:2] == ("host:1", f"one_of_{database.name}")
        with connected(database.analyst_url) as raw:
            query = "SELECT recorder, recorder_login, recorder_since IS NOT NULL FROM recon.gateways"
            assert raw.execute(query).fetchall() == [("host:1", f"one_of_{database.name}", True)]
            first.close()
            _until_taken(second)
            assert raw.execute(query).fetchall() == [("host:2", f"two_of_{database.name}", True)]
        second.close()


def test_a_session_of_a_person_that_falls_silent_after_deciding_does_not_hold_the_log(database: TestDatabase) -> None:
    with connected(database.service_url) as raw:
        put(raw, 1, "a", writer=uuid4())
    with login_of(database, "operator", OPERATOR) as url, connected(url) as raw, raw.transaction():
        decide(raw, 1, writer=uuid4())
        assert raw.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("10s",)


@pytest.mark.trio
@pytest.mark.parametrize("allowed", [True, False])
async def test_a_person_who_keeps_the_log_locked_is_named_and_ended_where_the_owner_may(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    monkeypatch.setitem(leases._SETTINGS, "lock_timeout", "300ms")
    named = f"login operator_of_{database.name} "
    with login_of(database, "operator", OPERATOR) as url, _may_end_sessions(database, allowed):
        async with running(Recording(database.service_url)) as recording:
            recording.put("1")
            await recording.until_landed(1)
            with connected(url) as person:
                person.execute("BEGIN")
                decide(person, 1, writer=uuid4())
                person.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                recording.put("2")
                await recording.until(lambda: any(named in status.detail for status in recording.statuses))
                if not allowed:
                    person.execute("ROLLBACK")
                await recording.until_landed(2)
                assert _ended(person) == allowed
    assert frames_of(database.service_url) == ["1", "2"]


@contextmanager
def _may_end_sessions(database: TestDatabase, allowed: bool) -> Iterator[None]:
    """Let the owner end sessions, as in the embedded database, or not, as in others."""
    with connected(database.superuser_url) as raw:
        if not allowed:
            raw.execute(f"REVOKE pg_signal_backend FROM {OWNER}".encode())
        yield
        raw.execute(f"GRANT pg_signal_backend TO {OWNER}".encode())


def _ended(session: psycopg.Connection) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def _until_taken(lease: Lease) -> None:
    with connected(lease._url) as raw:
        while not lease.try_acquire():
            raw.execute("SELECT pg_sleep(0.01)")
