"""Editions beside the current one: created, folded while the service runs, and deleted (architecture 3).

1. Whoever folds another edition of a gateway holds a lease on a connection of its own; it ends with that connection,
   so an edition that is being folded without the lease is left over from a process that died.
2. Folding is done in transactions of their own and holds up nobody; deleting goes in batches.
3. A failed step is repeated in parts until one event alone fails, as the projector does.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal
from uuid import uuid4

from sqlalchemy import Connection, Engine, Table, text

from recon.db.raw import cursor_of, driver_connection
from recon.errors import ProjectionError
from recon.log.lease import Holder, take_lease
from recon.log.lease import Purpose as LeasePurpose
from recon.projection.checkpoint import current_edition
from recon.projection.failures import reason_of
from recon.projection.fold import VERSION
from recon.projection.reading import LIVE, Reading
from recon.projection.refusals import Narrowing, Refusal
from recon.projection.step import step
from recon.projection.step_watch import StepWatch
from recon.projection.store import comparison_schema, ledger_schema, source_schema
from recon.projection.store.digest import TABLES
from recon.projection.working_set import WorkingSet

#: Events folded in one transaction of another edition.
BATCH_EVENTS: Final = 5000
#: An edition is folded without the current one's lock until it is at most this many events behind.
NEAR_EVENTS: Final = 2000
#: Rows of an old edition deleted in one transaction.
DELETE_ROWS: Final = 20_000
#: Tables of an edition that its digest leaves out.
_NOT_DIGESTED: Final = (
    ledger_schema.instruments.table,
    comparison_schema.account_comparisons.table,
    comparison_schema.unit_trellises.table,
    comparison_schema.account_calls.table,
    source_schema.source_rules.table,
)

#: Why another edition is folded: to become current, or to be compared and deleted.
Purpose = Literal["building", "what-if"]
#: Called with the number of events done, and of all events.
Progress = Callable[[int, int], None]
#: Called with the refusal of an event that a step fails on alone, and with the failure; raises if nothing helps.
Refuse = Callable[[Refusal, Exception], None]


@contextmanager
def exclusive(engine: Engine, gateway: str, purpose: Purpose) -> Iterator[None]:
    """Exclude anybody else who folds another edition of a gateway for this purpose. Raise ProjectionError.

    What somebody who died has left over is retired, to be deleted.
    """
    wanted: LeasePurpose = "rebuild" if purpose == "building" else purpose
    instance = f"{socket.gethostname()}:{os.getpid()}"
    with engine.connect() as connection:
        with connection.begin():  # the lease is the session's; no transaction stays open meanwhile
            found = take_lease(driver_connection(connection), gateway, wanted, uuid4(), instance)
        connection.detach()  # its end releases the lease, so it does not go back to a pool
        if isinstance(found, Holder):
            what = "being rebuilt" if purpose == "building" else "being folded under other rules"
            raise ProjectionError(f"gateway {gateway!r} is {what} already, by {found}; wait for that to end")
        connection.execute(
            text("UPDATE recon_store.editions SET state = 'retired' WHERE gateway = :gateway AND state = :purpose"),
            {"gateway": gateway, "purpose": purpose},
        )
        connection.commit()
        yield


def new_edition(connection: Connection, gateway: str, purpose: Purpose) -> int:
    """Create an empty edition; return its number."""
    current_edition(connection, gateway)
    with cursor_of(connection) as cursor:
        cursor.execute(
            "INSERT INTO recon_store.editions (gateway, edition, fold_version, state)"
            " SELECT %s, max(edition) + 1, %s, %s FROM recon_store.editions WHERE gateway = %s"
            " RETURNING edition",
            (gateway, VERSION, purpose, gateway),
        )
        row = cursor.fetchone()
    if row is None:  # pragma: no cover - current_edition has made one
        raise ProjectionError(f"gateway {gateway!r} has no edition to fold beside")
    return int(row[0])


def fold_to(
    connection: Connection,
    gateway: str,
    edition: int,
    working_set: WorkingSet | None,
    until: int,
    progress: Progress | None,
    reading: Reading = LIVE,
) -> WorkingSet | None:
    """Fold an edition up to a log position within one transaction."""
    done = working_set.seq if working_set is not None else 0
    while done < until:
        folded = step(
            connection, gateway, working_set, edition=edition, until=until, limit=BATCH_EVENTS, reading=reading
        )
        working_set, done = folded.working_set, folded.seq
        if progress is not None:
            progress(done, until)
    return working_set


def fold_until_near(
    engine: Engine,
    gateway: str,
    edition: int,
    progress: Progress | None,
    *,
    refuse: Refuse,
    reading: Reading = LIVE,
    near: int = NEAR_EVENTS,
) -> WorkingSet | None:
    """Fold in short transactions, without blocking anybody, until the current edition's position is near.

    Never beyond it: events that it has not folded yet are the live projector's to fold, and to alert of. An event that
    steps fail on is found and given to `refuse`.
    """
    working_set: WorkingSet | None = None
    narrowing = Narrowing(BATCH_EVENTS)
    while True:
        watch = StepWatch()
        try:
            with engine.begin() as connection:
                end = _position(connection, gateway)
                done = step(
                    connection,
                    gateway,
                    working_set,
                    edition=edition,
                    until=end,
                    limit=narrowing.limit,
                    reading=reading,
                    watch=watch,
                )
        except Exception as error:  # noqa: BLE001 - whatever fails is an event's doing, or is raised
            working_set = None
            _find_refused(error, watch, narrowing, refuse)
            continue
        narrowing.note_success(done.seq)
        working_set = done.working_set
        if progress is not None:
            progress(done.seq, end)
        if end - done.seq <= near:
            return working_set


def _find_refused(error: Exception, watch: StepWatch, narrowing: Narrowing, refuse: Refuse) -> None:
    """After a failed step, take fewer events, or have the one that failed alone refused; raise what is none's doing."""
    reason = reason_of(error)
    if reason is None or watch.count == 0:
        raise error
    if narrowing.note_failure(watch.after_seq, watch.count, watch.at_seq):
        refusal = Refusal(watch.after_seq + 1, VERSION, reason)
        refuse(refusal, error)
        narrowing.note_refusal(refusal.seq)


