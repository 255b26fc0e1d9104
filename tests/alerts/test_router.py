"""Routing on a real Postgres: one transaction, one instance at a time, at its time; a storm; and what is removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import trio
from sqlalchemy import Engine, text
from trio.testing import MockClock

from recon.alerts import delivery_store, router, signal_store
from recon.alerts.message import MAX_MESSAGE_BYTES
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Limit, Policy, Reminders, Route
from recon.alerts.prune import KEEP, MAX_ROWS, prune
from recon.alerts.route import MAX_SIGNALS, Desk, Memory, Routed, route
from recon.alerts.router import Router
from recon.db.engine import create_engine
from recon.db.transactions import Database, InlineDatabase
from recon.errors import DatabaseError
from recon.service.alerting import measured
from recon.status import StatusReporter
from tests.alerts.test_take import faulty
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, Step

OPS, DESK_CHANNEL = "webhook:ops", "webhook:desk"
EVERYTHING = (Route("everything", (), send="page"),)
AT_ONCE = Policy((OPS,), EVERYTHING, group_wait=timedelta())
LATER = T0 + timedelta(minutes=1)


def desk(policy: Policy = AT_ONCE) -> Desk:
    return Desk(decide, policy, measured)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def tell(engine: Engine, *steps: Step, gateway: str = GATEWAY) -> None:
    with engine.begin() as connection:
        signal_store.append(connection, [step.signal(gateway) for step in steps])


def routed(engine: Engine, at: datetime = T0, by: Desk | None = None) -> Routed:
    with engine.begin() as connection:
        return route(connection, by or desk(), at)


def query(engine: Engine, statement: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


@pytest.mark.postgres
def test_a_routing_is_one_transaction(engine: Engine) -> None:
    tell(engine, Step(), Step(break_id="b2", case_id="c2", seq=130))
    with engine.connect() as connection:
        assert route(connection, desk(), T0).messages == 2
        connection.rollback()
    assert query(engine, "SELECT count(*) FROM recon.deliveries") == [(0,)]
    assert routed(engine) == Routed(2, 2, None, more=False)
    assert routed(engine) == Routed(0, 0, None, more=False)
    assert query(engine, "SELECT case_id, case_seq, kind, event, state FROM recon.deliveries ORDER BY case_id") == [
        ("c1", 1, "firing", "break.opened", "waiting"),
        ("c2", 1, "firing", "break.opened", "waiting"),
    ]
    tell(engine, Step(event="cleared", seq=150))
    assert routed(engine).messages == 1
    assert query(engine, "SELECT case_seq FROM recon.deliveries WHERE kind = 'recovery'") == [(2,)]
    moments = query(engine, "SELECT DISTINCT routed_at FROM recon.signals")
    assert len(moments) == 2, "a routing is later than the former one, whatever the clock shows"


@pytest.mark.postgres
def test_instances_that_route_at_once_route_once(engine: Engine) -> None:
    tell(engine, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n) for n in range(1, 21)])
    done: list[Routed] = []
    threads = [threading.Thread(target=lambda: done.append(routed(engine))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.signals for each in done) == [0, 0, 0, 20]


def routed_by(engine: Engine, memory: Memory, at: datetime, by: Desk | None = None, *, commit: bool = True) -> Routed:
    with engine.connect() as connection, connection.begin() as transaction:
        done = route(connection, by or desk(), at, memory)
        if commit:
            transaction.commit()
            memory.keep()
        else:
            transaction.rollback()
    return done


@pytest.mark.postgres
def test_what_is_at_hand_counts_only_if_nobody_else_routed_since(engine: Engine) -> None:
    memory = Memory()
    other = Step(break_id="b2", case_id="c2", seq=130)
    tell(engine, Step())
    assert routed_by(engine, memory, T0).messages == 1
    tell(engine, other)
    assert routed(engine, LATER).messages == 1, "another instance tells of another case"
    tell(engine, other.but(event="cleared", seq=140))
    assert routed_by(engine, memory, LATER).messages == 1, "that it began is known, though we did not tell it"
    tell(engine, Step(event="cleared", seq=150))
    for commit in (False, True):
        done = routed_by(engine, memory, LATER, commit=commit)
        assert done.messages == 1, "what was rolled back left nothing at hand"
    tell(engine, Step(occurrences=2, seq=160), other.but(break_id="b2", occurrences=2, seq=170))
    assert routed_by(engine, memory, LATER, Desk(faulty, AT_ONCE, measured)).messages == 2
    found = query(engine, "SELECT case_id, kind, case_seq FROM recon.deliveries ORDER BY case_id, case_seq")
    assert found == [
        ("c1", "firing", 1), ("c1", "recovery", 2), ("c1", "firing", 3),
        ("c2", "firing", 1), ("c2", "recovery", 2), ("c2", "notice", 3),
    ]  # fmt: skip


@pytest.mark.postgres
def test_each_policy_is_stored_with_when_it_came_into_force(engine: Engine) -> None:
    other = Policy((OPS,), EVERYTHING, burst=7)
    for policy, at in ((AT_ONCE, T0), (AT_ONCE, LATER), (other, LATER)):
        routed(engine, at, desk(policy))
    found = query(engine, "SELECT since, until, (document ->> 'burst')::integer FROM recon.policies ORDER BY since")
    assert found == [(T0, LATER, 5), (LATER, None, 7)]


@pytest.mark.postgres
def test_a_message_names_the_precision_of_its_causes(engine: Engine) -> None:
    step = Step()
    with engine.begin() as connection:
        signal_store.append(connection, [step.signal()])
        connection.execute(text("UPDATE recon_store.signals SET cause = 'missed_fill'"))
    routed(engine)
    ((body,),) = query(engine, "SELECT body FROM recon.deliveries")
    assert isinstance(body, dict)
    assert body["data"]["precision"] == {"missed_fill": "right 200 times of 200"}
    assert (body["data"]["kind"], body["data"]["case_seq"], body["data"]["more"]) == ("firing", 1, None)


class Watched:
    """A router in virtual time, and when it queued something."""

    def __init__(self, database: Database, policy: Policy = AT_ONCE) -> None:
        self.queued: list[float] = []
        self.status = StatusReporter(self._now)
        self.router = Router(
            database, desk(policy), now=self._now, on_queued=lambda: self.queued.append(trio.current_time()),
            status=self.status,
        )  # fmt: skip

    @staticmethod
    def _now() -> datetime:
        return T0 + timedelta(seconds=trio.current_time())


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_router_routes_at_once_when_woken_and_by_itself_at_its_time(
    engine: Engine, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router, "POLL_SECONDS", 1000.0)
    waits = Policy((OPS,), EVERYTHING, reminders=Reminders((timedelta(seconds=100),)), group_wait=timedelta(seconds=2))
    watched = Watched(InlineDatabase(engine), waits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.router.run)
        await trio.sleep(5)
        tell(engine, Step())
        watched.router.wake()
        await trio.sleep(200)
        nursery.cancel_scope.cancel()
    assert [round(at, 2) for at in watched.queued] == [7.0, 107.0], "its case, and the reminder with its own wait"


class Failing:
    """A database that is away some times, and then refuses."""

    def __init__(self, inner: Database, errors: list[DatabaseError]) -> None:
        self._inner = inner
        self._errors = errors

    async def run(self, work: Callable[..., object], *, deadline: float) -> object:
        await trio.lowlevel.checkpoint()
        if self._errors:
            raise self._errors.pop(0)
        return await self._inner.run(work, deadline=deadline)


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_database_that_is_away_is_waited_for_and_one_that_refuses_ends_the_task(
    engine: Engine, autojump_clock: MockClock
) -> None:
    away = DatabaseError("the server is restarting")
    away.transient = True
    tell(engine, Step())
    watched = Watched(Failing(InlineDatabase(engine), [away, away]))  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.router.run)
        await trio.sleep(0.5)
        assert watched.status.state == "retrying"
        await trio.sleep(2.5)
        nursery.cancel_scope.cancel()
    assert (watched.queued, watched.status.state) == ([2.0], "routing")
    refusing = Watched(Failing(InlineDatabase(engine), [DatabaseError("permission denied")]))  # type: ignore[arg-type]
    with pytest.raises(DatabaseError, match="permission denied"):
        await refusing.router.run()


@pytest.mark.postgres
def test_a_storm_stays_within_the_bounds_of_the_policy(engine: Engine) -> None:
    storm = 5_000
    limit = Limit((OPS, DESK_CHANNEL), 10, timedelta(minutes=10))
    calm = desk(Policy((OPS, DESK_CHANNEL), EVERYTHING, limits=(limit,)))
    for part in range(50):
        numbers = range(part * 100, part * 100 + 100)
        tell(engine, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n) for n in numbers])
        routed(engine, T0 + timedelta(seconds=2 * part), calm)
    tell(engine, *[Step(break_id=f"d{n}", case_id=f"d{n}", seq=n) for n in range(MAX_SIGNALS + 1)], gateway="prod-us")
    assert routed(engine, T0 + timedelta(minutes=2), calm).more
    assert not routed(engine, T0 + timedelta(minutes=2), calm).more
    for minute in range(3, 40):
        routed(engine, T0 + timedelta(minutes=minute), calm)
    messages = query(engine, "SELECT channel, count(*), max(octet_length(body::text)) FROM recon.deliveries GROUP BY 1")
    assert [channel for channel, _, _ in sorted(messages)] == [DESK_CHANNEL, OPS]
    for _, count, largest in messages:
        assert isinstance(count, int)
        assert isinstance(largest, int)
        assert count <= 25
        assert largest <= MAX_MESSAGE_BYTES
    told = query(engine, "SELECT count(DISTINCT s) FROM recon.deliveries AS d, unnest(d.signals) AS s")
    assert told == [(storm + MAX_SIGNALS + 1,)], "and each is told"


@pytest.mark.postgres
def test_what_was_told_long_ago_is_removed_a_little_at_a_time(engine: Engine) -> None:
    tell(engine, Step(), Step(event="cleared", seq=150), Step(break_id="b2", case_id="c2", seq=160))
    routed(engine)
    with engine.begin() as connection:
        for _ in range(3):
            message = delivery_store.claim(connection, channel=OPS, now=T0).message
            if message is not None and message.case_id == "c1":
                delivery_store.mark_delivered(connection, message, now=T0)
            elif message is not None:
                lost = delivery_store.Failure("answered 404", None)
                delivery_store.mark_failed(connection, message, lost, now=T0, draw=lambda: 0.0)
        connection.execute(text("UPDATE recon_store.signals SET routed_at = :at"), {"at": T0})
    with engine.begin() as connection:
        assert not prune(connection, T0 + KEEP - timedelta(hours=1))
    assert query(engine, "SELECT count(*) FROM recon.signals") == [(3,)]
    with engine.begin() as connection:
        assert not prune(connection, T0 + KEEP + timedelta(hours=1))
    assert query(engine, "SELECT subject, kind FROM recon.signals ORDER BY number") == [("b1", "ends"), ("b2", "fires")]
    left = query(engine, "SELECT case_id, state FROM recon.deliveries")
    assert left == [("c2", "failed")], "what was given up is kept"
    with engine.begin() as connection:
        assert not prune(connection, T0 + 2 * KEEP + timedelta(hours=1))
    assert query(engine, "SELECT subject FROM recon.signals") == [("b2",)], "it fires on"


@pytest.mark.postgres
def test_a_pass_removes_a_bounded_number(engine: Engine) -> None:
    tell(engine, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n) for n in range(MAX_ROWS + 5)])
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.signals SET routed_at = :at, kind = 'tells'"), {"at": T0})
    for left in (5, 0):
        with engine.begin() as connection:
            assert prune(connection, T0 + 3 * KEEP) is (left > 0)
        assert query(engine, "SELECT count(*) FROM recon.signals") == [(left,)]
