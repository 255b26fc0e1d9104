"""Whoever projects, a task or a process of its own, keeps the same promises; and a process is always somebody's."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import structlog
import trio
from sqlalchemy import Engine, text

from recon.backfill.view import BackfillView, backfill_view
from recon.db.engine import create_engine
from recon.db.transactions import ThreadedDatabase
from recon.errors import ProjectionError
from recon.log.events import EVENT_REFUSED, NewEvent
from recon.meters import StepMeter
from recon.projection.fold import VERSION
from recon.projection.position import Projection
from recon.projection.projector import Projector
from recon.projection.refusals import Refusal, encode_refusal
from recon.projection.step import Step
from recon.service.projecting import remote
from recon.service.projecting.messages import Beat, Begin, line_of, report_of
from recon.service.projecting.process import COMMAND, start
from recon.service.projecting.remote import RemoteProjector
from recon.service.signalling import tell
from recon.service.status import StatusBoard
from recon.service.supervisor import supervise
from recon.status import Status, StatusReporter
from tests.conftest import TestDatabase
from tests.support.flood import GATEWAY, Writer, checkpoint, folded, new_events
from tests.support.process_families import is_alive
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: Seconds that a test waits for something that takes milliseconds.
PATIENCE = 150.0
ORDERS = 20
KINDS: Final = ("task", "process")


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test projecting")
    yield made
    made.dispose()


class Watched:
    """A projection of either kind, and what it said."""

    def __init__(self, kind: str, url: str, engine: Engine, command: tuple[str, ...] = COMMAND) -> None:
        self.statuses: list[Status] = []
        self.views: list[BackfillView] = []
        self.told = 0
        self.meter = StepMeter()
        self.first = True
        self._changed = trio.Event()
        self.status = StatusReporter(lambda: datetime.now(UTC), self._status)
        self.projector: Projection = self._task(engine) if kind == "task" else self._process(url, command)

    def _task(self, engine: Engine) -> Projector:
        return Projector(
            ThreadedDatabase(engine),
            GATEWAY,
            on_transitions=tell,
            on_step=self._step,
            status=self.status,
            is_first=lambda: self.first,
            meter=self.meter,
            draw=lambda: 0.0,
        )

    def _process(self, url: str, command: tuple[str, ...]) -> RemoteProjector:
        return RemoteProjector(
            GATEWAY,
            url,
            log_level="info",
            secrets=[],
            on_told=self._tell,
            on_view=self._view,
            status=self.status,
            is_first=lambda: self.first,
            meter=self.meter,
            command=command,
        )

    @property
    def pid(self) -> int:
        assert isinstance(self.projector, RemoteProjector)
        return self.projector.pid or 0

    async def until(self, true: Callable[[], object]) -> None:
        with trio.fail_after(PATIENCE):
            while not true():
                with trio.move_on_after(0.05):
                    await self._changed.wait()

    async def until_folded(self, seq: int) -> None:
        await self.until(lambda: self.projector.seq >= seq)

    def _step(self, step: Step) -> None:
        if step.told:
            self._tell()
        self._view(backfill_view(step.working_set.ledger, step.seq))

    def _tell(self) -> None:
        self.told += 1

    def _view(self, view: BackfillView) -> None:
        self.views.append(view)
        self._wake()

    def _status(self, status: Status) -> None:
        self.statuses.append(status)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def running(watched: Watched, *, fold: bool = False) -> AsyncIterator[None]:
    """Run it, and end it as the service does."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watched.projector.run)
            yield
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await watched.projector.finish(fold=fold)


class RememberingBoard(StatusBoard):
    """A board that remembers each state: a busy machine may sleep through one."""

    def __init__(self) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self.states: list[str] = []

    def _note_change(self, status: Status) -> None:
        self.states.append(status.state)
        super()._note_change(status)