def _position(connection: Connection, gateway: str) -> int:
    with cursor_of(connection) as cursor:
        cursor.execute("SELECT seq FROM recon_store.editions WHERE gateway = %s AND state = 'current'", (gateway,))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def delete_retired(engine: Engine, gateway: str) -> None:
    """Delete a gateway's retired editions."""
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute("SELECT edition FROM recon_store.editions WHERE gateway = %s AND state = 'retired'", (gateway,))
        retired = [int(edition) for (edition,) in cursor]
    for edition in retired:
        delete_edition(engine, gateway, edition)


def delete_edition(engine: Engine, gateway: str, edition: int) -> None:
    """Remove an edition in batches, so that nobody waits for it."""
    for table in (*TABLES, *_NOT_DIGESTED):
        while _delete_rows(engine, table, gateway, edition):
            pass
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            "DELETE FROM recon_store.editions WHERE gateway = %s AND edition = %s AND state <> 'current'",
            (gateway, edition),
        )


def _delete_rows(engine: Engine, table: Table, gateway: str, edition: int) -> bool:
    """Delete the next rows of an edition, in the order of their key; return whether any are left."""
    name = f"{table.schema}.{table.name}"
    key = ", ".join(column.name for column in table.primary_key.columns if column.name not in {"gateway", "edition"})
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            f"SELECT {key} FROM {name} WHERE gateway = %s AND edition = %s"  # noqa: S608 - our own names
            f" ORDER BY {key} OFFSET %s LIMIT 1",
            (gateway, edition, DELETE_ROWS),
        )
        # A range of the key is found by its index, with statistics of the table and without.
        end = cursor.fetchone()
        before = "" if end is None else f" AND ({key}) < ({', '.join('%s' for _ in end)})"
        cursor.execute(
            f"DELETE FROM {name} WHERE gateway = %s AND edition = %s{before}",  # noqa: S608
            (gateway, edition, *(end or ())),
        )
        return end is not None
