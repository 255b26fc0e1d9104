"""A service of alerts that is killed between any two transactions, receivers of every bad habit, and what they saw."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import trio
from sqlalchemy import Connection, Engine, text

from recon.alerts import signal_store
from recon.alerts.dispatcher import Dispatcher
from recon.alerts.message import Message
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Escalation, Limit, Policy, Reminders, Route
from recon.alerts.route import Desk
from recon.alerts.router import Router
from recon.alerts.signal import NewSignal
from recon.db.transactions import InlineDatabase
from recon.errors import DatabaseError, DeliveryError
from recon.service.alerting import measured
from recon.status import StatusReporter
from tests.support.alert_rows import Step

T = TypeVar("T")

OPS, DESK = "webhook:ops", "webhook:desk"
CHANNELS: Final = (OPS, DESK)
#: How long things happen, in virtual seconds; then receivers are well, and nothing kills the service.
BUSY_SECONDS: Final = 240.0
#: Longest until everything is delivered then, in virtual seconds.
CALM_SECONDS: Final = 7_200.0

CLEAN: Final = """
    DELETE FROM recon_store.signals; DELETE FROM recon_store.deliveries; DELETE FROM recon_store.channels;
    DELETE FROM recon_store.told_cases; DELETE FROM recon_store.policies; DELETE FROM recon_store.router_states;
    DELETE FROM recon_store.silences; UPDATE recon_store.router SET state = '', routed_at = NULL, due_at = NULL
"""


class Killed(Exception):
    """The process is gone."""


class MortalDatabase:
    """A database that is away, or goes away before or after a commit; or whose caller dies before or after it."""

    def __init__(self, engine: Engine, rng: random.Random, share: float) -> None:
        self._inner = InlineDatabase(engine)
        self._rng = rng
        self._share = share
        self._dead = False

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        await trio.lowlevel.checkpoint()
        fate = self._rng.random() / self._share if self._share else 9.0
        if self._dead or fate < 1:
            self._die()
        if fate < 2:
            raise away()
        if fate < 2.5:
            await self._roll_back(work, deadline)
        result = await self._inner.run(work, deadline=deadline)
        if fate < 3.5:
            self._die()
        if fate < 4.5:
            raise away()
        return result

    async def _roll_back(self, work: Callable[[Connection], T], deadline: float) -> None:
        """Do the work, and lose it: the server went away before the commit."""

        def undone(connection: Connection) -> None:
            work(connection)
            raise away()

        await self._inner.run(undone, deadline=deadline)

    def _die(self) -> None:
        self._dead = True
        raise Killed


def away() -> DatabaseError:
    error = DatabaseError("the server is restarting")
    error.transient = True
    return error


@dataclass
class BadReceiver:
    """A receiver that fails, stalls, asks for time, is gone, drops connections, or is down for a while."""

    rng: random.Random
    badness: float
    taken: list[Message] = field(default_factory=list)
    down_until: float = 0.0

    async def send(self, message: Message) -> None:
        await trio.sleep(self.rng.choice([0.0, 0.01, 0.2]))
        if trio.current_time() < self.down_until:
            raise DeliveryError("could not be reached")
        if self.rng.random() >= self.badness:
            self.taken.append(message)
            return
        habit = self.rng.choice(["500", "429", "410", "stall", "drop", "restart"])
        if habit == "stall":
            await trio.sleep(60)
        if habit == "drop":
            # It took the message, and the connection broke before its answer came.
            self.taken.append(message)
        if habit == "restart":
            self.down_until = trio.current_time() + self.rng.uniform(1, 30)
        error = DeliveryError(habit)
        error.retry_after = self.rng.uniform(0, 20) if habit == "429" else None
        error.gone = error.slow = habit == "410"
        raise error


class World:
    """One seeded run: what happens, who is told by which policy, and which incarnation of the service lives."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.engine = engine
        self.rng = random.Random(seed)
        self.start = datetime.now(UTC)
        self.receivers = {name: BadReceiver(self.rng, self.rng.choice([0.0, 0.3, 0.7])) for name in CHANNELS}
        self.script = script(self.rng)
        self.silenced = self.rng.random() < 0.3
        self.lives = 0
        self._told = 0
        with engine.begin() as connection:
            for statement in CLEAN.split(";"):
                connection.execute(text(statement))

    def now(self) -> datetime:
        return self.start + timedelta(seconds=trio.current_time())

    async def play(self) -> None:
        """Live and die until the script is over; then be well until everything is delivered."""
        while trio.current_time() < BUSY_SECONDS or self._told < len(self.script):
            with trio.move_on_at(BUSY_SECONDS) as busy:
                await self._live(MortalDatabase(self.engine, self.rng, self.rng.choice([0.0, 0.01, 0.04])))
            if busy.cancelled_caught and self._told == len(self.script):
                break
            if trio.current_time() >= BUSY_SECONDS:
                busy_no_more = MortalDatabase(self.engine, self.rng, 0.0)
                await self._live(busy_no_more, until=lambda: self._told == len(self.script))
        for receiver in self.receivers.values():
            receiver.badness = receiver.down_until = 0.0
        with trio.fail_after(CALM_SECONDS):
            await self._live(MortalDatabase(self.engine, self.rng, 0.0), until=self._is_over)

    async def _live(self, database: MortalDatabase, until: Callable[[], bool] = lambda: False) -> None:
        self.lives += 1
        try:
            async with trio.open_nursery() as nursery:
                dispatchers = [
                    Dispatcher(database, channel=name, sender=sender, now=self.now, draw=self.rng.random)
                    for name, sender in self.receivers.items()
                ]
                router = Router(
                    database,
                    Desk(decide, policy(self.rng), measured),
                    now=self.now,
                    on_queued=partial(_wake, dispatchers),
                    status=StatusReporter(self.now),
                )
                nursery.start_soon(router.run)
                for dispatcher in dispatchers:
                    nursery.start_soon(dispatcher.run)
                nursery.start_soon(self._act, router, dispatchers)
                await self._happen(database, router)
                # A table has no event to wait for.
                while not until():  # noqa: ASYNC110
                    await trio.sleep(5)
                nursery.cancel_scope.cancel()
        except* Killed:
            await trio.sleep(self.rng.choice([0.0, 1.0, 20.0]))

    async def _happen(self, database: MortalDatabase, router: Router) -> None:
        """Store each signal at its time, as the fold does: what is not known to be stored is stored again."""
        while self._told < len(self.script):
            at, signals = self.script[self._told]
            await trio.sleep(max(0.0, at - trio.current_time()))
            try:
                await database.run(partial(signal_store.append, signals=signals), deadline=5)
            except DatabaseError:
                await trio.sleep(0.5)
                continue
            self._told += 1
            router.wake()

    async def _act(self, router: Router, dispatchers: Iterable[Dispatcher]) -> None:
        """Have a person silence something once, and ask receivers that are gone."""
        while True:
            await trio.sleep(self.rng.uniform(20, 60))
            with self.engine.begin() as connection:
                connection.execute(text("SELECT recon_store.retry_deliveries(NULL, NULL)"))
                if self.silenced and trio.current_time() < BUSY_SECONDS / 2:
                    until = self.now() + timedelta(seconds=self.rng.uniform(30, 90))
                    connection.execute(
                        text("SELECT recon_store.silence(:until, 'we know', 'x', 'prod-eu', NULL, NULL, 'c1', NULL)"),
                        {"until": max(until, datetime.now(UTC) + timedelta(seconds=30))},
                    )
            router.wake()
            _wake(dispatchers)

    def _is_over(self) -> bool:
        open_ = "SELECT count(*) FROM recon.deliveries WHERE state <> 'delivered'"
        unrouted = "SELECT count(*) FROM recon.signals WHERE routed_at IS NULL"
        with self.engine.connect() as connection:
            return not connection.scalar(text(open_)) and not connection.scalar(text(unrouted))