@asynccontextmanager
async def supervised(watched: Watched) -> AsyncIterator[RememberingBoard]:
    """Run it as the service does, which starts it again."""
    board = RememberingBoard()
    try:
        async with trio.open_nursery() as nursery:

            async def project() -> None:
                await supervise(board, GATEWAY, "projection", watched.projector.run, draw=lambda: 0.0)

            nursery.start_soon(project)
            yield board
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await watched.projector.finish(fold=False)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_follows_hints_says_what_it_has_done_and_folds_the_end(
    database: TestDatabase, engine: Engine, kind: str
) -> None:
    writer, events = Writer(database.service_url), new_events(ORDERS)
    head = writer.append(events[:30])
    watched = Watched(kind, database.service_url, engine)
    async with running(watched, fold=True):
        await watched.until_folded(head)
        assert watched.status.state == "following"
        head = await trio.to_thread.run_sync(writer.append, events[30:-5])
        watched.projector.hint(head)
        await watched.until(lambda: watched.views and watched.views[-1].seq == head)
        assert watched.projector.last_us > 0
        assert watched.projector.pulse.at is not None
    assert watched.meter.events.total == head == checkpoint(database.service_url)
    assert watched.meter.computed_seconds > 0
    assert watched.status.status is not None
    assert watched.status.status.figures["seq"] == head
    accounts = sorted({row.account for view in watched.views for row in view.accounts})
    assert [row.account for row in watched.views[-1].accounts] == accounts != []
    head = await trio.to_thread.run_sync(writer.append, events[-5:])
    async with running(watched, fold=True):
        pass
    assert checkpoint(database.service_url) == head, "finishing folds the end, also where no process is left"


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_does_not_record_keeps_out_of_the_way_until_it_does(
    database: TestDatabase, engine: Engine, kind: str
) -> None:
    watched = Watched(kind, database.service_url, engine)
    watched.first = False
    async with running(watched):
        await watched.until(lambda: watched.status.state == "second")
        head = await trio.to_thread.run_sync(Writer(database.service_url).append, new_events(1))
        watched.first = True
        watched.projector.hint()
        await watched.until_folded(head)
        await watched.until(lambda: watched.status.state == "following")


