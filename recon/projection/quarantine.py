"""Quarantine: the one event that steps fail on is refused in the log, and the gateway goes on (architecture 2.12).

1. A failed step is repeated with fewer events, until one event alone fails.
2. Before the refusal is logged, the step is tried without the event, and undone. If it fails too, the event is not the
   reason, and nothing is refused.
3. The refusal is logged under the checkpoint's lock, while the event is the next one. So an event is either folded or
   refused in an edition, whoever projects.
4. A database that is away or late refuses nothing. An event must fail alone in LATE_ATTEMPTS steps to count as too
   expensive for the database.
5. Refusals in a row are paced: a defect that fails on every event must not fill the log at full speed.
"""

from __future__ import annotations

import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import uuid4

import structlog
import trio
from sqlalchemy import Connection

from recon.backoff import Backoff
from recon.db.errors import refusal_of
from recon.db.raw import cursor_of, driver_connection
from recon.db.transactions import Database
from recon.errors import DatabaseError, DeadlineExceeded
from recon.log.append import append
from recon.log.events import EVENT_REFUSED, NewEvent
from recon.log.read import PAGE_EVENTS, page, refusals
from recon.projection.checkpoint import lock_edition
from recon.projection.failures import reason_of
from recon.projection.fold import VERSION, leaving_out
from recon.projection.reading import Reading
from recon.projection.refusals import Narrowing, Refusal, Refusals, encode_refusal
from recon.projection.step import Step, step
from recon.projection.step_watch import StepWatch

#: Longest transaction of one step, in seconds; a step may load the working set. One event alone has more time.
STEP_SECONDS: Final = 30.0
LONE_EVENT_SECONDS: Final = 180.0
#: Longest time for decoding or folding one event, in seconds: among others, and alone.
EVENT_SECONDS: Final = 10.0
LONE_FOLD_SECONDS: Final = 120.0
#: An event that was ended after computing for this long, in seconds, is itself the reason, however busy the machine is.
COMPUTE_SECONDS: Final = 30.0
#: Steps of one event alone that must miss their deadline before the event is refused without having computed so long.
LATE_ATTEMPTS: Final = 3
#: Refusals in a row without a pause, and then the first and longest pause between two, in seconds.
FREE_REFUSALS: Final = 20
FIRST_PAUSE_SECONDS: Final = 0.5
LAST_PAUSE_SECONDS: Final = 30.0

_log = structlog.get_logger(__name__)


