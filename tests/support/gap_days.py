"""Days with gaps on virtual time: the simulator, the real agent, the real fold, a log in memory.

Gaps cut a day of trading with clean messages into stretches. REST answers with the habits and troubles of its plan. At
the end the ledger is compared with the simulator's own books.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import trio
from trio.testing import MockClock

from recon.backfill.agent import BackfillAgent, RequestSender
from recon.config import rules_document
from recon.ems.credentials import Credentials
from recon.ems.protocol.session import Heartbeats, Session, Watchdog
from recon.ems.rest.client import RestBounds, open_rest_client
from recon.exact import exact
from recon.ledger.backfills import Backfill
from recon.ledger.units import REALISED, Unit
from recon.log import events
from recon.log.events import NewEvent
from recon.log.heartbeats import tick_payload
from recon.simulator.day import Gateway
from recon.simulator.gateway.outgoing import Outgoing
from recon.simulator.habits import CROSSING, Habits
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.rest.server import RestAnswer, RestApi
from recon.simulator.rest_habits import Arrays, Grouping, RestHabits, Trouble
from recon.simulator.scenarios import clean_plan
from recon.simulator.ticks import to_datetime
from recon.status import StatusReporter
from recon.testing import START, settings_of
from recon.times import microseconds
from tests.support.memory_log import MemoryLog
from tests.support.rest_transport import RestApiTransport

#: Seconds after the last gap and the end of trading, until backfill and comparison are complete.
TAIL_SECONDS: Final = 150.0
#: Seconds between the end of a gap and the next attempt to connect.
RECONNECT_SECONDS: Final = 0.5
#: No jitter, and no threads, because a virtual clock does not wait for threads.
BOUNDS: Final = RestBounds(jitter=0.0, thread_bytes=1 << 40)

#: Quantum of contracts' realised profit.
REALISED_QUANTUM: Final = Decimal("1e-8")

Kind = Literal["cut", "failover", "restart"]
GOOD: Final = RestHabits(latency=0.05)


class Gap(NamedTuple):
    """An outage from `at` for `lasts` seconds; a restart is announced, a failover continues as another process."""

    at: float
    lasts: float
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class GapDay:
    """The inputs of such a day; times in seconds."""

    seed: int
    gaps: tuple[Gap, ...]
    duration: float
    rate: float
    rest: RestHabits
    window: float = 5.0
    polled: float | None = None
    habits: Habits = CROSSING
    tail: float = TAIL_SECONDS
    #: Lead of our clock over the clocks of the EMS and the venue.
    skew: float = 0.0
    #: Interval of routine REST requests; 0: never.
    cross_check: float = 0.0

    def plan(self) -> Plan:
        plan = clean_plan(
            self.seed,
            duration=self.duration,
            fills_per_second=self.rate,
            polled=self.polled,
            habits=self.habits,
            settlement_window=self.window,
        )
        gateway = replace(plan.gateways[0], rest=self.rest)
        return replace(plan, gateways=(gateway,))


@dataclass
class Played:
    """The results of a day."""

    gateway: Gateway
    log: MemoryLog
    asked: list[str] = field(default_factory=list)

    def backfills(self) -> list[Backfill]:
        told = {(each.account, each.from_seq): each for each in self.log.book.changes.backfills}
        return list(told.values())

    def opened(self) -> list[tuple[str, str, Decimal]]:
        return [
            (each.account, each.unit, each.break_.amount)
            for each in self.log.fold.reconciler.transitions
            if each.event == "opened"
        ]


class _Player:
    """Advances a gateway with the virtual clock, and records its frames as the consumer does."""

    def __init__(self, day: GapDay, plan: GatewayPlan) -> None:
        self._day = day
        self.gateway = Gateway(plan, START)
        self._skew = timedelta(seconds=day.skew)
        self.log = MemoryLog(plan.name, START + self._skew)
        self._api = RestApi(self.gateway, plan.rest)
        self._heartbeats = Heartbeats()
        self._session: Session | None = None
        self._sessions = 0
        self._reconnect_at = 0.0
        self._last_tick = 0.0
        self._gaps = sorted(day.gaps)
        self.asked: list[str] = []

    @property
    def connected(self) -> bool:
        return self._session is not None

    def _at(self) -> float:
        return (self._ems_now() - START).total_seconds()

    def _ems_now(self) -> datetime:
        return self.log.now() - self._skew

    async def live(self, until: float) -> None:
        while (at := self._at()) < until:
            while self._gaps and self._gaps[0].at <= at:
                self._lose(self._gaps.pop(0))
            self.pump()
            if not self.connected and self.gateway.accepting and at >= self._reconnect_at:
                self._connect()
            await self._until_next(until)

    async def _until_next(self, until: float) -> None:
        times = [until, self._last_tick + self._tick_after()]
        times += [gap.at for gap in self._gaps[:1]]
        due = self.gateway.next_at()
        if self.connected and due is not None:
            times.append((due - START).total_seconds())
        elif not self.connected:
            times.append(max(self._reconnect_at, self._at() + RECONNECT_SECONDS))
        await trio.sleep(max(min(times) - self._at(), 0.000_01))

    def _tick_after(self) -> float:
        """Return the seconds between ticks: no whole ones, so that no other task wakes at the instant of a tick.

        Which of two tasks that are due at one instant runs first is random, and the log would be too.
        """
        return 1.000_37 if self.log.fold.reconciler.pending else 10.000_37

    def pump(self) -> None:
        """Advance the gateway to now and append its frames to the log."""
        for outgoing in self.gateway.advance(self._ems_now()):
            self._take(outgoing)
        if self._at() - self._last_tick >= self._tick_after():
            self._last_tick = self._at()
            self._append(events.TICK, tick_payload(self._heartbeats.take()))

    def _take(self, outgoing: Outgoing) -> None:
        if isinstance(outgoing.payload, bytes):
            if self._session is not None:
                at = (outgoing.at - START).total_seconds()
                self._record(self._session.frame(outgoing.payload, outgoing.at + self._skew, at))
        elif outgoing.payload.ends_connections and self._session is not None:
            end = self._session.closed(
                self.log.now(), url="ws://sim/", site=0, reason="disconnected", code=None, detail=""
            )
            self._record(end)
            self._session = None
            self._reconnect_at = self._at() + RECONNECT_SECONDS

    def _connect(self) -> None:
        self._sessions += 1
        name = f"session-{self._sessions}"
        self._session = Session(name, lambda payload: (payload, False), self._heartbeats, Watchdog(10.0, 0.0))
        self._record(self._session.opened(self.log.now(), url="ws://sim/", site=0))
        for frame in self.gateway.connect():
            self._record(self._session.frame(frame, self.log.now(), self._at()))

    def _lose(self, gap: Gap) -> None:
        if gap.kind == "restart":
            self.gateway.announce_stop()
        if gap.kind in {"failover", "restart"}:
            self.gateway.fail_over()
        self.gateway.cut(gap.lasts)

    def _record(self, record: object) -> None:
        if record is not None:
            self.log.append(
                NewEvent(
                    record.kind,  # type: ignore[attr-defined]
                    record.payload,  # type: ignore[attr-defined]
                    record.received_at,  # type: ignore[attr-defined]
                    record.account,  # type: ignore[attr-defined]
                    record.session,  # type: ignore[attr-defined]
                )
            )

    def _append(self, kind: str, payload: bytes) -> None:
        self.log.append(NewEvent(kind, payload, self.log.now()))

    def answer(self, method: str, target: str) -> RestAnswer:
        """Answer over REST from the gateway's present knowledge."""
        self.pump()
        self.asked.append(target)
        return self._api.answer(method, target)

    async def ask_where(self) -> AbstractAsyncContextManager[RequestSender] | None:
        if not self.connected:
            return None
        transport = RestApiTransport(self.answer)
        return open_rest_client("http://sim/", Credentials(), transport=transport, bounds=BOUNDS, now=self.log.now)


