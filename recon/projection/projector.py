"""The projector of one gateway: from the log to ledger, breaks and alerts, exactly once (architecture 3).

1. Each step is one transaction under the checkpoint's lock, so a projector may die, be cut off or run twice: what is
   committed is folded once.
2. It is woken by hints (the recorder in this process, NOTIFY from any other), and by a timer, which is the truth.
3. After a step that failed the working set at hand is worth nothing and is loaded anew. So are handed events: the log
   is read.
4. Steps rest in between as `recon.projection.pace` says.
5. A projector that is not the gateway's first (its instance does not record) keeps out of the way, and steps only when
   the checkpoint stands still although the log goes on.
"""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable
from functools import partial
from typing import Final, Never

import outcome
import structlog
import trio
from sqlalchemy import Connection

from recon.backoff import Backoff
from recon.db.raw import cursor_of
from recon.db.transactions import Database
from recon.display.words import counted
from recon.errors import DatabaseError, ProjectionError
from recon.log.handover import Handover
from recon.log.read import head
from recon.meters import Pulse, StepMeter, StepNotes
from recon.projection.pace import Pace
from recon.projection.position import START, Position
from recon.projection.quarantine import Quarantine
from recon.projection.reading import Reading
from recon.projection.step import OnTransitions, Step, step
from recon.projection.step_watch import StepWatch
from recon.projection.working_set import WorkingSet
from recon.status import StatusReporter
from recon.tracing import OFF, STEP, Tracing

#: How often the projector reads the log without a wake-up, in seconds.
POLL_SECONDS: Final = 1.0
#: A step that has lasted for this long is said, in seconds.
SLOW_SECONDS: Final = 10.0
#: How often a step under way is looked at, in seconds.
WATCH_SECONDS: Final = 1.0
#: How often a stand-by projector looks, and how long the checkpoint must stand still before it steps, in seconds.
SECOND_SECONDS: Final = 3.0
#: Longest transaction of a stand-by's look, in seconds.
LOOK_SECONDS: Final = 5.0
#: First and longest pause after a passing failure, in seconds; pauses double, with jitter.
FIRST_PAUSE_SECONDS: Final = 0.05
LAST_PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


def _ignore(_: object) -> None:
    pass