@pytest.mark.parametrize("kind", KINDS)
async def test_books_of_another_version_end_it_with_what_to_do(
    database: TestDatabase, engine: Engine, kind: str
) -> None:
    watched = Watched(kind, database.service_url, engine)
    async with running(watched):
        await watched.until_folded(Writer(database.service_url).append(new_events(1)))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET fold_version = 99"))
    with pytest.raises(ProjectionError, match="recon rebuild"):
        await watched.projector.run()
    Writer(database.service_url).append(new_events(1))
    with structlog.testing.capture_logs() as lines:
        await watched.projector.finish()
    said = {line["event"]: line for line in lines}["the last events are not folded"]
    assert said["log_level"] == "warning"
    assert said["gateway"] == GATEWAY
    assert "recon rebuild" in said["reason"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_database_that_is_away_is_waited_for(engine: Engine, kind: str) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    away = create_engine(nowhere, "test projecting")
    watched = Watched(kind, nowhere, away)
    async with running(watched, fold=True):
        await watched.until(lambda: watched.status.state == "retrying")
    assert "127.0.0.1" in watched.status.detail or "connect" in watched.status.detail
    away.dispose()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_step_tells_is_stored_with_it(database: TestDatabase, engine: Engine, kind: str) -> None:
    writer, events = Writer(database.service_url), new_events(1)
    refusal = encode_refusal(Refusal(3, VERSION, "a test wants it"))
    head = writer.append([*events, NewEvent(EVENT_REFUSED, refusal, events[-1].received_at)])
    watched = Watched(kind, database.service_url, engine)
    async with running(watched):
        await watched.until_folded(head)
        await watched.until(lambda: watched.told)
    assert watched.meter.refused == 1
    with connected(database.service_url) as raw:
        assert raw.execute("SELECT count(*) FROM recon_store.signals").fetchone() == (1,)


async def test_a_process_that_is_killed_again_and_again_folds_each_event_once(
    database: TestDatabase, engine: Engine
) -> None:
    writer, events = Writer(database.service_url), new_events(10 * ORDERS)
    watched = Watched("process", database.service_url, engine)
    async with supervised(watched) as board:
        for kills, part in enumerate((events[:100], events[100:400]), start=1):
            head = await trio.to_thread.run_sync(writer.append, part)
            watched.projector.hint(head)
            await watched.until_folded(head - 50)
            os.kill(killed := watched.pid, signal.SIGKILL)
            await watched.until(lambda: watched.status.state == "retrying")
            assert "was killed by signal 9" in watched.status.detail
            await watched.until(lambda: board.states.count("restarting") == kills)  # noqa: B023 - waited for at once
            await watched.until(lambda: watched.pid not in {0, killed})
        head = await trio.to_thread.run_sync(writer.append, events[400:])
        watched.projector.hint(head)
        await watched.until_folded(head)
        last = watched.pid
    assert not is_alive(last)
    books = folded(database.service_url)
    assert len(books["fills"]) == 2 * 10 * ORDERS
    assert checkpoint(database.service_url) == head
    with connected(database.owner_url) as raw:
        for table in (*books, "account_comparisons", "unit_trellises", "account_calls", "editions", "instruments"):
            raw.execute(f"TRUNCATE recon_store.{table}")
        raw.execute("TRUNCATE recon_store.break_history, recon_store.observations")
    undisturbed = Watched("task", database.service_url, engine)
    async with running(undisturbed):
        await undisturbed.until_folded(head)
    assert folded(database.service_url) == books


@pytest.mark.parametrize(
    ("command", "how"),
    [(COMMAND, {"signal": 9}), ((sys.executable, "-c", "raise SystemExit(3)"), {"exit_status": 3})],
)
async def test_the_log_says_once_that_a_process_was_replaced_and_how_it_ended(
    database: TestDatabase, engine: Engine, command: tuple[str, ...], how: dict[str, int]
) -> None:
    head = Writer(database.service_url).append(new_events(1))
    watched = Watched("process", database.service_url, engine, command)

    def of(lines: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
        return [line for line in lines if line["event"] == "the projection's process was replaced"]

    with structlog.testing.capture_logs() as lines:
        async with supervised(watched):
            if command is COMMAND:
                await watched.until_folded(head)
                assert not of(lines), "the first one replaces none"
                os.kill(watched.pid, signal.SIGKILL)
            await watched.until(lambda: of(lines))
    first, *more = of(lines)
    assert first == {
        "event": first["event"], "log_level": "warning", "gateway": GATEWAY, "pid": first["pid"], **how,
    }  # fmt: skip
    assert command is not COMMAND or not more


async def test_a_process_that_hangs_is_killed_and_another_one_goes_on(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, events = Writer(database.service_url), new_events(2)
    watched = Watched("process", database.service_url, engine)
    async with supervised(watched):
        await watched.until_folded(writer.append(events[:5]))
        monkeypatch.setattr(remote, "HUNG_SECONDS", 10)
        monkeypatch.setattr(remote, "LOOK_SECONDS", 0.2)
        os.kill(hung := watched.pid, signal.SIGSTOP)
        head = await trio.to_thread.run_sync(writer.append, events[5:])
        watched.projector.hint(head)
        await watched.until(lambda: watched.status.state == "retrying")
        monkeypatch.undo()  # the next one has all the time to start
        assert "had not moved" in watched.status.detail
        assert not is_alive(hung)
        await watched.until_folded(head)


async def test_signals_that_stop_a_whole_service_leave_its_end_to_the_service(
    database: TestDatabase, engine: Engine
) -> None:
    writer, events = Writer(database.service_url), new_events(2)
    watched = Watched("process", database.service_url, engine)
    async with running(watched, fold=True):
        await watched.until_folded(writer.append(events[:5]))
        pid = watched.pid
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        head = await trio.to_thread.run_sync(writer.append, events[5:-2])
        watched.projector.hint(head)
        await watched.until_folded(head)
        assert watched.pid == pid
        head = await trio.to_thread.run_sync(writer.append, events[-2:])
    assert checkpoint(database.service_url) == head
    assert not is_alive(pid)


async def test_it_ends_when_its_service_is_gone(database: TestDatabase) -> None:
    process = await start()
    begin = Begin(GATEWAY, database.service_url, "info", [], first=True)
    await process.send(line_of(begin))
    with trio.fail_after(PATIENCE):
        while isinstance(report_of(await process.receive() or b""), Beat):
            pass
        await process.hang_up()
        while await process.receive() is not None:
            pass
        assert await process.end() == 0


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ((sys.executable, "-c", "print('hello')"), "do not understand each other"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended by itself with status 3"),
        (("/nowhere/python",), "cannot be started"),
    ],
)
async def test_a_process_that_is_none_of_ours_fails_its_part_and_is_ended(
    engine: Engine, command: tuple[str, ...], why: str
) -> None:
    watched = Watched("process", "postgresql://nobody@127.0.0.1:1/nothing", engine, command)
    with pytest.raises(ProjectionError, match=why), trio.fail_after(PATIENCE):
        await watched.projector.run()
    assert watched.pid == 0
    assert watched.status.state == "retrying"
