"""The recorder of one gateway: from the buffer into the log, by group commit (architecture 3).

1. The recorder takes all waiting events, appends them in one transaction, and takes again. Idle: one frame, one
   commit. While frames keep coming, it rests a moment before it takes again, so that they share commits. Under load:
   large batches.
2. A batch has a name (writer, number). After any failure the recorder appends the same batch again, on a new
   connection if necessary, until the outcome is known. The database stores a named batch once. Meanwhile frames wait
   in the buffer.
3. The recorder appends only under the lease. If another writer has taken the lease, LeaseLost is raised and the
   remaining events are dropped: the other writer's session received them too, or shows the gap.
4. Log time passes when nothing happens: a tick every TICK_SECONDS, which also sums up the heartbeats, and every
   PENDING_TICK_SECONDS while the comparison waits for time to pass (semantics 9.2-9.3).
5. The rules are in the log before the first frame that they decide (architecture 2.4).
6. Log time runs by a `LogClock`; a jump of a clock is an event of its own (semantics 9.1).
"""

from __future__ import annotations

import math
import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog
import trio

from recon.backoff import Backoff
from recon.db.blocking import RunBlocking, run_in_thread
from recon.display.words import counted
from recon.errors import AppendRefused, DatabaseError, LeaseLost, ReconError
from recon.log.append import Appended
from recon.log.buffer import Buffer
from recon.log.clock import LogClock, jump_payload
from recon.log.events import CLOCK_JUMPED, RULES, RULES_PROPOSED, TICK, NewEvent, is_frame
from recon.log.handover import Handover
from recon.log.heartbeats import Heartbeat, tick_payload
from recon.log.lease import Lease, LogState
from recon.meters import AppendMeter, Pulse
from recon.status import StatusReporter
from recon.times import microseconds
from recon.tracing import APPEND, OFF, Tracing

#: Seconds between two ticks: at most, and while the comparison waits for time to pass.
TICK_SECONDS: Final = 10.0
PENDING_TICK_SECONDS: Final = 1.0
#: Seconds between two checks whether a tick is due.
TICK_CHECK_SECONDS: Final = 1.0
#: Seconds between two attempts to acquire the lease.
STANDBY_SECONDS: Final = 1.0
#: The same after a database failure: longer, so that the recorder with frames to append reconnects first.
HEAD_START_SECONDS: Final = 3.0
#: So many events are worth a commit of their own; with fewer the recorder rests so many times as long as its last
#: append took, up to so many seconds.
MANY_EVENTS: Final = 50
REST_TIMES: Final = 3
REST_SECONDS: Final = 0.005
#: Longest call to the database, in seconds.
APPEND_SECONDS: Final = 20.0
#: First and longest delay after a failure, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 2.0
#: Longest time to append the waiting events after `finish`, in seconds.
DRAIN_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class HeartbeatSource(Protocol):
    """Counts heartbeats between two ticks."""

    def take(self) -> Mapping[str, Heartbeat]:
        """Return the heartbeats since the last call, by account."""
        ...


def _ignore(_: object) -> None:
    pass


def _never(_: bytes, __: bytes) -> bool:
    return False


