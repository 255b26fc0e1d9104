"""What a step fails on is refused in the log, and the rest of the gateway goes on: on real Postgres."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import msgspec
import psycopg
import pytest
import trio
from sqlalchemy import Connection, Engine, text
from structlog.testing import capture_logs

from recon.backoff import Backoff
from recon.db.transactions import Database, ThreadedDatabase
from recon.errors import DatabaseError, DeadlineExceeded, ProjectionError
from recon.ledger.observations import Observation
from recon.log import events
from recon.log.append import append
from recon.log.events import Event, NewEvent
from recon.log.submit import submit_decision
from recon.log.verify import verify
from recon.projection import checkpoint, editions, quarantine, working_set
from recon.projection import fold as folding
from recon.projection import projector as projectors
from recon.projection import rebuild as rebuilding
from recon.projection.fold import DecodedEvent, Fold
from recon.projection.projector import Projector
from recon.projection.rebuild import rebuild
from recon.projection.what_if import what_if
from recon.reconciliation import reconciler
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.reports import report_of
from recon.reconciliation.trellis.column import Report
from recon.service.signalling import tell
from recon.simulator.scenarios import demo_plan
from recon.status import Status, StatusReporter
from recon.testing import play
from recon.times import LogTime
from tests.conftest import TestDatabase
from tests.projection.conftest import Append
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: Seconds that a test waits for something that takes a moment.
PATIENCE = 150.0
#: The account whose event is poison, and another one of the same gateway.
HIT, OTHER = "KRAKEN/JOHN", "BINANCE"


#: The modules that know the version of the fold.
VERSIONED = (checkpoint, editions, quarantine, rebuilding, working_set)

T = TypeVar("T")

OPENED = """
    SELECT h.id, h.seq FROM recon.break_history AS h JOIN recon.breaks AS b USING (gateway, id)
    WHERE b.account = :account AND h.event = 'opened'
"""


class Day:
    """A day's log, its breaks without any poison, and the events of an account by kind."""

    def __init__(self) -> None:
        (gateway, fold, self.log), _ = play(demo_plan(3, 40.0))
        self.name = gateway.plan.name
        self.other_breaks = {
            (each.break_.id, each.seq)
            for each in fold.reconciler.transitions
            if each.account == OTHER and each.event == "opened"
        }
        assert self.other_breaks
        self.fills_of_hit = [fill.seq for fill in fold.ledger.changes.fills if fill.order.account == HIT]

    def seq(self, kind: str, account: str | None = HIT, number: int = 0) -> int:
        """Return the log position of an event of a kind."""
        return [event.seq for event in self.log if (event.kind, event.account) == (kind, account)][number]


@pytest.fixture(scope="module")
def day() -> Day:
    return Day()


Poison = Callable[[Sequence[int]], None]


def raising(monkeypatch: pytest.MonkeyPatch, how: Callable[[], None]) -> Poison:
    """Return a way to make the fold fail at some log positions."""
    apply = Fold._apply

    def put(positions: Sequence[int]) -> None:
        def failing(self: Fold, item: DecodedEvent, at: LogTime, previous_us: int) -> None:
            apply(self, item, at, previous_us)
            if at.seq in positions:
                how()

        monkeypatch.setattr(Fold, "_apply", failing)

    return put


def fail() -> None:
    raise ZeroDivisionError("secret-key 4711")


def hang() -> None:
    while True:
        pass


class Projection:
    """A projector with alerts, and what it said."""

    def __init__(self, database: Database, gateway: str) -> None:
        self.statuses: list[Status] = []
        self._changed = trio.Event()
        self.projector = Projector(
            database,
            gateway,
            on_transitions=tell,
            on_step=lambda _: self._changed.set(),
            status=StatusReporter(lambda: datetime.now(UTC), self._note),
            draw=lambda: 0.0,
        )

    def _note(self, status: Status) -> None:
        self.statuses.append(status)
        self._changed.set()

    async def until(self, true: Callable[[], object]) -> None:
        with trio.fail_after(PATIENCE):
            while not true():
                self._changed = trio.Event()
                # What another projector has done is told by nobody.
                with trio.move_on_after(0.05):
                    await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.projector.run)
            yield
            nursery.cancel_scope.cancel()


def rows(engine: Engine, query: str, **values: object) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]