def _wake(dispatchers: Iterable[Dispatcher]) -> None:
    for dispatcher in dispatchers:
        dispatcher.wake()


def policy(rng: random.Random) -> Policy:
    """One of some policies, each of which sends everything."""
    return Policy(
        channels=CHANNELS,
        routes=(Route("everything", (), send="page"),),
        reminders=rng.choice([Reminders(), Reminders((timedelta(seconds=40),), timedelta(seconds=90))]),
        escalations=rng.choice([(), (Escalation(timedelta(seconds=60), (DESK,)),)]),
        limits=rng.choice([(), (Limit((OPS,), 2, timedelta(seconds=60)),)]),
        group_wait=timedelta(seconds=rng.choice([0, 1])),
        burst=rng.choice([1, 5]),
    )


def script(rng: random.Random) -> list[tuple[float, Sequence[NewSignal]]]:
    """What happens, and when: some cases of some breaks, each with a life of its own."""
    found: list[tuple[float, Step]] = []
    for case in range(rng.randint(1, 4)):
        begins = rng.uniform(0, BUSY_SECONDS / 2)
        for leg in range(rng.randint(1, 3)):
            at, life = begins + leg * rng.uniform(0, 1.5), [("opened", 1)]
            life += rng.choice([[], [("caused", 1)], [("assign", 1)], [("caused", 1), ("assign", 1)]])
            life += rng.choice([[], [("cleared", 1)], [("cleared", 1), ("opened", 2), ("cleared", 2)]])
            for event, occurrences in life:
                amount = str(rng.randint(1, 50))
                step = Step(event, f"b{case}{leg}", f"c{case}", amount=amount, occurrences=occurrences, actor="alice")
                found.append((at, step))
                at += rng.choice([0.1, 5.0, rng.uniform(0, 100)])
    found.sort(key=lambda each: each[0])
    return [(at, [step.but(seq=100 + number).signal()]) for number, (at, step) in enumerate(found)]


def numbers_of(messages: Iterable[Message]) -> dict[tuple[str, str], list[int]]:
    """The numbers of each case's messages, in the order in which they were first taken."""
    seen: set[str] = set()
    numbers: dict[tuple[str, str], list[int]] = {}
    for message in messages:
        if message.id in seen:
            continue
        seen.add(message.id)
        data = json.loads(message.body)["data"]
        one = {"gateway": data["gateway"], "case_id": data["case_id"], "case_seq": data["case_seq"]}
        for case in data["cases"] or [one]:
            if case["case_id"] is not None:
                numbers.setdefault((case["gateway"], case["case_id"]), []).append(case["case_seq"])
    return numbers
