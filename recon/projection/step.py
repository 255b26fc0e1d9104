"""One step of projection: events after the checkpoint, folded and written in one transaction (architecture 3)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import msgspec
import structlog
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import ProjectionError
from recon.log.events import Event
from recon.log.read import PAGE_EVENTS, page, refusals
from recon.projection.fold import VERSION, DecodedEvent, EventDecoder, decode_event, leaving_out
from recon.projection.step_watch import Begin, StepWatch
from recon.projection.working_set import WorkingSet, load
from recon.reconciliation.model.snapshot import Transition

#: How often a step looks for the current edition while a rebuild switches it.
LOCK_ATTEMPTS: Final = 3
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


def current_edition(connection: Connection, gateway: str) -> int:
    """Return the current edition of a gateway; create one if there is none."""
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT edition FROM recon_store.editions WHERE gateway = %s AND state = 'current'", (gateway,))
        row = cursor.fetchone()
        if row is not None:
            return int(row[0])
        cursor.execute(
            "INSERT INTO recon_store.editions (gateway, edition, fold_version, state)"
            " SELECT %s, coalesce(max(edition), 0) + 1, %s, 'current' FROM recon_store.editions WHERE gateway = %s"
            " ON CONFLICT DO NOTHING",
            (gateway, VERSION, gateway),
        )
    return current_edition(connection, gateway)


def lock(connection: Connection, gateway: str, edition: int) -> tuple[int, bytes, str, int]:
    """Lock an edition's checkpoint for this transaction; return (seq, clock, state, fold version)."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT seq, clock, state, fold_version FROM recon_store.editions"
            " WHERE gateway = %s AND edition = %s FOR NO KEY UPDATE",
            (gateway, edition),
        )
        row = cursor.fetchone()
    if row is None:
        raise ProjectionError(f"edition {edition} of gateway {gateway!r} is gone; start again from the current one")
    return row[0], row[1], row[2], row[3]


def step(  # noqa: PLR0913 - what is folded, how far, how it is read, and who hears of it: four independent choices
    connection: Connection,
    gateway: str,
    working_set: WorkingSet | None,
    *,
    edition: int | None = None,
    until: int | None = None,
    limit: int = PAGE_EVENTS,
    reading: EventDecoder = decode_event,
    on_transitions: OnTransitions | None = None,
    watch: StepWatch | None = None,
) -> Step:
    """Fold the next events of a gateway into an edition (by default the current one), and write the result.

    `working_set` is used if it still stands at the checkpoint, else loaded anew. A failed step leaves it unusable.
    The step ends early, with what is folded then, when it has computed for long. `watch` knows what the step does.
    Raise ProjectionError if another version folded the edition; `recon rebuild` mends that.
    """
    watch = StepWatch() if watch is None else watch
    _commit_lazily(connection, on=True)
    checkpoint = lock_edition(connection, gateway, edition)
    if working_set is None or (working_set.edition, working_set.seq) != (checkpoint.edition, checkpoint.seq):
        working_set = load(connection, gateway, checkpoint.edition, seq=checkpoint.seq, clock=checkpoint.clock)
    count = limit if until is None else min(limit, until - checkpoint.seq)
    rows = page(connection, gateway, checkpoint.seq, count) if count > 0 else []
    watch.note_page(checkpoint.seq, len(rows))
    folded: list[DecodedEvent] = []
    told = 0
    if rows:
        working_set.refusals.learn(refusals(connection, gateway, working_set.refusals.seen_seq))
        folded, transitions = _fold(connection, working_set, rows, reading, watch)
        refused = [item for item in folded if item.refusal is not None]
        if (transitions or refused or working_set.findings) and on_transitions is not None:
            told = on_transitions(connection, working_set, transitions, refused)
            _commit_lazily(connection, on=not told)
    return Step(
        working_set=working_set,
        folded=len(folded),
        refused=sum(item.refusal is not None for item in folded),
        seq=working_set.seq,
        last_us=working_set.ledger.clock.last_us,
        pending=working_set.reconciler.pending,
        told=told,
    )


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


class Checkpoint(NamedTuple):
    """A locked edition: its number, the log position folded, and the stored clock."""

    edition: int
    seq: int
    clock: bytes


def lock_edition(connection: Connection, gateway: str, edition: int | None) -> Checkpoint:
    """Lock an edition, by default the current one; a rebuild may switch editions meanwhile, so try again."""
    for _ in range(LOCK_ATTEMPTS):
        number = current_edition(connection, gateway) if edition is None else edition
        seq, clock, state, version = lock(connection, gateway, number)
        if edition is not None or state == "current":
            break
    else:
        raise ProjectionError(f"the current edition of gateway {gateway!r} keeps changing; try again")
    if version != VERSION:
        message = (
            f"the books of gateway {gateway!r} were folded by version {version}, this is {VERSION}; run `recon rebuild`"
        )
        raise ProjectionError(message)
    return Checkpoint(number, seq, clock)


def _commit_lazily(connection: Connection, *, on: bool) -> None:
    """Let the commit return before the disk has it: a crash loses only folds, and the log is folded again.

    A commit that sends alerts waits for the disk.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit = {'off' if on else 'on'}")
