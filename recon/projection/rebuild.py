"""Rebuild: fold the whole log into another edition while the service runs, compare, and make it current (design 3).

1. The same version of the fold must give the same digest; another one is refused and reported, and nothing changes.
2. A new version of the fold may differ: its edition becomes current, and the difference is told.
3. The switch is one row under the checkpoint's lock; views and the running projector go on with the new edition.
4. Alerts of old transitions are not sent again: only the live projector of the current edition makes any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import SQLAlchemyError

from recon.books import schema as books
from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.raw import cursor_of
from recon.errors import ProjectionError
from recon.log.read import head
from recon.projection.digest import TABLES, digest_of
from recon.projection.fold import VERSION
from recon.projection.step import Step, current_edition, lock, step
from recon.projection.working import WorkingSet

#: The candidate is folded without the lock until it is at most this many events behind.
NEAR_EVENTS: Final = 2000
#: Events folded in one transaction of a rebuild.
BATCH_EVENTS: Final = 5000
#: Rows of an old edition deleted in one transaction.
DELETE_ROWS: Final = 20_000

Progress = Callable[[int, int], None]


class RebuildResult(msgspec.Struct, frozen=True):
    """What a rebuild found: `same` tells whether the digests agree, `switched` whether the new edition is current."""

    gateway: str
    edition: int
    events: int
    digest: str
    same: bool
    switched: bool


def rebuild(url: str, gateway: str, *, progress: Progress | None = None) -> RebuildResult:
    """Fold a gateway's log from its first event, compare with the current edition, and switch.

    `progress` is told events done and events in all. Errors: ProjectionError where the same version of the fold gave
    other books (the current edition stays); DatabaseError where the database failed (what was begun is removed).
    """
    engine = create_engine(url, "recon rebuild", pooled=False)
    try:
        return _rebuild(engine, gateway, progress)
    except SQLAlchemyError as error:
        raise database_error(error, f"the rebuild of gateway {gateway!r} failed") from error
    finally:
        engine.dispose()


def _rebuild(engine: Engine, gateway: str, progress: Progress | None) -> RebuildResult:
    with _alone(engine, gateway):
        _retire_left_over(engine, gateway)
        with engine.begin() as connection:
            edition = _new_edition(connection, gateway)
        switched = False
        try:
            working = _fold_until_near(engine, gateway, edition, progress)
            result = _compare_and_switch(engine, gateway, edition, working, progress)
            switched = result.switched
        finally:
            if not switched:
                _delete_edition(engine, gateway, edition)
        _delete_retired(engine, gateway)
        return result


@contextmanager
def _alone(engine: Engine, gateway: str) -> Iterator[None]:
    """Hold the gateway's rebuild lock on a connection of its own; it ends with the connection."""
    with engine.connect() as connection, cursor_of(connection) as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended('recon.rebuild:' || %s, 0))", (gateway,))
        row = cursor.fetchone()
        connection.commit()
        if row is None or not row[0]:
            raise ProjectionError(f"gateway {gateway!r} is being rebuilt already; wait for that to end")
        yield


def _retire_left_over(engine: Engine, gateway: str) -> None:
    """Whoever was building an edition without holding the lock has died."""
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            "UPDATE recon_store.editions SET state = 'retired' WHERE gateway = %s AND state = 'building'", (gateway,)
        )


def _new_edition(connection: Connection, gateway: str) -> int:
    current_edition(connection, gateway)
    with cursor_of(connection) as cursor:
        cursor.execute(
            "INSERT INTO recon_store.editions (gateway, edition, fold_version, state)"
            " SELECT %s, max(edition) + 1, %s, 'building' FROM recon_store.editions WHERE gateway = %s"
            " RETURNING edition",
            (gateway, VERSION, gateway),
        )
        row = cursor.fetchone()
    if row is None:  # pragma: no cover - current_edition has made one
        raise ProjectionError(f"gateway {gateway!r} has no edition to rebuild")
    return int(row[0])


def _fold_until_near(engine: Engine, gateway: str, edition: int, progress: Progress | None) -> WorkingSet | None:
    """Fold in transactions of their own, without holding up anybody, until the end of the log is near."""
    working: WorkingSet | None = None
    while True:
        with engine.begin() as connection:
            end = head(connection, gateway)
            done: Step = step(connection, gateway, working, edition=edition, until=end, limit=BATCH_EVENTS)
        working = done.working
        if progress is not None:
            progress(done.seq, end)
        if end - done.seq <= NEAR_EVENTS:
            return working


def _compare_and_switch(
    engine: Engine, gateway: str, edition: int, working: WorkingSet | None, progress: Progress | None
) -> RebuildResult:
    """Under the current edition's lock, fold the rest, compare digests, and switch."""
    with engine.begin() as connection:
        current = current_edition(connection, gateway)
        seq, _, state, version = lock(connection, gateway, current)
        if state != "current":
            raise ProjectionError(f"the current edition of gateway {gateway!r} changed meanwhile; rebuild again")
        done = working.seq if working is not None else 0
        while done < seq:
            folded = step(connection, gateway, working, edition=edition, until=seq, limit=BATCH_EVENTS)
            working, done = folded.working, folded.seq
            if progress is not None:
                progress(done, seq)
        ours, theirs = digest_of(connection, gateway, edition), digest_of(connection, gateway, current)
        same = ours == theirs and done == seq
        if not same and version == VERSION:
            message = (
                f"gateway {gateway!r}: folding the same {seq} events gave other books"
                f" ({ours[:16]} instead of {theirs[:16]}); the current ones stay, please report this"
            )
            raise ProjectionError(message)
        with cursor_of(connection) as cursor:
            for wanted, name in (("retired", current), ("current", edition)):
                cursor.execute(
                    "UPDATE recon_store.editions SET state = %s WHERE gateway = %s AND edition = %s",
                    (wanted, gateway, name),
                )
    return RebuildResult(gateway=gateway, edition=edition, events=seq, digest=ours, same=same, switched=True)


def _delete_retired(engine: Engine, gateway: str) -> None:
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute("SELECT edition FROM recon_store.editions WHERE gateway = %s AND state = 'retired'", (gateway,))
        retired = [int(edition) for (edition,) in cursor]
    for edition in retired:
        _delete_edition(engine, gateway, edition)


def _delete_edition(engine: Engine, gateway: str, edition: int) -> None:
    """Remove an edition in batches, so that nobody waits for it."""
    for table in (*TABLES, books.instruments):
        while _delete_some(engine, table, gateway, edition) == DELETE_ROWS:
            pass
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            "DELETE FROM recon_store.editions WHERE gateway = %s AND edition = %s AND state <> 'current'",
            (gateway, edition),
        )


def _delete_some(engine: Engine, table: Table, gateway: str, edition: int) -> int:
    name = f"{table.schema}.{table.name}"
    with engine.begin() as connection, cursor_of(connection) as cursor:
        cursor.execute(
            f"DELETE FROM {name} WHERE ctid = ANY (ARRAY("  # noqa: S608 - our own table's name
            f"SELECT ctid FROM {name} WHERE gateway = %s AND edition = %s LIMIT %s))",
            (gateway, edition, DELETE_ROWS),
        )
        return cursor.rowcount
