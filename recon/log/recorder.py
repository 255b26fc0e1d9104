"""The recorder of one gateway: from the buffer into the log, by group commit without timers (architecture 3).

1. It takes whatever waits, appends it in one transaction, and takes again. Idle: one frame, one commit. Loaded: big
   batches.
2. A batch is named (writer, number). Whatever goes wrong, the same batch is tried again, on a new connection if need
   be, until its landing is known; the database sees to it that it lands once. Meanwhile frames wait in the buffer.
3. It appends only under the lease. If another writer has it, LeaseLost is raised: what this recorder still holds was
   received after the other one's beginning, or is a gap that the other one's session shows.
4. Log time passes when nothing happens: a tick every TICK_SECONDS in any case, as it also sums up the heartbeats, and
   every PENDING_TICK_SECONDS while something is pending (semantics 9.2-9.3).
5. The rules in force stand in the log before the first frame that they decide about (architecture 2.4).
"""

from __future__ import annotations

import math
import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeVar

import msgspec
import structlog
import trio

from recon.backoff import Backoff
from recon.errors import AppendRefused, DatabaseError, LeaseLost, ReconError
from recon.log.append import Appended
from recon.log.buffer import Buffer
from recon.log.events import RULES, RULES_PROPOSED, TICK, NewEvent
from recon.log.heartbeats import Heartbeat, tick_payload
from recon.log.lease import Lease, Standing
from recon.log.offload import Offload

#: Between two ticks, in seconds: always, and while something is pending.
TICK_SECONDS: Final = 10.0
PENDING_TICK_SECONDS: Final = 1.0
#: Between two looks whether a tick is due, in seconds; what is pending is learnt within it.
LOOK_SECONDS: Final = 1.0
#: Between two attempts of a recorder that stands by, in seconds.
STANDBY_SECONDS: Final = 1.0
#: After a failure of the database a recorder that stands by waits longer than one that reconnects, whose frames wait.
HEAD_START_SECONDS: Final = 3.0
#: Longest one call to the database may take, in seconds.
APPEND_SECONDS: Final = 20.0
#: Pauses after a failure, doubled from the first to the last, with jitter, in seconds.
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 2.0
#: How long what waits may be appended once the recorder is told to finish, in seconds.
DRAIN_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class HeartbeatSource(Protocol):
    """Where heartbeats are summed up."""

    def take(self) -> Mapping[str, Heartbeat]:
        """Return those since the last call, by account."""
        ...


class RecorderStatus(msgspec.Struct, frozen=True):
    """What the recorder is doing, for people and for health checks.

    `state` is `standby` (another instance holds the lease), `recording`, `reconnecting` (the database is away),
    `refused` (the log refuses what is appended) or `stopped`. `head_seq` is the last position that is known,
    `waiting_bytes` and `waiting_events` are not in the log yet.
    """

    gateway: str
    state: str
    since: datetime
    detail: str = ""
    head_seq: int = 0
    waiting_bytes: int = 0
    waiting_events: int = 0


def _ignore(_: object) -> None:
    pass


def _never(_: bytes, __: bytes) -> bool:
    return False