def head(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT max(seq) FROM recon_store.log_events")) or 0)


async def fold_day(engine: Engine, day: Day) -> Projection:
    """Fold the log to its end with a projector of its own, refusals included."""
    projection = Projection(ThreadedDatabase(engine), day.name)
    async with projection.running():
        await projection.until(lambda: projection.projector.seq >= len(day.log))
        await projection.until(lambda: projection.projector.seq == head(engine))
    return projection


def refused_positions(engine: Engine) -> list[int]:
    query = "SELECT (payload ->> 'seq')::bigint FROM recon.events WHERE kind = 'event.refused' ORDER BY seq"
    return [int(str(seq)) for (seq,) in rows(engine, query)]


def assert_gone_on(engine: Engine, database: TestDatabase, day: Day, poisoned: Sequence[int]) -> None:
    """The gateway went on without the poisoned events, each is told once, and a rebuild comes to the same."""
    assert refused_positions(engine) == list(poisoned)
    found = rows(engine, "SELECT seq FROM recon.findings WHERE kind = 'event_refused' ORDER BY seq")
    assert [seq for (seq,) in found] == list(poisoned)
    opened = rows(engine, OPENED, account=OTHER)
    assert set(opened) == day.other_breaks
    told = "SELECT seq FROM recon.alerts WHERE event = 'event.refused' ORDER BY seq"
    assert [seq for (seq,) in rows(engine, told)] == list(poisoned)
    with engine.connect() as connection:
        verify(connection, day.name)
    alerts = rows(engine, "SELECT id FROM recon.alerts ORDER BY id")
    result = rebuild(database.service_url, day.name)
    assert (result.same, result.switched, result.events) == (True, True, head(engine))
    assert rows(engine, "SELECT id FROM recon.alerts ORDER BY id") == alerts
    assert refused_positions(engine) == list(poisoned)


def withheld(engine: Engine, account: str) -> list[object]:
    query = "SELECT unit FROM recon_store.units WHERE account = :account AND withheld ORDER BY unit"
    return [unit for (unit,) in rows(engine, query, account=account)]


@pytest.fixture
def logged(day: Day, append_events: Append) -> Day:
    append_events(day.name, day.log)
    return day


async def test_an_exception_of_the_fold_refuses_one_event(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = logged.seq("BALANCE_UPDATE", number=60)
    raising(monkeypatch, fail)([poisoned])
    projection = await fold_day(engine, logged)
    assert projection.statuses[-1].state == "following"
    ((message, account),) = rows(engine, "SELECT message, account FROM recon.findings WHERE kind = 'event_refused'")
    assert account == HIT
    assert "ZeroDivisionError" in str(message)
    assert "4711" not in str(message)
    assert withheld(engine, HIT)
    assert not withheld(engine, OTHER)
    assert_gone_on(engine, database, logged, [poisoned])


async def test_a_row_that_the_database_refuses_refuses_its_event(
    database: TestDatabase, engine: Engine, logged: Day
) -> None:
    poisoned = logged.fills_of_hit[10]
    with connected(database.owner_url) as raw:
        raw.execute(f"ALTER TABLE recon_store.fills ADD CONSTRAINT no_poison CHECK (seq <> {poisoned})")
    with capture_logs() as told:
        await fold_day(engine, logged)
    ((message,),) = rows(engine, "SELECT message FROM recon.findings WHERE kind = 'event_refused'")
    assert "rule no_poison" in str(message)
    (logged_once,) = [line for line in told if line["event"] == "an event is refused"]
    assert logged_once["exc_info"] is None  # it would hold the row, and nothing of recon is at fault
    assert "violates" not in str(message)
    assert withheld(engine, HIT)
    assert_gone_on(engine, database, logged, [poisoned])


async def test_an_event_that_never_ends_is_refused(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(projectors, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(quarantine, "EVENT_SECONDS", 0.5)
    monkeypatch.setattr(quarantine, "LONE_FOLD_SECONDS", 1.0)
    monkeypatch.setattr(quarantine, "COMPUTE_SECONDS", 0.1)
    poisoned = logged.seq("BALANCE_UPDATE", number=60)
    raising(monkeypatch, hang)([poisoned])
    projection = await fold_day(engine, logged)
    slow = [status.detail for status in projection.statuses if status.state == "slow"]
    assert any(f"at event {poisoned}" in detail for detail in slow)
    assert projection.statuses[-1].state == "following"
    assert_gone_on(engine, database, logged, [poisoned])


async def test_a_defect_in_comparing_one_unit_sets_it_aside_and_refuses_no_event(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time alone asks for this work again at each later event, of whatever account."""

    def defective(context: ComparisonContext, observation: Observation) -> Report:
        if context.unit.account == HIT:
            raise ZeroDivisionError
        return report_of(context, observation)

    monkeypatch.setattr(reconciler, "report_of", defective)
    await fold_day(engine, logged)
    found = rows(engine, "SELECT account, about FROM recon.findings WHERE kind = 'comparison_failed' ORDER BY about")
    assert found
    assert found == [(HIT, unit) for unit in withheld(engine, HIT)]
    assert not withheld(engine, OTHER)
    assert_gone_on(engine, database, logged, [])


async def test_several_bad_events_of_one_page(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = [logged.seq("BALANCE_UPDATE", HIT, number) for number in (10, 11, 80)]
    raising(monkeypatch, fail)(poisoned)
    await fold_day(engine, logged)
    assert_gone_on(engine, database, logged, poisoned)


@pytest.mark.parametrize("kind", ["rules", "session.opened", "tick"])
async def test_the_first_and_the_last_event_and_those_of_the_whole_gateway(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    poisoned = sorted({logged.seq(kind, None, -1), 1, len(logged.log)})
    raising(monkeypatch, fail)(poisoned)
    await fold_day(engine, logged)
    assert refused_positions(engine) == poisoned
    assert rebuild(database.service_url, logged.name).same
    if kind == "tick":
        assert withheld(engine, HIT)
        assert withheld(engine, OTHER)


async def test_a_restart_in_the_middle_refuses_nothing_twice(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = [logged.seq("BALANCE_UPDATE", HIT, number) for number in (20, 90)]
    raising(monkeypatch, fail)(poisoned)
    for stop in (poisoned[0] - 1, poisoned[0], poisoned[1] - 1):
        projection = Projection(ThreadedDatabase(engine), logged.name)
        monkeypatch.setattr(quarantine, "PAGE_EVENTS", 7)
        async with projection.running():
            await projection.until(lambda: projection.projector.seq >= stop)  # noqa: B023 - awaited in this round
    await fold_day(engine, logged)
    assert_gone_on(engine, database, logged, poisoned)


async def test_two_projectors_refuse_an_event_once(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = [logged.seq("BALANCE_UPDATE", HIT, number) for number in (20, 90)]
    raising(monkeypatch, fail)(poisoned)
    one, other = (Projection(ThreadedDatabase(engine), logged.name) for _ in range(2))
    async with one.running(), other.running():
        await one.until(lambda: one.projector.seq == other.projector.seq == len(logged.log) + 2)
    assert_gone_on(engine, database, logged, poisoned)


class Interrupted:
    """A database whose transactions are undone at first, as by a lost connection or a missed deadline."""

    def __init__(self, database: Database, failures: list[DatabaseError]) -> None:
        self._database = database
        self.failures = failures

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        def fails(connection: Connection) -> T:
            work(connection)
            raise self.failures.pop()

        return await self._database.run(fails if self.failures else work, deadline=deadline)


def passing() -> DatabaseError:
    error = DatabaseError("the connection was cut")
    error.transient = True
    return error


@pytest.mark.parametrize("failure", [passing, lambda: DeadlineExceeded("a transaction took longer than its 30 s")])
async def test_a_passing_failure_of_the_database_refuses_nothing(
    engine: Engine, logged: Day, failure: Callable[[], DatabaseError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the deadline is missed again and again, down to one event alone."""
    monkeypatch.setattr(projectors, "LAST_PAUSE_SECONDS", projectors.FIRST_PAUSE_SECONDS)
    database = Interrupted(ThreadedDatabase(engine), [failure() for _ in range(11)])
    projection = Projection(database, logged.name)
    async with projection.running():
        await projection.until(lambda: projection.projector.seq == len(logged.log))
    assert not database.failures
    assert refused_positions(engine) == []
    assert "retrying" in [status.state for status in projection.statuses]


async def test_what_fails_without_the_event_too_refuses_nothing(
    database: TestDatabase, engine: Engine, logged: Day
) -> None:
    """A table that takes nothing at all is no event's doing."""
    with connected(database.owner_url) as raw:
        raw.execute("ALTER TABLE recon_store.editions ADD CONSTRAINT stands_still CHECK (seq < 100)")
    projection = Projection(ThreadedDatabase(engine), logged.name)
    with pytest.raises(DatabaseError, match="stands_still"):
        await projection.projector.run()
    assert projection.projector.seq == 99
    assert refused_positions(engine) == []


async def test_a_stop_ends_an_event_under_way(engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()

    def hanging() -> None:
        begun.set()
        hang()

    raising(monkeypatch, hanging)([200])
    projection = Projection(ThreadedDatabase(engine), logged.name)
    with trio.fail_after(PATIENCE):
        async with projection.running():
            await projection.until(begun.is_set)
    with trio.move_on_after(0.5):
        await projection.projector.finish()
    assert refused_positions(engine) == []


async def test_a_defect_that_fails_on_every_event_is_paced_and_said(
    engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "FREE_REFUSALS", 3)
    pauses: list[float] = []

    class Paced(Backoff):
        def next(self) -> float:
            pauses.append(super().next())
            return 0.0

    monkeypatch.setattr(quarantine, "Backoff", Paced)
    poisoned = range(100, 110)
    raising(monkeypatch, fail)(poisoned)
    projection = await fold_day(engine, logged)
    assert refused_positions(engine) == list(poisoned)
    assert len(pauses) == len(poisoned) - 3
    assert pauses == sorted(pauses)
    refusing = [status.detail for status in projection.statuses if status.state == "refusing"]
    assert any("please report this" in detail for detail in refusing)
    assert projection.statuses[-1].state == "following"


async def test_a_later_version_of_the_fold_folds_what_an_earlier_one_refused(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = logged.seq("BALANCE_UPDATE", number=60)
    with monkeypatch.context() as broken:
        raising(broken, fail)([poisoned])
        await fold_day(engine, logged)
    for module in VERSIONED:
        monkeypatch.setattr(module, "VERSION", folding.VERSION + 1)
    result = rebuild(database.service_url, logged.name)
    assert (result.same, result.switched) == (False, True)
    assert rows(engine, "SELECT seq FROM recon.findings WHERE kind = 'event_refused'") == []
    assert not withheld(engine, HIT)


async def test_a_rebuild_by_a_later_version_refuses_for_itself(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fold_day(engine, logged)
    for module in VERSIONED:
        monkeypatch.setattr(module, "VERSION", folding.VERSION + 1)
    poisoned = [logged.seq("BALANCE_UPDATE", HIT, number) for number in (60, -1)]
    raising(monkeypatch, fail)(poisoned)
    result = rebuild(database.service_url, logged.name)
    assert (result.same, result.switched) == (False, True)
    assert refused_positions(engine) == poisoned
    assert rows(engine, "SELECT count(*) FROM recon.alerts WHERE event = 'event.refused'") == [(0,)]
    assert rebuild(database.service_url, logged.name).switched


async def test_the_same_version_does_not_refuse_what_it_has_folded(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fold_day(engine, logged)
    raising(monkeypatch, fail)([300])
    with pytest.raises(ProjectionError, match=r"event 300 .* cannot be folded again"):
        rebuild(database.service_url, logged.name)
    assert refused_positions(engine) == []


async def test_a_question_refuses_for_its_answer_only(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fold_day(engine, logged)
    raising(monkeypatch, fail)([300])
    report = what_if(database.service_url, logged.name, b"{}")
    assert report.seq == len(logged.log)
    assert refused_positions(engine) == []


async def test_a_decision_and_an_answer_over_rest_that_cannot_be_folded(
    database: TestDatabase, engine: Engine, logged: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = logged.log[-1]
    answer = msgspec.structs.replace(last, kind=events.REST_ANSWER, account=HIT, payload=b"{}", session=None)
    with connected(database.service_url) as raw:
        for batch, append_one in enumerate((append_answer, append_decision), start=1):
            append_one(raw, logged.name, batch, answer)
    poisoned = [last.seq + 1, last.seq + 2]
    raising(monkeypatch, fail)(poisoned)
    await fold_day(engine, logged)
    assert not withheld(engine, HIT), "nothing that the accounts hold was in them"
    assert_gone_on(engine, database, logged, poisoned)


WRITER = UUID(int=9)


def append_answer(raw: psycopg.Connection, gateway: str, batch: int, event: Event) -> None:
    new = NewEvent(event.kind, event.payload, event.received_at, event.account)
    append(raw, gateway=gateway, writer=WRITER, batch=batch, now=event.recorded_at, events=[new])


def append_decision(raw: psycopg.Connection, gateway: str, batch: int, event: Event) -> None:
    submit_decision(
        raw,
        gateway=gateway,
        writer=WRITER,
        batch=batch,
        now=event.recorded_at,
        kind=events.DECISION,
        payloads=[b'{"action":"comment","break_id":"none","text":"a remark"}'],
        accounts=[HIT],
        name="alice",
    )
