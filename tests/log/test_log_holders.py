"""A person who keeps a log locked is ended, however the lock was taken, and takes no second turn at once."""

from __future__ import annotations

import threading
from contextlib import suppress
from uuid import uuid4

import psycopg
import pytest
import trio

from recon.db.roles import OPERATOR
from recon.errors import AppendRefused
from recon.log import lease as leases
from recon.log.append import MAX_BATCH_EVENTS
from recon.log.submit import submit_decision
from tests.conftest import TestDatabase
from tests.log.test_lease import T0, decide, put
from tests.support.logins import login_of
from tests.support.recorder_probe import GATEWAY, Recording, connected, frames_of, running

pytestmark = pytest.mark.postgres


@pytest.mark.trio
async def test_a_lock_that_was_taken_within_a_savepoint_is_found_as_well(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(leases._SETTINGS, "lock_timeout", "300ms")
    with login_of(database, "operator", OPERATOR) as url:
        async with running(Recording(database.service_url)) as recording:
            recording.put("1")
            await recording.until_landed(1)
            with connected(url) as person:
                person.execute("BEGIN")
                with suppress(psycopg.OperationalError), person.transaction():
                    decide(person, 1, writer=uuid4())
                recording.put("2")
                await recording.until_landed(2)
                with pytest.raises(psycopg.OperationalError):
                    person.execute("SELECT 1")
            named = f"login operator_of_{database.name} "
            assert any(named in status.detail for status in recording.statuses)
    assert frames_of(database.service_url) == ["1", "2"]


@pytest.mark.trio
async def test_sessions_that_stand_in_line_for_the_log_do_not_take_turns_in_keeping_it(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(leases._SETTINGS, "lock_timeout", "500ms")
    over, locked = threading.Event(), threading.Event()
    with login_of(database, "operator", OPERATOR) as url:
        keepers = [threading.Thread(target=_keep_locking, args=(url, locked, over)) for _ in range(4)]
        async with running(Recording(database.service_url)) as recording:
            recording.put("1")
            await recording.until_landed(1)
            try:
                for keeper in keepers:
                    keeper.start()
                await trio.to_thread.run_sync(locked.wait)
                recording.put("2")
                await recording.until_landed(2)
            finally:
                over.set()
                for keeper in keepers:
                    await trio.to_thread.run_sync(keeper.join)
        with connected(url) as person, pytest.raises(psycopg.errors.InsufficientPrivilege, match="five minutes"):
            decide(person, 1, writer=uuid4())
    assert frames_of(database.service_url) == ["1", "2"]


def _keep_locking(url: str, locked: threading.Event, over: threading.Event) -> None:
    """Lock the log for as long as it lasts, and come back whenever the session is ended."""
    while not over.is_set():
        with suppress(psycopg.Error), connected(url) as person:
            person.execute("BEGIN")
            decide(person, 1, writer=uuid4())
            locked.set()
            while not over.is_set():
                person.execute("SELECT pg_sleep(0.05)")
            person.execute("ROLLBACK")


def test_a_batch_of_decisions_is_bounded(database: TestDatabase) -> None:
    with connected(database.service_url) as raw:
        put(raw, 1, "a", writer=uuid4())
        with pytest.raises(AppendRefused, match="at most 1000"):
            _comment(raw, MAX_BATCH_EVENTS + 1)
        assert _comment(raw, MAX_BATCH_EVENTS) == 1 + MAX_BATCH_EVENTS


def _comment(raw: psycopg.Connection, count: int) -> int:
    """Record as many decisions in one batch; return the last position."""
    return submit_decision(
        raw,
        gateway=GATEWAY,
        writer=uuid4(),
        batch=1,
        now=T0,
        kind="decision",
        payloads=[b'{"action":"comment"}'] * count,
        accounts=[None] * count,
        name=None,
    ).last_seq