class Recorder:
    """One writer of one gateway's log; it lives from one acquiring of the lease to its loss."""

    def __init__(
        self,
        lease: Lease,
        buffer: Buffer,
        *,
        offload: Offload,
        heartbeats: HeartbeatSource,
        rules: bytes | None,
        loosens: Callable[[bytes, bytes], bool] = _never,
        now: Callable[[], datetime],
        pending: Callable[[], bool] = lambda: False,
        on_appended: Callable[[int], None] = _ignore,
        on_status: Callable[[RecorderStatus], None] = _ignore,
        drain_seconds: float = DRAIN_SECONDS,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; `stand_by` and then `run` do the work.

        `rules` is the canonical rules document, None where none is to be recorded; `loosens` tells whether it lets
        pass what the one before did not, and so has to wait for a person. `pending` tells whether time alone may
        decide something, `on_appended` is told the log's last position after each batch.
        """
        self._lease = lease
        self._buffer = buffer
        self._offload = offload
        self._heartbeats = heartbeats
        self._rules = rules
        self._loosens = loosens
        self._now = now
        self._pending = pending
        self._on_appended = on_appended
        self._on_status = on_status
        self._drain_seconds = drain_seconds
        self._batch = 1
        self._in_hand: list[NewEvent] = []
        self._last_tick = trio.current_time()
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
        self._finishing = trio.Event()
        self._drained_by = math.inf
        self._state = RecorderStatus(lease.gateway, "standby", now())
        self._log = _log.bind(gateway=lease.gateway)

    @property
    def status(self) -> RecorderStatus:
        """Return what the recorder is doing now."""
        return msgspec.structs.replace(
            self._state,
            waiting_bytes=self._buffer.waiting_bytes + sum(len(event.payload) for event in self._in_hand),
            waiting_events=len(self._buffer) + len(self._in_hand),
        )

    async def stand_by(self) -> None:
        """Wait until the lease is ours, looking every STANDBY_SECONDS; then see whether the rules have changed."""
        try:
            while (standing := await self._try_stand()) is None:  # noqa: ASYNC110 - another process lets it go
                await trio.sleep(HEAD_START_SECONDS if self._state.state == "reconnecting" else STANDBY_SECONDS)
        except BaseException:
            self._lease.close()
            raise
        self._in_hand = self._changed_rules(standing)
        self._last_tick = trio.current_time()
        self._log.info("lease acquired", head=standing.head, rules=[event.kind for event in self._in_hand])
        self._tell("recording", head=standing.head)

    def _changed_rules(self, standing: Standing) -> list[NewEvent]:
        """Return our rules where they are not in the log yet: proposed where they loosen what is in force.

        Rules that wait are overtaken by any others, so that nobody approves what is no longer wanted.
        """
        latest = standing.rules if standing.waiting is None else standing.waiting
        if self._rules is None or self._rules == latest:
            return []
        looser = standing.rules is not None and self._loosens(standing.rules, self._rules)
        if looser:
            self._log.warning("the settings loosen rules: the old ones stay in force until somebody approves the new")
        return [NewEvent(RULES_PROPOSED if looser else RULES, self._rules, self._now())]

    async def _try_stand(self) -> Standing | None:
        """Ask for the lease; return where the log stands, None when the lease is not ours yet."""
        try:
            if await self._call(self._lease.try_acquire):
                return await self._call(self._lease.standing)
        except DatabaseError as error:
            self._tell("reconnecting", str(error))
        else:
            self._tell("standby", "another instance records this gateway")
        return None

    async def run(self) -> None:
        """Append what comes, until told to `finish`; then give the lease back. Run it under a shield.

        Errors: LeaseLost when another writer holds the lease. What could not be appended in the end stands in
        `status`, and is logged.
        """
        try:
            while await self._take() and await self._land():
                pass
        finally:
            lost = self.status.waiting_events
            if lost:
                self._log.error("frames were received and not appended", events=lost, reason=self._state.detail)
            self._lease.close()
            self._tell("stopped", f"{lost} events were not appended" if lost else "")

    def finish(self) -> None:
        """Have `run` append what waits, within the drain's bound, and return; nothing more is taken."""
        if not self._finishing.is_set():
            self._drained_by = trio.current_time() + self._drain_seconds
            self._finishing.set()
            self._buffer.close()

    async def _take(self) -> bool:
        """Take the next batch in hand: what waits, and a tick when it is due. False: finished, and nothing is left."""
        while not self._in_hand:
            batch = self._buffer.take_nowait()
            if trio.current_time() >= self._last_tick + self._tick_pause():
                self._last_tick = trio.current_time()
                batch.append(NewEvent(TICK, tick_payload(self._heartbeats.take()), self._now()))
            self._in_hand = batch
            if not batch:
                if self._finishing.is_set():
                    return False
                with trio.move_on_after(min(LOOK_SECONDS, self._tick_pause())):
                    await self._buffer.wait()
        return True

    def _tick_pause(self) -> float:
        return PENDING_TICK_SECONDS if self._pending() else TICK_SECONDS

    async def _land(self) -> bool:
        """Append what is in hand, however often it takes; False: the drain's bound has passed."""
        at = self._now()
        while True:
            try:
                if not self._lease.held and not await self._call(self._lease.try_acquire):
                    raise LeaseLost(f"another instance has taken over recording gateway {self._lease.gateway!r}")
                append = partial(self._lease.append, batch=self._batch, now=at, events=self._in_hand)
                appended: Appended = await self._call(append)
            except AppendRefused as error:
                # Refused as a whole, so that another time may be tried: the clock may have been set.
                at = self._now()
                self._fail("refused", error)
            except DatabaseError as error:
                self._fail("reconnecting" if error.transient else "refused", error)
            else:
                self._landed(appended)
                return True
            if not await self._paused():
                return False

    def _landed(self, appended: Appended) -> None:
        self._batch += 1
        self._in_hand = []
        self._backoff.reset()
        if self._state.state != "recording":
            self._log.info("recording again", head=appended.last_seq, repeated=appended.repeated)
        self._tell("recording", head=appended.last_seq)
        self._on_appended(appended.last_seq)

    def _fail(self, state: str, error: ReconError) -> None:
        if (self._state.state, self._state.detail) != (state, str(error)):
            self._log.warning("a batch waits", state=state, reason=str(error), events=len(self._in_hand))
        self._tell(state, str(error))

    async def _paused(self) -> bool:
        """Wait before the next attempt, less once told to finish; False when there is to be none."""
        pause = self._backoff.next()
        with trio.move_on_at(self._drained_by):
            with trio.move_on_after(pause):
                await self._finishing.wait()
            if self._finishing.is_set():
                await trio.sleep(min(pause, FIRST_PAUSE_SECONDS))
        return trio.current_time() < self._drained_by

    async def _call(self, work: Callable[[], T]) -> T:
        """Run one call to the database under its deadline."""
        return await self._offload.run(self._lease, work, self._overdue)

    async def _overdue(self) -> None:
        """Return when the call under way has had its time."""
        with trio.move_on_after(APPEND_SECONDS):
            await self._finishing.wait()
            with trio.move_on_at(self._drained_by):
                await trio.sleep_forever()

    def _tell(self, state: str, detail: str = "", *, head: int | None = None) -> None:
        before = self._state
        if head is not None:
            self._state = msgspec.structs.replace(self._state, head_seq=head)
        if (before.state, before.detail) != (state, detail):
            self._state = msgspec.structs.replace(self._state, state=state, detail=detail, since=self._now())
            self._on_status(self.status)