class Recorder:
    """One writer of one gateway's log, from acquiring the lease to losing it.

    Its status is `standby` (another instance has the lease), `recording`, `reconnecting` (the database is away),
    `refused` (the log refuses the batch) or `stopped`.
    """

    def __init__(  # noqa: PLR0913 - the recorder's ways out and bounds, each replaced by a fake in its tests
        self,
        lease: Lease,
        buffer: Buffer,
        *,
        run_blocking: RunBlocking = run_in_thread,
        heartbeats: HeartbeatSource,
        rules: bytes | None,
        relaxes: Callable[[bytes, bytes], bool] = _never,
        clock: LogClock,
        status: StatusReporter,
        pending: Callable[[], bool] = lambda: False,
        on_appended: Callable[[int], None] = _ignore,
        handover: Handover | None = None,
        meter: AppendMeter | None = None,
        pulse: Pulse | None = None,
        tracing: Tracing = OFF,
        drain_seconds: float = DRAIN_SECONDS,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; then call `stand_by`, and then `run`.

        `rules` is the canonical rules document to record, if any. `relaxes` returns True if it is more permissive
        than the document in force, and so needs approval. `pending` returns True while the comparison waits for time
        to pass. `on_appended` receives the log's last position after each batch, once it is in the `handover`, if there
        is one. `handover`, `meter` and `pulse` outlive a recorder.
        """
        self._lease = lease
        self._buffer = buffer
        self._run_blocking = run_blocking
        self._heartbeats = heartbeats
        self._rules = rules
        self._relaxes = relaxes
        self._clock = clock
        self._pending = pending
        self._on_appended = on_appended
        self._handover = handover
        self._meter = AppendMeter() if meter is None else meter
        self._pulse = Pulse() if pulse is None else pulse
        self._tracing = tracing
        self._status = status
        self._head = 0
        status.measure = self.figures
        self._drain_seconds = drain_seconds
        self._batch_number = 1
        self._pending_batch: list[NewEvent] = []
        self._last_tick = trio.current_time()
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
        self._rest_until = -math.inf
        self._finishing = trio.Event()
        self._drained_by = math.inf
        self._log = _log.bind(gateway=lease.gateway)

    @property
    def head(self) -> int:
        """Return the last known position of the log."""
        return self._head

    @property
    def waiting_events(self) -> int:
        """Return how many events were received and are not in the log yet."""
        return len(self._buffer) + len(self._pending_batch)

    def figures(self) -> dict[str, int]:
        """Return the last known position of the log, and how much is not in the log yet."""
        pending_bytes = sum(len(event.payload) for event in self._pending_batch)
        return {
            "head_seq": self._head,
            "waiting_bytes": self._buffer.waiting_bytes + pending_bytes,
            "waiting_events": self.waiting_events,
        }

    async def stand_by(self) -> None:
        """Wait until the lease is ours; then prepare the rules for the log if they have changed."""
        try:
            while (log := await self._try_lease()) is None:  # noqa: ASYNC110 - another process lets it go
                await trio.sleep(HEAD_START_SECONDS if self._status.state == "reconnecting" else STANDBY_SECONDS)
        except BaseException:
            self._lease.close()
            raise
        if self._handover is not None:
            # A digest covers what this writer appended itself; of another one's batches it says nothing.
            self._handover.clear()
        self._pending_batch = self._changed_rules(log)
        self._last_tick = trio.current_time()
        self._meter.leases += 1
        self._log.info("lease acquired", head=log.head, rules=[event.kind for event in self._pending_batch])
        self._head = log.head
        self._status.set("recording")

    def _changed_rules(self, log: LogState) -> list[NewEvent]:
        """Return the event that records changed rules: as a proposal if they are more permissive.

        Any other rules replace a proposal, so that nobody approves rules that are no longer wanted.
        """
        latest = log.rules if log.proposed_rules is None else log.proposed_rules
        if self._rules is None or self._rules == latest:
            return []
        permissive = log.rules is not None and self._relaxes(log.rules, self._rules)
        if permissive:
            self._log.warning(
                "the settings are more permissive: the old rules stay in force until the new are approved"
            )
        return [NewEvent(RULES_PROPOSED if permissive else RULES, self._rules, self._clock.wall())]

    async def _try_lease(self) -> LogState | None:
        """Try to acquire the lease; return the state of the log, or None if another writer has the lease."""
        try:
            if await self._call(self._lease.try_acquire):
                asked = self._clock.steady()
                log = await self._call(self._lease.log_state)
                self._clock.begin(log.log_time, log.clock, asked=asked)
                return log
        except DatabaseError as error:
            self._status.set("reconnecting", str(error))
        else:
            self._status.set("standby", f"another instance records this gateway: {self._lease.other}")
        return None

    async def run(self) -> None:
        """Append events until `finish`, then release the lease. Shield it from cancellation.

        `status` and the service's log report events that could not be appended. Raise LeaseLost if another writer has
        taken the lease.
        """
        try:
            while await self._next_batch() and await self._append_batch():
                pass
        finally:
            lost = self.waiting_events
            if lost:
                self._log.error("frames were received and not appended", events=lost, reason=self._status.detail)
            self._lease.close()
            self._status.set("stopped", f"{counted(lost, 'event')} not appended" if lost else "")

    def finish(self) -> None:
        """Close the buffer and have `run` return once the waiting events are appended, within the drain's bound."""
        if not self._finishing.is_set():
            self._drained_by = trio.current_time() + self._drain_seconds
            self._finishing.set()
            self._buffer.close()

    async def _next_batch(self) -> bool:
        """Take the next batch from the buffer, with a tick when one is due; return False at the end."""
        while not self._pending_batch:
            await self._rest()
            self._pulse.beat(trio.current_time())
            batch = self._buffer.take_nowait()
            if trio.current_time() >= self._last_tick + self._tick_pause():
                self._last_tick = trio.current_time()
                beats = tick_payload(self._heartbeats.take(), self._clock.us_at)
                batch.append(NewEvent(TICK, beats, self._clock.wall()))
            self._clock.now_us()
            jumps = [
                NewEvent(CLOCK_JUMPED, jump_payload(jump), self._clock.wall()) for jump in self._clock.take_jumps()
            ]
            self._pending_batch = batch = jumps + batch
            if not batch:
                if self._finishing.is_set():
                    return False
                with trio.move_on_after(min(TICK_CHECK_SECONDS, self._tick_pause())):
                    await self._buffer.wait()
        return True

    async def _rest(self) -> None:
        """Let frames gather that come soon after an append, unless many wait already or the end has come."""
        if trio.current_time() < self._rest_until and len(self._buffer) < MANY_EVENTS:
            with trio.move_on_at(self._rest_until):
                await self._finishing.wait()

    def _tick_pause(self) -> float:
        return PENDING_TICK_SECONDS if self._pending() else TICK_SECONDS

    async def _append_batch(self) -> bool:
        """Append the batch, retrying after every failure; return False once the drain's bound has passed."""
        at = self._clock.now()
        while True:
            asked, began = self._clock.steady(), trio.current_time()
            try:
                if not self._lease.held and not await self._call(self._lease.try_acquire):
                    what = f"recording gateway {self._lease.gateway!r}"
                    raise LeaseLost(f"another instance has taken over {what}: {self._lease.other}")
                append = partial(self._lease.append, batch=self._batch_number, now=at, events=self._pending_batch)
                appended: Appended = await self._call(append)
            except AppendRefused as error:
                self._failed("refused", error)
            except DatabaseError as error:
                self._failed("reconnecting" if error.transient else "refused", error)
            else:
                self._clock.learn(appended.recorded_at, appended.clock, asked=asked)
                self._appended(appended, trio.current_time() - began)
                return True
            if not await self._paused():
                return False

    def _appended(self, appended: Appended, seconds: float) -> None:
        self._note(appended, seconds)
        self._head = appended.last_seq
        self._batch_number += 1
        if self._handover is not None:
            self._handover.put(appended, self._pending_batch)
        self._pending_batch = []
        self._backoff.reset()
        self._rest_until = trio.current_time() + min(REST_TIMES * seconds, REST_SECONDS)
        if self._status.state != "recording":
            self._log.info("recording again", head=appended.last_seq, repeated=appended.repeated)
        self._status.set("recording")
        self._on_appended(appended.last_seq)

    def _note(self, appended: Appended, seconds: float) -> None:
        """Count the batch, and tell its span."""
        batch = self._pending_batch
        frames, size = sum(map(is_frame, batch)), sum(len(event.payload) for event in batch)
        self._meter.note(len(batch), frames, size, seconds, microseconds(appended.recorded_at))
        if self._tracing.on:
            gateway, first, last = self._lease.gateway, appended.first_seq, appended.last_seq
            self._tracing.tell(APPEND, seconds, gateway=gateway, events=len(batch), first_seq=first, last_seq=last)

    def _failed(self, state: str, error: ReconError) -> None:
        self._meter.failures += 1
        if (self._status.state, self._status.detail) != (state, str(error)):
            self._log.warning("a batch waits", state=state, reason=str(error), events=len(self._pending_batch))
        self._status.set(state, str(error))

    async def _paused(self) -> bool:
        """Wait before the next attempt, more briefly after `finish`; return False if there is no time for one."""
        pause = self._backoff.next()
        with trio.move_on_at(self._drained_by):
            with trio.move_on_after(pause):
                await self._finishing.wait()
            if self._finishing.is_set():
                await trio.sleep(min(pause, FIRST_PAUSE_SECONDS))
        return trio.current_time() < self._drained_by

    async def _call(self, work: Callable[[], T]) -> T:
        self._pulse.beat(trio.current_time())
        return await self._run_blocking(work, self._lease, deadline=APPEND_SECONDS, sooner=self._drain_over)

    async def _drain_over(self) -> None:
        await self._finishing.wait()
        await trio.sleep_until(self._drained_by)
