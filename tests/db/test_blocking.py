"""The contract of `Database`, kept by the threaded and the inline one alike."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, Engine, text

from recon.db import blocking
from recon.db.engine import create_engine
from recon.db.transactions import Database, InlineDatabase, ThreadedDatabase
from recon.errors import DatabaseError, DeadlineExceeded
from tests.conftest import TestDatabase

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

AMPLE = 30.0


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    with create_engine(database.owner_url, "test", pooled=False).begin() as conn:
        conn.execute(text("CREATE TABLE public_test (n int PRIMARY KEY)"))
    made = create_engine(database.owner_url, "test contract", pool_size=2)
    yield made
    made.dispose()


@pytest.fixture(params=[ThreadedDatabase, InlineDatabase])
def db(engine: Engine, request: pytest.FixtureRequest) -> Database:
    made: Database = request.param(engine)
    return made


def insert(n: int, conn: Connection) -> int:
    conn.execute(text("INSERT INTO public_test VALUES (:n)"), {"n": n})
    return n


def count(conn: Connection) -> int:
    return conn.scalar(text("SELECT count(*) FROM public_test")) or 0


def sleep(seconds: float, conn: Connection) -> None:
    conn.execute(text("SELECT pg_sleep(:s)"), {"s": seconds})


def backend(conn: Connection) -> int:
    return int(conn.scalar(text("SELECT pg_backend_pid()")) or 0)


async def test_commits_and_returns(db: Database) -> None:
    assert await db.run(partial(insert, 7), deadline=AMPLE) == 7
    assert await db.run(count, deadline=AMPLE) == 1


async def test_an_error_of_the_work_rolls_back_and_passes(db: Database) -> None:
    def work(conn: Connection) -> None:
        insert(1, conn)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await db.run(work, deadline=AMPLE)
    assert await db.run(count, deadline=AMPLE) == 0


async def test_an_error_of_the_database_is_one_clean_line(db: Database) -> None:
    await db.run(partial(insert, 7), deadline=AMPLE)
    with pytest.raises(DatabaseError, match="duplicate key") as caught:
        await db.run(partial(insert, 7), deadline=AMPLE)
    assert not caught.value.transient
    assert "INSERT" not in str(caught.value)
    assert caught.value.__cause__ is not None


async def test_the_transaction_is_read_committed_in_utc(db: Database) -> None:
    def work(conn: Connection) -> tuple[object, ...]:
        return tuple(
            conn.execute(text("SELECT current_setting('transaction_isolation'), current_setting('timezone')")).one()
        )

    assert await db.run(work, deadline=AMPLE) == ("read committed", "UTC")


async def test_a_long_query_is_cancelled_and_rolled_back(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancel alone ends the query: the socket would be shut down only after the query had ended by itself."""
    monkeypatch.setattr(blocking, "GRACE_SECONDS", 10 * AMPLE)

    def work(conn: Connection) -> None:
        insert(1, conn)
        sleep(AMPLE, conn)

    with pytest.raises(DeadlineExceeded, match=r"longer than its 0\.2 s") as caught:
        await db.run(work, deadline=0.2)
    assert caught.value.transient
    assert await db.run(count, deadline=AMPLE) == 0


async def test_many_statements_share_one_deadline(db: Database) -> None:
    def work(conn: Connection) -> None:
        for _ in range(1000):
            sleep(0.05, conn)

    with pytest.raises(DeadlineExceeded):
        await db.run(work, deadline=0.3)


async def test_a_mute_server_frees_the_thread(db: Database) -> None:
    """A stopped backend hears no cancel, so only the shut socket lets the call end."""
    stopped: list[int] = []

    def work(conn: Connection) -> None:
        stopped.append(backend(conn))
        os.kill(stopped[0], signal.SIGSTOP)
        conn.execute(text("SELECT 1"))

    try:
        with pytest.raises(DeadlineExceeded):
            await db.run(work, deadline=0.2)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert await db.run(count, deadline=AMPLE) == 0


async def test_a_killed_backend_is_transient_and_the_next_run_works(db: Database, database: TestDatabase) -> None:
    victim = await db.run(backend, deadline=AMPLE)
    with create_engine(database.superuser_url, "test", pooled=False).begin() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": victim})

    with pytest.raises(DatabaseError) as caught:
        await db.run(count, deadline=AMPLE)
    assert caught.value.transient
    assert await db.run(count, deadline=AMPLE) == 0


async def test_an_interrupted_connection_is_never_used_again(db: Database) -> None:
    first = await db.run(backend, deadline=AMPLE)
    with pytest.raises(DeadlineExceeded):
        await db.run(partial(sleep, 60), deadline=0.1)
    assert await db.run(backend, deadline=AMPLE) != first


async def test_a_cancelled_caller_does_not_begin(db: Database) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await db.run(partial(insert, 1), deadline=AMPLE)
    assert scope.cancelled_caught
    assert await db.run(count, deadline=AMPLE) == 0


async def test_a_caller_cancelled_midway_sees_it_through(engine: Engine) -> None:
    db = ThreadedDatabase(engine)
    inside, go_on = threading.Event(), threading.Event()
    results: list[int] = []

    def work(conn: Connection) -> int:
        inside.set()
        go_on.wait(AMPLE)
        return insert(1, conn)

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def run() -> None:
            results.append(await db.run(work, deadline=AMPLE))

        await trio.to_thread.run_sync(inside.wait)
        nursery.cancel_scope.cancel()
        go_on.set()
    assert results == [1]
    assert await db.run(count, deadline=AMPLE) == 1


async def test_the_deadline_holds_while_the_caller_is_cancelled(engine: Engine) -> None:
    db = ThreadedDatabase(engine)
    inside = threading.Event()

    def work(conn: Connection) -> None:
        inside.set()
        sleep(60, conn)

    caught: list[DeadlineExceeded] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def run() -> None:
            try:
                await db.run(work, deadline=0.3)
            except DeadlineExceeded as error:
                caught.append(error)
            finally:
                inside.set()  # a busy machine may not even begin within the deadline

        await trio.to_thread.run_sync(inside.wait)
        nursery.cancel_scope.cancel()
    assert len(caught) == 1


async def test_waiting_for_a_free_thread_counts(engine: Engine) -> None:
    db = ThreadedDatabase(engine, threads=1)
    go_on = threading.Event()
    inside = threading.Event()

    def hold(_: Connection) -> None:
        inside.set()
        go_on.wait(AMPLE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(db.run, hold, deadline=AMPLE))
        await trio.to_thread.run_sync(inside.wait)
        with pytest.raises(DeadlineExceeded, match=r"no connection was free for 0\.1 s"):
            await db.run(count, deadline=0.1)
        go_on.set()


async def test_the_event_loop_goes_on_while_a_thread_works(engine: Engine) -> None:
    db = ThreadedDatabase(engine)
    inside, answered = threading.Event(), threading.Event()

    def work(_: Connection) -> bool:
        inside.set()
        return answered.wait(AMPLE)

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def answer() -> None:
            await trio.to_thread.run_sync(inside.wait)
            answered.set()

        assert await db.run(work, deadline=AMPLE), "another task ran meanwhile"


async def test_inline_under_a_virtual_clock_does_not_run_away(
    engine: Engine, autojump_clock: trio.testing.MockClock
) -> None:
    before = trio.current_time()
    with trio.fail_after(0.05):
        await InlineDatabase(engine).run(partial(sleep, 0.2), deadline=AMPLE)
    assert trio.current_time() == before
