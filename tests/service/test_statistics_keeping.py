"""Postgres learns of a flood at the next look; a database that is away is asked again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
import trio
from sqlalchemy import Connection
from trio.testing import MockClock

from recon.db.engine import create_engine, libpq_url
from recon.db.raw import cursor_of
from recon.db.statistics import refresh_statistics
from recon.db.transactions import InlineDatabase, ThreadedDatabase
from recon.errors import DatabaseError
from recon.service.statistics_keeping import LOOK_SECONDS, keep_statistics
from recon.status import Status, StatusReporter
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

#: Seconds after which a connection that is not free is taken for one that never will be.
NEVER = 60.0
#: Rows of a table at first: more than the planner takes an unknown table to hold.
ROWS = 3000


def _add(database: TestDatabase, first: int, count: int) -> None:
    """Add rows; Postgres has noted the changes once the session is over."""
    with psycopg.connect(libpq_url(database.service_url)) as raw:
        raw.execute(
            "INSERT INTO recon_store.fee_rates (gateway, edition, account, rates)"
            " SELECT 'g', 1, 'account ' || n, '[]' FROM generate_series(%s::int, %s::int) AS n",
            (first, first + count - 1),
        )


def _refreshed(database: TestDatabase) -> list[str]:
    engine = create_engine(database.service_url, "tests", pooled=False)
    with engine.begin() as connection:
        return refresh_statistics(connection)


def _known_rows(database: TestDatabase) -> float:
    with psycopg.connect(libpq_url(database.superuser_url)) as raw:
        row = raw.execute("SELECT reltuples FROM pg_class WHERE oid = 'recon_store.fee_rates'::regclass").fetchone()
    assert row is not None
    return float(row[0])


def test_a_table_is_counted_when_it_has_doubled(database: TestDatabase) -> None:
    with psycopg.connect(libpq_url(database.owner_url), autocommit=True) as raw:
        raw.execute("ALTER TABLE recon_store.fee_rates SET (autovacuum_enabled = false)")
    _add(database, 1, ROWS)
    assert "fee_rates" in _refreshed(database)
    assert _known_rows(database) == ROWS
    _add(database, ROWS + 1, ROWS // 2)
    assert "fee_rates" not in _refreshed(database)
    _add(database, 2 * ROWS, ROWS // 2)
    assert "fee_rates" in _refreshed(database)
    assert _known_rows(database) == 2 * ROWS
    assert "fee_rates" not in _refreshed(database)


def test_a_table_that_somebody_has_locked_is_left_for_the_next_look(database: TestDatabase) -> None:
    _add(database, 1, ROWS)
    with psycopg.connect(libpq_url(database.owner_url)) as raw:
        raw.execute("LOCK TABLE recon_store.fee_rates IN SHARE UPDATE EXCLUSIVE MODE")
        _refreshed(database)  # does not wait
    assert "fee_rates" in _refreshed(database)


@pytest.mark.trio
async def test_a_look_that_failed_is_followed_by_the_next_one(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    looks: list[float] = []
    states: list[tuple[str, str]] = []
    running = trio.Event()

    def refresh(connection: Connection) -> list[str]:
        looks.append(trio.current_time())
        if len(looks) == 1:
            raise DatabaseError("the database is away")
        return refresh_statistics(connection)

    def note(status: Status) -> None:
        states.append((status.state, status.detail))
        if status.state == "running":
            running.set()

    monkeypatch.setattr("recon.service.statistics_keeping.refresh_statistics", refresh)
    engine = create_engine(database.service_url, "tests", pooled=False)
    async with trio.open_nursery() as nursery:
        status = StatusReporter(lambda: datetime(2026, 1, 5, tzinfo=UTC), note)
        nursery.start_soon(keep_statistics, InlineDatabase(engine), status)
        await running.wait()
        nursery.cancel_scope.cancel()
    assert states == [("waiting", "the database is away"), ("running", "")]
    assert looks[1] - looks[0] == LOOK_SECONDS


@pytest.mark.trio
async def test_a_look_takes_one_connection_and_blocks_no_writer_and_between_looks_it_has_none(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(database, 1, ROWS)
    counting, over = threading.Event(), threading.Event()

    def refresh(connection: Connection) -> list[str]:
        found = refresh_statistics(connection)
        counting.set()
        over.wait(NEVER)  # the look goes on: it keeps its connection, and whatever it has locked
        return found

    def write(connection: Connection) -> None:
        with cursor_of(connection) as cursor:
            cursor.execute("SET LOCAL lock_timeout = '30s'")
            cursor.execute("UPDATE recon_store.fee_rates SET rates = '[1]'")

    both = threading.Barrier(2)
    looked = trio.Event()
    engine = create_engine(database.service_url, "tests", pool_size=2)
    pool = ThreadedDatabase(engine, 2)
    monkeypatch.setattr("recon.service.statistics_keeping.refresh_statistics", refresh)
    async with trio.open_nursery() as nursery:
        reporter = StatusReporter(lambda: datetime(2026, 1, 5, tzinfo=UTC), lambda _: looked.set())
        nursery.start_soon(keep_statistics, pool, reporter)
        assert await trio.to_thread.run_sync(counting.wait, NEVER)
        await pool.run(write, deadline=NEVER)
        await pool.run(write, deadline=NEVER)
        assert not looked.is_set(), "the look was over before the writers were"
        over.set()
        await looked.wait()
        async with trio.open_nursery() as others:
            for _ in range(2):  # each waits for the other with a connection of its own
                others.start_soon(partial(pool.run, lambda _: both.wait(NEVER), deadline=NEVER))
        nursery.cancel_scope.cancel()
    engine.dispose()
