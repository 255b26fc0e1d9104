"""One step of projection: events after the checkpoint, folded and written in one transaction (architecture 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import ProjectionError
from recon.log.read import PAGE_EVENTS, page
from recon.projection.fold import VERSION, EventDecoder, decode_event
from recon.projection.working_set import WorkingSet, load
from recon.reconciliation.model.snapshot import Transition

#: How often a step looks for the current edition while a rebuild switches it.
LOCK_ATTEMPTS: Final = 3
#: Called with the transitions of a step, within its transaction.
OnTransitions = Callable[[Connection, WorkingSet, list[Transition]], None]


class Step(msgspec.Struct, frozen=True):
    """The result of one step: events folded, the log position, and whether time alone may decide something."""

    working_set: WorkingSet
    folded: int
    seq: int
    last_us: int
    pending: bool


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
) -> Step:
    """Fold the next events of a gateway into an edition (by default the current one), and write the result.

    `working_set` is used if it still stands at the checkpoint, else loaded anew. A failed step leaves it unusable.
    Raise ProjectionError if another version folded the edition; `recon rebuild` mends that.
    """
    _commit_lazily(connection, on=True)
    checkpoint = _lock_edition(connection, gateway, edition)
    if working_set is None or (working_set.edition, working_set.seq) != (checkpoint.edition, checkpoint.seq):
        working_set = load(connection, gateway, checkpoint.edition, seq=checkpoint.seq, clock=checkpoint.clock)
    count = limit if until is None else min(limit, until - checkpoint.seq)
    rows = page(connection, gateway, checkpoint.seq, count) if count > 0 else []
    if rows:
        decoded_events = [reading(event) for event in rows]
        working_set.prepare(connection, decoded_events)
        working_set.fold.fold(decoded_events)
        transitions = working_set.save(connection, rows[-1].seq)
        if transitions and on_transitions is not None:
            _commit_lazily(connection, on=False)
            on_transitions(connection, working_set, transitions)
    return Step(
        working_set=working_set,
        folded=len(rows),
        seq=working_set.seq,
        last_us=working_set.ledger.clock.last_us,
        pending=working_set.reconciler.pending,
    )


class _Checkpoint(NamedTuple):
    """A locked edition: its number, the log position folded, and the stored clock."""

    edition: int
    seq: int
    clock: bytes


def _lock_edition(connection: Connection, gateway: str, edition: int | None) -> _Checkpoint:
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
    return _Checkpoint(number, seq, clock)


def _commit_lazily(connection: Connection, *, on: bool) -> None:
    """Let the commit return before the disk has it: a crash loses only folds, and the log is folded again.

    A commit that sends alerts waits for the disk.
    """
    with cursor_of(connection) as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit = {'off' if on else 'on'}")