class Projector:
    """Follows one gateway's log into its current edition.

    Its status is `following`, `slow` (a step lasts), `refusing` (one event after the other is refused), `second`
    (another instance comes first) or `retrying` (the database is away).
    """

    def __init__(  # noqa: PLR0913 - the projector's ways out, each replaced by a fake in its tests
        self,
        database: Database,
        gateway: str,
        *,
        on_transitions: OnTransitions | None = None,
        on_step: Callable[[Step], None] = _ignore,
        on_position: Callable[[Position], None] = _ignore,
        status: StatusReporter,
        is_first: Callable[[], bool] = lambda: True,
        handover: Handover | None = None,
        meter: StepNotes | None = None,
        pulse: Pulse | None = None,
        tracing: Tracing = OFF,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; work begins with `run`.

        `on_transitions` runs inside the transaction of a step, in its thread; `on_step` after each commit that folded
        something, in the Trio task, and `on_position` before it, whenever the position is another one. `is_first` tells
        whether this instance records the gateway. `handover` has what its recorder appended last;
        without one, all is read from the log. The pulse beats before each transaction, and each time round.
        """
        self._database = database
        self._gateway = gateway
        self._on_transitions = on_transitions
        self._on_step = on_step
        self._status = status
        self._on_position = on_position
        self._position = START
        status.measure = self._figures
        self._is_first = is_first
        self._reading = Reading(handover=handover)
        self._meter = StepMeter() if meter is None else meter
        self._tracing = tracing
        self.pulse = Pulse() if pulse is None else pulse
        self._woken = trio.Event()
        self._pace = Pace()
        self._working: WorkingSet | None = None
        self._quarantine = Quarantine(database, gateway, draw)
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)

    @property
    def seq(self) -> int:
        """Return the last log position that this projector folded."""
        return self._position.seq

    @property
    def last_us(self) -> int:
        """Return the log time of that event, in microseconds; 0 before the first step."""
        return self._position.last_us

    @property
    def pending(self) -> bool:
        """True if time alone may decide something: then log time should pass each second."""
        return self._position.pending

    def hint(self, seq: int | None = None) -> None:
        """Read the log soon, unless it is folded up to `seq`; call this in the Trio thread.

        The recorder names the last log position that it has appended; others name none.
        """
        if seq is None:
            self._pace.note_unsure()
        else:
            self._pace.note_head(seq)
        if self._is_first() and (seq is None or seq > self.seq):
            self._woken.set()

    async def run(self) -> Never:
        """Follow the log until cancelled; `finish` uses the working set at hand, if no step was under way.

        A database that is away for a moment is waited for. Errors: ProjectionError where the books were folded by
        another version; DatabaseError for one that refuses us; whatever steps raise without any event's doing.
        """
        stood_at = -1
        while True:
            # Before looking, so that whoever hints while we look is not missed.
            self._woken = trio.Event()
            self.pulse.beat(trio.current_time())
            try:
                if self._is_first():
                    stood_at = -1
                    await self._follow()
                    wait = POLL_SECONDS
                else:
                    stood_at = await self._look(stood_at)
                    wait = SECOND_SECONDS
            except DatabaseError as error:
                if not error.transient:
                    raise
                await self._retry_later(error)
                continue
            with trio.move_on_after(wait) as waiting:
                await self._woken.wait()
            if waiting.cancelled_caught:
                self._pace.note_unsure()

    async def finish(self, *, fold: bool = True) -> None:
        """Fold the last events after the recorder has ended, so that the ledger at rest contains its own end.

        Without `fold` nothing is folded: others record the gateway. A database that is away is let be, and so are books
        of another version, as after an upgrade by a stand-by: what is in the log is folded by whoever comes next.
        """
        if not fold:
            return
        self._pace = Pace()
        try:
            await self._follow()
        except (DatabaseError, ProjectionError) as error:
            _log.warning("the last events are not folded", gateway=self._gateway, reason=str(error))
        finally:
            self._working = None

    async def _follow(self) -> None:
        """Step until the whole log is folded."""
        unsure = self._pace.take_unsure()
        try:
            while True:
                await trio.sleep_until(self._pace.rest_until(self.seq))
                if not await self._step() or (self._pace.is_at_end(self.seq) and not unsure):
                    return
        except BaseException:
            self._pace.note_unsure()
            raise

    async def _step(self) -> int:
        """Fold the next events; return how many the step has read."""
        working_set, self._working = self._working, None
        watch, began = StepWatch(), trio.current_time()
        self.pulse.beat(began)
        work = partial(
            _step,
            gateway=self._gateway,
            working_set=working_set,
            on_transitions=self._on_transitions,
            limit=self._quarantine.limit,
            reading=self._reading,
            watch=watch,
        )
        try:
            done = await self._run_watched(work, watch)
        except Exception as error:  # noqa: BLE001 - whatever fails is an event's doing, or is raised
            await trio.lowlevel.checkpoint_if_cancelled()
            self._meter.note_failure()
            self._read_from_log()
            self.pulse.beat(trio.current_time())
            await self._quarantine.recover(error, watch)
            self._status.set("retrying", "a step failed; it is repeated with fewer events, or without one")
            return watch.count
        self._quarantine.note_success(done)
        warning = self._quarantine.warning
        self._status.set("refusing" if warning else "following", warning)
        self._working = done.working_set
        self._backoff.reset()
        self._stand_at(Position(done.seq, done.last_us, done.pending))
        if done.folded:
            self._count(done, watch, trio.current_time() - began)
            self._on_step(done)
            self._pace.note_step(began, trio.current_time())
        return done.folded

    def _count(self, done: Step, watch: StepWatch, seconds: float) -> None:
        """Count a step that folded events, and tell its span."""
        self._meter.note(done.folded, done.refused, seconds, watch.step_seconds)
        if self._tracing.on:
            self._tracing.tell(STEP, seconds, gateway=self._gateway, events=done.folded, last_seq=done.seq)

    async def _run_watched(self, work: Callable[[Connection], Step], watch: StepWatch) -> Step:
        """Run a step's transaction; end what it computes when it is late or we are cancelled, for it cannot itself."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_watch, watch, self._quarantine.event_seconds)
            # Captured, so that the step's error does not come wrapped in the nursery's group.
            result = await outcome.acapture(self._database.run, work, deadline=self._quarantine.deadline)
            nursery.cancel_scope.cancel()
        return result.unwrap()

    async def _keep_watch(self, watch: StepWatch, event_seconds: float) -> None:
        began = trio.current_time()
        try:
            while True:
                await trio.sleep(WATCH_SECONDS)
                watch.interrupt(after=event_seconds)
                if trio.current_time() - began >= SLOW_SECONDS:
                    self._status.set("slow", f"a step has lasted for more than {SLOW_SECONDS:g} s {_where(watch)}")
        finally:
            watch.interrupt()

    async def _look(self, stood_at: int) -> int:
        """Stand by while another projector works; step if it stands still. Return the position of the checkpoint."""
        self._working = None
        self._read_from_log()
        last, folded = await self._database.run(partial(_positions, gateway=self._gateway), deadline=LOOK_SECONDS)
        self._stand_at(Position(folded, self.last_us, pending=False))
        self._status.set("second")
        if folded == stood_at and last > folded:
            _log.warning("the first projector stands still; stepping in", gateway=self._gateway, seq=folded)
            await self._follow()
        return folded

    def _read_from_log(self) -> None:
        """Drop what was handed over: what a step failed on may be memory, and who stands by needs none."""
        if self._reading.handover is not None:
            self._reading.handover.clear()

    async def _retry_later(self, error: DatabaseError) -> None:
        _log.warning("projection waits for the database", gateway=self._gateway, reason=str(error))
        self._status.set("retrying", str(error))
        await trio.sleep(self._backoff.next())

    def _stand_at(self, position: Position) -> None:
        former, self._position = self._position, position
        if position != former:
            self._on_position(position)

    def _figures(self) -> dict[str, int]:
        return self._position.figures()


def _where(watch: StepWatch) -> str:
    """Return which events a step is about."""
    if watch.at_seq is not None:
        return f"at event {watch.at_seq}"
    return (
        f"at the {counted(watch.count, 'event')} after event {watch.after_seq}"
        if watch.count
        else "before reading any event"
    )


def _step(
    connection: Connection,
    *,
    gateway: str,
    working_set: WorkingSet | None,
    on_transitions: OnTransitions | None,
    limit: int,
    reading: Reading,
    watch: StepWatch,
) -> Step:
    with watch.step():
        return step(
            connection, gateway, working_set, limit=limit, reading=reading, on_transitions=on_transitions, watch=watch
        )


def _positions(connection: Connection, *, gateway: str) -> tuple[int, int]:
    """Return the log's last position and how far the current edition has been folded."""
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT seq FROM recon_store.editions WHERE gateway = %s AND state = 'current'", (gateway,))
        row = cursor.fetchone()
    return head(connection, gateway), 0 if row is None else int(row[0])