async def _play(day: GapDay, on_start: Callable[[Played], None]) -> Played:
    plan = day.plan()
    player = _Player(day, plan.gateways[0])
    played = Played(player.gateway, player.log, player.asked)
    on_start(played)
    numbers = iter(range(1, 1_000_000))
    recovery = BackfillAgent(
        plan.gateways[0].name,
        connect=player.ask_where,
        record=player.log.append,
        redact=lambda payload: (payload, False),
        now=player.log.now,
        log_time_us=player.log.now_us,
        new_id=lambda: f"run-{next(numbers)}",
        cross_check=timedelta(seconds=day.cross_check),
        status=StatusReporter(player.log.now),
    )
    player.log.on_progress = recovery.update
    document = dict(rules_document(settings_of(plan), plan.gateways[0].name))
    document["recovery"] = {
        "enabled": True,
        "history": True,
    }  # only the first answer shows whether there is an order log
    player.log.append(NewEvent(events.RULES, json.dumps(document).encode(), player.log.now()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recovery.run)
        await player.live(day.duration + day.tail)
        nursery.cancel_scope.cancel()
    return played


def play(day: GapDay, on_start: Callable[[Played], None] = lambda _: None) -> Played:
    """Play a whole day on its own virtual clock."""
    return trio.run(_play, day, on_start, clock=MockClock(autojump_threshold=0))


def problems(day: GapDay, played: Played) -> list[str]:
    """Compare our ledger with the simulator's books; return the unexpected differences as text."""
    found: list[str] = []
    marked = [each for each in played.backfills() if each.history == "not configured"]
    with exact():
        for name, venue in played.gateway.books().items():
            account = played.log.book.accounts[name]
            ours = {
                order.identity.exchange_order_id: order
                for order in played.log.book.orders.values()
                if order.account == name
            }
            unseen: set[str] = set()
            for order in venue.orders:
                known = ours.get(order.exchange_id)
                booked = known.reported.amount_filled if known is not None else Decimal(0)
                if booked == order.filled:
                    continue
                if day.rest.history or booked > order.filled:
                    found.append(f"{name}: order {order.client_id} filled {order.filled}, booked {booked}")
                unseen.add(order.client_id)
            if not day.rest.history:
                found += _unmarked(played, name, unseen, marked, day.window)
            if unseen:
                continue
            for code, amount in venue.balances.items():
                held = played.log.book.units.get((name, "asset", code))
                if held is not None and held.unit.unmodelled is None and not _same(played, held.unit, amount):
                    found.append(f"{name} {code}: holds {amount}, booked {held.unit.value}")
            for symbol, quantity in venue.positions.items():
                held = played.log.book.units.get((name, "contract", symbol))
                if held is not None and held.unit.value != quantity:
                    found.append(f"{name} {symbol}: holds {quantity}, booked {held.unit.value}")
            if account.coverage.state != "covered":
                found.append(f"{name} is {account.coverage.state}: {account.coverage.reason}")
    return found


def _same(played: Played, unit: Unit, amount: Decimal) -> bool:
    """True if a balance is booked exactly, apart from the venue's rounding of realised profit."""
    realised = sum(
        (each.account, each.unit, each.cause) == (unit.account, unit.code, REALISED) and each.amount != 0
        for each in played.log.book.changes.entries
    )
    return unit.value is not None and abs(unit.value - amount) <= realised * REALISED_QUANTUM


def _unmarked(played: Played, account: str, unseen: set[str], marked: list[Backfill], window: float) -> list[str]:
    """Return the unrecoverable orders outside every interval marked as incomplete."""
    # Messages under way at the last sign of life are lost too.
    under_way_us = int(window * 1_000_000)
    spans = [(each.from_us - under_way_us, each.until_us or 0) for each in marked if each.account == account]
    found = []
    order_log = played.gateway.accounts[account].order_log
    assert order_log is not None
    for name in sorted(unseen):
        last = order_log.last(name)
        assert last is not None
        times = [microseconds(to_datetime(at)) for _, at in last.report.history]
        if max(times) < microseconds(START):
            continue  # balances at the start of the day are the opening
        if not any(begin <= min(times) and max(times) <= end for begin, end in spans):
            found.append(f"{account}: order {name} is lost, and no stretch says so")
    return found


def random_day(seed: int, *, history: bool = True) -> GapDay:
    """Return a day drawn by its seed: gaps of 0.1 s to hours, restarts, failovers, REST troubles and odd shapes."""
    dice = random.Random(f"gap day {seed}")  # random days, not secrets
    long = dice.random() < 0.08
    gaps: list[Gap] = []
    at = dice.uniform(15.0, 25.0)
    for _ in range(dice.randint(1, 3)):
        lasts = dice.uniform(1800.0, 4 * 3600.0) if long and not gaps else 10 ** dice.uniform(-1.0, 1.5)
        gaps.append(Gap(at, lasts, dice.choice(("cut", "cut", "failover", "restart"))))
        at += lasts + dice.choice((dice.uniform(1.0, 8.0), dice.uniform(10.0, 40.0)))
    troubled = dice.random() < 0.6
    share = dice.uniform(0.02, 0.08) if troubled else 0.0
    rest = RestHabits(
        history=history,
        history_lag=dice.choice((0.0, 0.5, 2.0)),
        newest_first=dice.random() < 0.3,
        orders=dice.choice(tuple(Grouping)),
        arrays=dice.choice(tuple(Arrays)),
        side_as_number=dice.random() < 0.8,
        latency=dice.choice((0.02, 0.3)),
        troubles=dict.fromkeys(Trouble, share),
    )
    return GapDay(
        seed=seed,
        gaps=tuple(gaps),
        duration=at + 20.0,
        rate=dice.uniform(0.02, 0.05) if long else dice.choice((0.2, 0.5, 1.0)),
        rest=rest,
        window=dice.choice((1.0, 5.0)),
        polled=dice.choice((None, None, 1.0)),
        cross_check=dice.choice((0.0, 0.0, 7.0, 30.0)),
    )
