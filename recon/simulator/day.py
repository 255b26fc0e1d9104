"""A gateway's day as a state machine driven by simulated time, and its replay without sockets.

`Gateway.advance` returns the messages and connection changes up to a time. `connect` returns the snapshots of a new
connection. Without a client messages are dropped, and fills go on: a reconnect is the only resynchronisation (protocol
3). The same plan, start and calls give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from recon.errors import SimulationError
from recon.exact import exact
from recon.simulator.event_queue import EventQueue
from recon.simulator.fault import Fault, FaultKind, PlantedFault
from recon.simulator.faults.inject_trading import inject
from recon.simulator.faults.recording import TruthRecorder
from recon.simulator.gateway.account import Account
from recon.simulator.gateway.order_log import OrderLog
from recon.simulator.gateway.outgoing import Control, ControlKind, Outgoing
from recon.simulator.gateway.wire import Process
from recon.simulator.plan import GatewayPlan
from recon.simulator.rng import guid, stream
from recon.simulator.ticks import from_datetime, ticks, to_datetime
from recon.simulator.venue.ledger import Entry
from recon.simulator.venue.trader import Trader
from recon.simulator.venue.venue_books import VenueBooks

_HEARTBEAT_SECONDS: Final = 1.0
#: Ordinary trading resumes this long after all clients have reconnected ...
_REST_AFTER_OUTAGE_SECONDS: Final = 0.6
#: ... and after this long if no client reconnects.
_MAX_REST_SECONDS: Final = 30.0
#: A pause of contracts at the start of the day begins this long before it.
_REST_BEFORE_DAY_SECONDS: Final = 1.0
#: Every unit is reported once more this long after the end of the day.
_LAST_POLL_SECONDS: Final = 0.8

#: Hides fills that clients miss outside any planted outage.
_AWAY: Final = Fault(kind=FaultKind.MISSED_WHILE_AWAY, after=0.0)


class Gateway:
    """One gateway's day from `started_at`; planted faults go to `truth` and to `on_planted`."""

    def __init__(
        self,
        plan: GatewayPlan,
        started_at: datetime,
        on_planted: Callable[[PlantedFault], None] | None = None,
    ) -> None:
        self.plan = plan
        self.starts_at = from_datetime(started_at)
        self.ends_at = self.starts_at + ticks(plan.duration)
        self.queue = EventQueue(self.starts_at - ticks(plan.warm_up))
        self._dice = stream(plan.seed, plan.name, "gateway")
        self._server = f"SIM-{plan.name.upper()}"
        self.process = self._new_process()
        self._out: list[Outgoing] = []
        self._listeners = 0
        self._connections = 0
        self._failures = 0
        self._shut = False
        self._cuts = 0
        self._timed_cuts = 0
        self.muted = False
        self._leaving = False
        self._rest_from: int | None = None
        self._rest_until = 0
        self._outage = _AWAY
        self.accounts: Mapping[str, Account] = {
            each.account: Account(each, plan.seed, plan.name, self, None if plan.rest is None else OrderLog())
            for each in plan.accounts
        }
        self._truth_recorder = TruthRecorder(plan, self.queue, self.accounts, on_planted)
        self.truth = self._truth_recorder.truth
        with exact():
            self._prepare()
            self.queue.run_until(self.starts_at)

    @property
    def accepting(self) -> bool:
        """True if the gateway accepts clients."""
        return not (self._shut or self._cuts or self._timed_cuts)

    def _prepare(self) -> None:
        for account in self.accounts.values():
            account.begin()
            if self.plan.contracts_rest:
                begins, ends = (
                    self.starts_at - ticks(_REST_BEFORE_DAY_SECONDS),
                    self.starts_at + ticks(self.plan.contracts_rest),
                )
                self.queue.at(begins, partial(account.pause_contracts, ends))
            seed = (self.plan.seed, self.plan.name)
            Trader(
                account.plan,
                account.market,
                self.queue,
                seed,
                is_paused=account.is_paused,
                starts_at=self.starts_at,
                ends_at=self.ends_at,
            )
            for after, script in account.plan.scripted:
                self.queue.at(self.starts_at + ticks(after), partial(account.market.place, script))
            phase = ticks(self._dice.uniform(0, _HEARTBEAT_SECONDS))
            self.queue.at(self.starts_at + phase, partial(self._heartbeat, account))
            if account.plan.appears_after:
                self.queue.at(self.starts_at + ticks(account.plan.appears_after), partial(self._appear, account))
        for fault in self.plan.faults:
            inject(self, fault, self.starts_at + ticks(fault.after))
        self.queue.at(self.ends_at, self._end)

    def _new_process(self) -> Process:
        return Process(guid(self._dice), self.queue.now, self._server)

    def _heartbeat(self, account: Account) -> None:
        for _ in range(account.plan.habits.heartbeats if account.is_present else 0):
            self.send(account.heartbeat(running=not self._leaving))
        self.queue.after(ticks(_HEARTBEAT_SECONDS), partial(self._heartbeat, account))

    def _appear(self, account: Account) -> None:
        """Report an account that exists from now on to all clients; its earlier changes are part of its opening."""
        account.missed.clear()
        for frame in account.snapshots(stream(self.plan.seed, self.plan.name, "appears", account.name), first=False):
            self.send(frame)

    def _end(self) -> None:
        for account in self.accounts.values():
            account.market.cancel_all()
            self.queue.after(ticks(_LAST_POLL_SECONDS), partial(account.observe, account.units(), again=True))

    # Operations for the accounts and the faults.

    def send(self, payload: bytes) -> bool:
        """Send to all clients. True if there are any."""
        if not self._listeners or self.muted:
            return False
        self._out.append(Outgoing(to_datetime(self.queue.now), payload))
        return True

    def trading_paused(self) -> bool:
        """True while ordinary trading is paused around an outage."""
        now = self.queue.now
        if self._rest_from is None or now < self._rest_from:
            return False
        if now >= self._rest_from + ticks(_MAX_REST_SECONDS):
            return False
        return now < self._rest_until or not self._listeners

    def pause_trading(self, begin: int) -> None:
        """Pause ordinary trading from a time on, until all clients have reconnected."""
        self._rest_from = begin
        self._rest_until = begin + ticks(_MAX_REST_SECONDS)

    def _resume_trading_soon(self) -> None:
        if self._rest_from is not None:
            self._rest_until = self.queue.now + ticks(_REST_AFTER_OUTAGE_SECONDS)

    def control(self, kind: ControlKind, reason: str) -> None:
        """Add a control action on the connections."""
        self._out.append(Outgoing(to_datetime(self.queue.now), Control(kind, reason)))

    def announce_stop(self) -> None:
        """Announce for every account that the process stops."""
        self._leaving = True
        for account in self.accounts.values():
            if account.is_present:
                self.send(account.heartbeat(running=False))

    def shut(self, fault: Fault, kind: ControlKind) -> None:
        """End every connection, and accept none until the fault is over."""
        self._outage = fault
        self._end_connections(kind, fault.kind.value)
        self._shut = True
        self.queue.after(ticks(fault.lasts), self._reopen)

    def _reopen(self) -> None:
        self._shut = False
        self._leaving = False
        if self._outage.kind is FaultKind.RESTART:
            self.process = self._new_process()
        self._open(self._outage.kind.value)

    def _end_connections(self, kind: ControlKind, reason: str) -> None:
        self.control(kind, reason)
        self._listeners = 0

    def _open(self, reason: str) -> None:
        if self.accepting:
            self.control(ControlKind.OPEN, reason)

    def mute(self, fault: Fault) -> None:
        """Send nothing until the fault is over."""
        self._outage = fault
        self.control(ControlKind.STALL, fault.kind.value)
        self.muted = True
        self.queue.after(ticks(fault.lasts), self._unmute)

    def _unmute(self) -> None:
        self.muted = False
        self.control(ControlKind.RESUME, self._outage.kind.value)
        for account in self.accounts.values():
            account.observe(account.units(), again=True)
        if self._listeners:
            self._resume_trading_soon()
            self._settle_missed()

    def planted(
        self,
        fault: Fault,
        account: str,
        entries: Iterable[Entry],
        *,
        at: int | None = None,
        ends_at: int | None = None,
    ) -> None:
        """Record the entries that a fault hides or changes, now or earlier, and report its units again."""
        self._truth_recorder.planted(fault, account, entries, at=at, ends_at=ends_at)

    def benign(self, fault: Fault) -> None:
        """Record a fault that must not be flagged."""
        self._truth_recorder.benign(fault)

    def _settle_missed(self) -> None:
        self._truth_recorder.missed(self._outage)
        self._outage = _AWAY

    # Operations for the driver of the simulation.

    def advance(self, to: datetime) -> list[Outgoing]:
        """Advance to a simulated time and return the messages and control actions."""
        with exact():
            self.queue.run_until(from_datetime(to))
        sent, self._out = self._out, []
        return sent

    def connect(self) -> list[bytes]:
        """Connect a client at the time of the last advance; return its snapshots, [] if refused."""
        if not self.accepting or self.muted:
            return []
        with exact():
            first = self._connections == 0
            if first:  # changes before the first client are part of the opening
                for account in self.accounts.values():
                    account.missed.clear()
            self._connections += 1
            self._listeners += 1
            self._resume_trading_soon()
            dice = stream(self.plan.seed, self.plan.name, "connection", str(self._connections))
            accounts = list(self.accounts.values())
            dice.shuffle(accounts)
            frames = [frame for each in accounts for frame in each.snapshots(dice, first=first)]
            if self._listeners == 1:
                self._settle_missed()
        return frames

    def disconnect(self) -> None:
        """Remove a client that closed its connection."""
        self._listeners = max(0, self._listeners - 1)

    def cut(self, lasting: float | None = None, *, kind: ControlKind = ControlKind.DROP) -> None:
        """End every connection now and accept none for `lasting` seconds, or (None) until `reopen`.

        Fills missed meanwhile are `missed_while_away`. Cuts and outages may overlap: clients are refused until the last
        one ends. The next advance returns the control action, as for all operations below.
        """
        self._end_connections(kind, "cut")
        if lasting is None:
            self._cuts += 1
        else:
            self._timed_cuts += 1
            self.queue.after(ticks(lasting), self._end_timed_cut)

    def _end_timed_cut(self) -> None:
        self._timed_cuts -= 1
        self._open("cut")

    def reopen(self) -> None:
        """End one `cut` without a duration. Raises SimulationError if there is none."""
        if not self._cuts:
            raise SimulationError(f"The gateway {self.plan.name} is not cut; there is nothing to reopen.")
        self._cuts -= 1
        self._open("cut")

    def fail_over(self) -> None:
        """Continue as another process with the same knowledge; connections end, and clients may reconnect."""
        self._failures += 1
        dice = stream(self.plan.seed, self.plan.name, "fail over", str(self._failures))
        self._server = f"SIM-{self.plan.name.upper()}-{self._failures + 1}"
        self.process = Process(guid(dice), self.queue.now, self._server)
        self._leaving = False
        self._leaving = False
        self._end_connections(ControlKind.DROP, "fail over")

    def books(self) -> Mapping[str, VenueBooks]:
        """Return the venue's own books of each account, at the time of the last advance."""
        return {name: account.books() for name, account in self.accounts.items()}

    def next_at(self) -> datetime | None:
        """Return the time of the next event; None if there is none."""
        due = self.queue.next_at()
        return None if due is None else to_datetime(due) + timedelta(microseconds=1)


def play(
    plan: GatewayPlan, started_at: datetime, *, until: datetime, reconnect_after: float = 0.5
) -> Iterator[Outgoing]:
    """Replay a day to one client that reconnects after every loss, in seconds."""
    gateway = Gateway(plan, started_at)
    yield from play_gateway(gateway, started_at, until=until, reconnect_after=reconnect_after)


def play_gateway(
    gateway: Gateway, started_at: datetime, *, until: datetime, reconnect_after: float = 0.5
) -> Iterator[Outgoing]:
    """Replay a gateway that the caller owns, so that its truth can be read."""
    now, back_at = started_at, started_at
    connected = False
    while now < until:
        if not connected and now >= back_at and gateway.accepting and not gateway.muted:
            connected = True
            yield Outgoing(now, Control(ControlKind.CONNECTED))
            for frame in gateway.connect():
                yield Outgoing(now, frame)
        due = gateway.next_at() or until
        now = min(max(due, now), until)
        for outgoing in gateway.advance(now):
            yield outgoing
            if isinstance(outgoing.payload, Control) and outgoing.payload.ends_connections:
                connected = False
                back_at = outgoing.at + timedelta(seconds=reconnect_after)
