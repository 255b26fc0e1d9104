"""The projector folds each event exactly once, whatever fails, and is awake when there is something to fold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import pytest
import trio
import trio.testing
from sqlalchemy import Connection, Engine, text

from recon.db.engine import create_engine
from recon.db.transactions import Database, ThreadedDatabase
from recon.db.wakeup import listen
from recon.errors import DatabaseError, ProjectionError
from recon.log.hints import LOG_CHANNEL, hint
from recon.projection import projector as projectors
from recon.projection.projector import Projector
from recon.projection.step import Step
from recon.projection.working_set import WorkingSet
from recon.reconciliation.model.snapshot import Transition
from recon.status import Status, StatusReporter
from tests.conftest import TestDatabase
from tests.support.flood import GATEWAY, Writer, checkpoint, folded, new_events
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: Seconds that a test waits for something that takes milliseconds.
PATIENCE = 150.0
NEVER = 1e6
ORDERS = 450

T = TypeVar("T")


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test projector")
    yield made
    made.dispose()


class Flaky:
    """A database that fails as it is told: `before` the commit (all is undone) or `after` it (nobody hears)."""

    def __init__(self, database: Database, failures: list[str], *, transient: bool = True) -> None:
        self._database = database
        self._failures = failures
        self._transient = transient

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        way = self._failures.pop(0) if self._failures else "well"
        error = DatabaseError("the connection was cut")
        error.transient = self._transient

        def fails(connection: Connection) -> T:
            work(connection)
            raise error

        if way == "before":
            return await self._database.run(fails, deadline=deadline)
        result = await self._database.run(work, deadline=deadline)
        if way == "after":
            raise error
        return result


class Watched:
    """A projector and what it said."""

    def __init__(self, database: Database, *, is_first: Callable[[], bool] = lambda: True) -> None:
        self.statuses: list[Status] = []
        self.steps: list[Step] = []
        self._changed = trio.Event()
        self.projector = Projector(
            database,
            GATEWAY,
            on_step=self._step,
            status=StatusReporter(lambda: datetime.now(UTC), self._status),
            is_first=is_first,
            draw=lambda: 0.0,
        )

    async def until(self, true: Callable[[], object]) -> None:
        with trio.fail_after(PATIENCE):
            while not true():
                # What a second projector has seen is told by nobody.
                with trio.move_on_after(0.05):
                    await self._changed.wait()

    async def until_folded(self, seq: int) -> None:
        await self.until(lambda: self.projector.seq >= seq)

    def _step(self, step: Step) -> None:
        self.steps.append(step)
        self._tell()

    def _status(self, status: Status) -> None:
        self.statuses.append(status)
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def running(*watched: Watched) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for each in watched:
            nursery.start_soon(each.projector.run)
        yield
        nursery.cancel_scope.cancel()


async def folded_undisturbed(database: TestDatabase, engine: Engine) -> tuple[int, dict[str, list[tuple[object, ...]]]]:
    """Fold the log once without disturbance, remember what came of it, and begin anew."""
    head = Writer(database.service_url).append(new_events(ORDERS))
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until_folded(head)
    books = folded(database.service_url)
    assert len(books["fills"]) == 2 * ORDERS
    with connected(database.owner_url) as raw:
        trellises = ("account_comparisons", "unit_trellises", "account_calls")
        for table in (*books, *trellises, "editions", "instruments", "break_history", "observations"):
            raw.execute(f"TRUNCATE recon_store.{table}")
    return head, books


@pytest.mark.parametrize("way", ["before", "after"])
async def test_a_step_that_fails_around_its_commit_is_folded_once(
    database: TestDatabase, engine: Engine, way: str
) -> None:
    head, books = await folded_undisturbed(database, engine)
    watched = Watched(Flaky(ThreadedDatabase(engine), ["well", way, way, "well", way]))
    async with running(watched):
        await watched.until_folded(head)
    assert folded(database.service_url) == books
    assert checkpoint(database.service_url) == head
    assert "retrying" in [status.state for status in watched.statuses]


async def test_a_working_set_that_was_folded_into_and_not_written_is_not_used_again(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, books = await folded_undisturbed(database, engine)
    save = WorkingSet.save
    failing = [False, True, True, False]

    def cut(self: WorkingSet, connection: Connection, seq: int) -> list[Transition]:
        if failing and failing.pop(0):
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return save(self, connection, seq)

    monkeypatch.setattr(WorkingSet, "save", cut)
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until_folded(head)
    assert not failing
    assert folded(database.service_url) == books


async def test_one_that_is_stopped_and_started_again_and_again_folds_once(
    database: TestDatabase, engine: Engine
) -> None:
    head, books = await folded_undisturbed(database, engine)
    for stop in (1, 1500, 2000, head):
        watched = Watched(ThreadedDatabase(engine))
        async with running(watched):
            await watched.until_folded(stop)
    assert folded(database.service_url) == books


async def test_two_at_once_fold_once(database: TestDatabase, engine: Engine) -> None:
    head, books = await folded_undisturbed(database, engine)
    one, other = Watched(ThreadedDatabase(engine)), Watched(ThreadedDatabase(engine))
    async with running(one, other):
        await one.until_folded(head)
        await other.until_folded(head)
    assert sum(step.folded for each in (one, other) for step in each.steps) == head
    assert folded(database.service_url) == books


async def test_the_second_keeps_out_of_the_way_until_the_first_stands_still(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "SECOND_SECONDS", 0.3)
    writer, events = Writer(database.service_url), new_events(20)
    head = writer.append(events[:50])
    first = Watched(ThreadedDatabase(engine))
    second = Watched(ThreadedDatabase(engine), is_first=lambda: False)
    async with running(second):
        async with running(first):
            await first.until_folded(head)
            await second.until_folded(head)
            assert second.statuses[-1].state == "second"
            assert not second.steps
        head = writer.append(events[50:])
        await second.until_folded(head)
    assert sum(step.folded for step in second.steps) == len(events) - 50
    assert sum(step.folded for step in first.steps) == 50


async def test_it_is_woken_by_a_notification(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", NEVER)
    watched = Watched(ThreadedDatabase(engine))
    heard: list[str] = []
    established = trio.Event()

    def on_notify(channel: str, payload: str) -> None:
        heard.append(payload)
        watched.projector.hint()

    writer, events = Writer(database.service_url), new_events(5)
    async with running(watched), trio.open_nursery() as nursery:
        nursery.start_soon(partial(listen, database.service_url, [LOG_CHANNEL], on_notify, established.set))
        with trio.fail_after(PATIENCE):
            await established.wait()
        await watched.until(lambda: watched.statuses)
        head = await trio.to_thread.run_sync(writer.append, events)
        with connected(database.service_url) as raw:
            hint(raw, [GATEWAY])
        await watched.until_folded(head)
        nursery.cancel_scope.cancel()
    assert heard == [GATEWAY]


async def test_it_looks_by_itself_when_nobody_wakes_it(database: TestDatabase, engine: Engine) -> None:
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until(lambda: watched.statuses)
        await watched.until_folded(Writer(database.service_url).append(new_events(5)))


async def test_books_of_another_version_stop_it(database: TestDatabase, engine: Engine) -> None:
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until_folded(Writer(database.service_url).append(new_events(1)))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = 99"))
    with pytest.raises(ProjectionError, match="recon rebuild"):
        await watched.projector.run()
    # A service that is relieved by a later version stops cleanly: whoever comes next folds.
    Writer(database.service_url).append(new_events(1))
    await watched.projector.finish()


async def test_a_database_that_refuses_us_stops_it(database: TestDatabase, engine: Engine) -> None:
    watched = Watched(Flaky(ThreadedDatabase(engine), ["before"], transient=False))
    with pytest.raises(DatabaseError, match="cut"):
        await watched.projector.run()


async def test_a_hint_about_what_is_folded_already_wakes_nobody(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", NEVER)
    head = Writer(database.service_url).append(new_events(1))
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until_folded(head)
        await watched.until(lambda: watched.statuses)
        watched.projector._woken = trio.Event()
        watched.projector.hint(head)
        assert not watched.projector._woken.is_set()
        watched.projector.hint(head + 1)
        assert watched.projector._woken.is_set()


class Counted:
    """A database that counts transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transactions = 0

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        self.transactions += 1
        return await self._database.run(work, deadline=deadline)


async def test_no_step_looks_for_more_than_the_recorder_has_told_of(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", NEVER)
    writer, events = Writer(database.service_url), new_events(10)
    counted = Counted(ThreadedDatabase(engine))
    watched = Watched(counted)
    async with running(watched):
        await watched.until(lambda: watched.statuses)
        assert counted.transactions == 1
        for part in (events[:10], events[10:30], events[30:]):
            head = await trio.to_thread.run_sync(writer.append, part)
            watched.projector.hint(head)
            await watched.until_folded(head)
        await trio.testing.wait_all_tasks_blocked()
    assert [counted.transactions, len(watched.steps)] == [4, 3]


async def test_what_others_append_is_looked_for_until_nothing_is_left(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "POLL_SECONDS", NEVER)
    writer, events = Writer(database.service_url), new_events(10)
    watched = Watched(ThreadedDatabase(engine))
    async with running(watched):
        await watched.until(lambda: watched.statuses)
        told = await trio.to_thread.run_sync(writer.append, events[:10])
        head = await trio.to_thread.run_sync(writer.append, events[10:])
        watched.projector.hint(told)
        watched.projector.hint()
        await watched.until_folded(head)
