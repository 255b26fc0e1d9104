"""One step of projection: events after the checkpoint, folded and written in one transaction (architecture 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import ProjectionError
from recon.log.events import Event
from recon.log.read import PAGE_EVENTS, holds, refusals
from recon.projection.checkpoint import lock_edition
from recon.projection.fold import DecodedEvent, EventDecoder, leaving_out
from recon.projection.reading import LIVE, Reading
from recon.projection.step_watch import Begin, StepWatch
from recon.projection.working_set import WorkingSet, load
from recon.reconciliation.model.snapshot import Transition

#: Longest wait of a step for a lock, in seconds: who waits for others is not slow itself.
LOCK_SECONDS: Final = 20
#: Called with the transitions and the refused events of a step, within its transaction; the working set has what else
#: was found. Returns how many alerts it stored.
OnTransitions = Callable[[Connection, WorkingSet, list[Transition], list[DecodedEvent]], int]

_log = structlog.get_logger(__name__)


class Step(msgspec.Struct, frozen=True):
    """The result of one step: events folded, the log position, and whether time alone may decide something.

    `refused` counts the refused events among the folded ones, `told` the alerts that were stored.
    """

    working_set: WorkingSet
    folded: int
    refused: int
    seq: int
    last_us: int
    pending: bool
    told: int = 0


def step(  # noqa: PLR0913 - what is folded, how far, how it is read, and who hears of it: four independent choices
    connection: Connection,
    gateway: str,
    working_set: WorkingSet | None,
    *,
    edition: int | None = None,
    until: int | None = None,
    limit: int = PAGE_EVENTS,
    reading: Reading = LIVE,
    on_transitions: OnTransitions | None = None,
    watch: StepWatch | None = None,
) -> Step:
    """Fold the next events of a gateway into an edition (by default the current one), and write the result.

    `working_set` is used if it still stands at the checkpoint, else loaded anew. A failed step leaves it unusable.
    The step ends early, with what is folded then, when it has computed for long. `watch` knows what the step does.
    Raise ProjectionError if another version folded the edition; `recon rebuild` mends that. So too where the next
    events are archived, and `reading` has no archive.
    """
    watch = StepWatch() if watch is None else watch
    _settle_transaction(connection)
    checkpoint = lock_edition(connection, gateway, edition)
    if working_set is None or (working_set.edition, working_set.seq) != (checkpoint.edition, checkpoint.seq):
        working_set = load(connection, gateway, checkpoint.edition, seq=checkpoint.seq, clock=checkpoint.clock)
    count = limit if until is None else min(limit, until - checkpoint.seq)
    rows = _read(connection, gateway, checkpoint.seq, count, reading) if count > 0 else []
    _refuse_holes(gateway, checkpoint.seq, rows)
    watch.note_page(checkpoint.seq, len(rows))
    folded: list[DecodedEvent] = []
    told = 0
    if rows:
        if edition is not None or working_set.written_by != checkpoint.written_by:
            # Whoever refuses an event of the current edition writes its checkpoint: else there is nothing to learn.
            working_set.refusals.learn(refusals(connection, gateway, working_set.refusals.seen_seq))
        folded, transitions = _fold(connection, working_set, rows, reading.decode, watch)
        refused = [item for item in folded if item.refusal is not None]
        if (transitions or refused or working_set.findings) and on_transitions is not None:
            told = on_transitions(connection, working_set, transitions, refused)
            if told:
                _commit_durably(connection)
    return Step(
        working_set=working_set,
        folded=len(folded),
        refused=sum(item.refusal is not None for item in folded),
        seq=working_set.seq,
        last_us=working_set.ledger.clock.last_us,
        pending=working_set.reconciler.pending,
        told=told,
    )


def _read(connection: Connection, gateway: str, after: int, count: int, reading: Reading) -> list[Event]:
    """Return at most so many of the next events: what was handed over and is in the log, or else from there."""
    handover = reading.handover
    if handover is not None and (handed := handover.after(after, count)) is not None:
        if holds(connection, gateway, handed.seq, handed.digest):
            return handed.events
        handover.clear()
    return reading.pages(connection, gateway, after, count)


def _fold(
    connection: Connection, working_set: WorkingSet, rows: list[Event], reading: EventDecoder, watch: StepWatch
) -> tuple[list[DecodedEvent], list[Transition]]:
    """Decode, fold and write events; return the folded ones, and the transitions."""
    read = leaving_out(working_set.refusals, reading)

    def decode_all(begin: Begin) -> list[DecodedEvent]:
        items: list[DecodedEvent] = []
        for event in rows:
            begin(event.seq)
            items.append(read(event))
        return items

    items = watch.compute(decode_all)
    working_set.prepare(connection, [item for item in items if item.refusal is None])
    count = watch.compute(partial(working_set.fold.fold, items))
    _tell_failures(working_set)
    return items[:count], working_set.save(connection, items[count - 1].event.seq)


def _tell_failures(working_set: WorkingSet) -> None:
    """Log what set units aside; the finding that people see names no place in the code."""
    reconciler = working_set.reconciler
    failures, reconciler.failures = reconciler.failures, []
    for (account, _, unit), error in failures:
        _log.error("recon failed to compare a unit; please report this", account=account, unit=unit, exc_info=error)


def _refuse_holes(gateway: str, after: int, rows: Sequence[Event]) -> None:
    """Raise ProjectionError unless the events follow a position without gaps, as they do until they are archived."""
    if rows and rows[-1].seq != after + len(rows):
        raise ProjectionError(
            f"gateway {gateway!r}: events after {after} are archived; name the directory that has them by --archive"
        )


def _settle_transaction(connection: Connection) -> None:
    """Bound the waits for locks, and let the commit return before the disk has it.

    A crash loses only folds then, and the log is folded again.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")


def _commit_durably(connection: Connection) -> None:
    """Have the commit wait for the disk: what it sends must not be decided again."""
    with cursor_of(connection) as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