class Quarantine:
    """Finds and refuses the events that the steps of one gateway's projector fail on."""

    def __init__(self, database: Database, gateway: str, draw: Callable[[], float] = random.random) -> None:
        """Begin without any failure."""
        self._database = database
        self._gateway = gateway
        self._narrowing = Narrowing(PAGE_EVENTS)
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, draw, jitter=0.5)
        self._in_a_row = 0
        self._late_seq = 0
        self._late_attempts = 0

    @property
    def limit(self) -> int:
        """Return how many events the next step takes at most."""
        return self._narrowing.limit

    @property
    def deadline(self) -> float:
        """Return the longest time of the next step, in seconds."""
        return LONE_EVENT_SECONDS if self.limit == 1 else STEP_SECONDS

    @property
    def event_seconds(self) -> float:
        """Return the longest time for decoding or folding one event of the next step, in seconds."""
        return LONE_FOLD_SECONDS if self.limit == 1 else EVENT_SECONDS

    @property
    def warning(self) -> str:
        """Return what is wrong if one event after the other is refused, else an empty text."""
        if self._in_a_row <= FREE_REFUSALS:
            return ""
        return f"{self._in_a_row} events in a row are refused: recon itself is at fault, please report this"

    def note_success(self, done: Step) -> None:
        """Note a step that went well."""
        self._narrowing.note_success(done.seq)
        if done.folded > done.refused:
            self._in_a_row = 0
            self._backoff.reset()

    async def recover(self, error: Exception, watch: StepWatch) -> None:
        """After a failed step, take fewer events, or refuse the one that failed alone; raise what no event does."""
        reason = reason_of(error)
        is_late = isinstance(error, DeadlineExceeded)
        if watch.count == 0 or (reason is None and not is_late):
            raise error
        if not self._narrowing.note_failure(watch.after_seq, watch.count, watch.at_seq, late=is_late):
            _log.info("a step failed; trying fewer events", gateway=self._gateway, after=watch.after_seq)
            if is_late and watch.at_seq is None:
                raise error  # the database may be busy: not at once again
            return
        seq = watch.after_seq + 1
        reason = reason or self._late_reason(seq, watch)
        if reason is None:
            raise error
        await self._refuse(Refusal(seq, VERSION, reason), error)

    def _late_reason(self, seq: int, watch: StepWatch) -> str | None:
        """Return why an event that missed its deadline alone is refused; None as long as others may be at fault."""
        if watch.at_seq == seq and watch.event_seconds >= COMPUTE_SECONDS:
            return f"recon cannot fold it within {LONE_FOLD_SECONDS:g} s"
        self._late_attempts = self._late_attempts + 1 if self._late_seq == seq else 1
        self._late_seq = seq
        if self._late_attempts < LATE_ATTEMPTS:
            return None
        return f"its step takes longer than {LONE_EVENT_SECONDS:g} s, also alone and at attempt {LATE_ATTEMPTS}"

    async def _refuse(self, refusal: Refusal, error: Exception) -> None:
        self._in_a_row += 1
        if self.warning:
            _log.error("one event after the other is refused", gateway=self._gateway, count=self._in_a_row)
            await trio.sleep(self._backoff.next())
        if await self._database.run(partial(refuse, gateway=self._gateway, refusal=refusal), deadline=STEP_SECONDS):
            # Of a row that the database refuses, the reason names table and rule; a traceback would hold the row.
            shown = None if refusal_of(error) or isinstance(error, DatabaseError) else error
            _log.error(
                "an event is refused", gateway=self._gateway, seq=refusal.seq, reason=refusal.reason, exc_info=shown
            )
        self._narrowing.note_refusal(refusal.seq)


def refuse(connection: Connection, gateway: str, refusal: Refusal, edition: int | None = None) -> bool:
    """Log the refusal of the next event of an edition, by default the current one; return False if it is not the next.

    Raise what leaving the event out raises: then the event is not the reason.
    """
    checkpoint = lock_edition(connection, gateway, edition)
    events = page(connection, gateway, checkpoint.seq, 1)
    if checkpoint.seq != refusal.seq - 1 or not events:
        return False
    try_without(connection, gateway, refusal, checkpoint.edition)
    known = Refusals(VERSION)
    known.learn(refusals(connection, gateway, checkpoint.seq))
    if known.of(refusal.seq) is not None:
        return False
    event = events[0]
    # The time of the event that is refused: the append raises it to the log's, so no clock has a say.
    told = NewEvent(EVENT_REFUSED, encode_refusal(refusal), event.recorded_at, event.account)
    raw = driver_connection(connection)
    append(raw, gateway=gateway, writer=uuid4(), batch=1, now=event.recorded_at, events=[told])
    _touch(connection, gateway, checkpoint.edition)
    return True


def _touch(connection: Connection, gateway: str, edition: int) -> None:
    """Write a checkpoint as it is: a projector that did not do it looks for refusals (recon.projection.step)."""
    with cursor_of(connection) as cursor:
        cursor.execute(
            "UPDATE recon_store.editions SET seq = seq WHERE gateway = %s AND edition = %s", (gateway, edition)
        )


def try_without(connection: Connection, gateway: str, refusal: Refusal, edition: int) -> None:
    """Fold an edition's next event as refused, and undo that. Raise whatever fails all the same."""
    alone = Refusals(refusal.fold_version)
    alone.add(refusal)
    trial = connection.begin_nested()
    try:
        step(connection, gateway, None, edition=edition, limit=1, reading=Reading(decode=leaving_out(alone)))
    finally:
        trial.rollback()
