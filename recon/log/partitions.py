"""The partitions of the log: how large they are, which there are, and making them ahead of need (architecture 2.3).

A partition holds one stretch of log positions, of every gateway. The last one has no end: it takes what no other is
for, so that nothing ever stops the recorder for want of a partition. Only the owner makes partitions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.roles import act_as_owner
from recon.db.source import Source, query_rows
from recon.errors import DatabaseError

#: Log positions of one partition. Some ten gigabytes: small enough to be archived and copied as one, and large enough
#: that years of a busy gateway are some hundred tables, which Postgres plans without effort.
PARTITION_EVENTS: Final = 10_000_000
#: Log positions that are to have a partition beyond the furthest gateway; with fewer than the second it is told.
ROOM_EVENTS: Final = 2 * PARTITION_EVENTS
SHORT_EVENTS: Final = PARTITION_EVENTS // 2
#: Longest wait for the lock on the log, during which nobody appends; and how often it is tried.
LOCK_TIMEOUT: Final = "1s"
ATTEMPTS: Final = 30
PAUSE_SECONDS: Final = 2.0
#: What Postgres says of a lock that was not to be had in time.
_LOCKED: Final = "55P03"

#: The last log position that has a partition of its own, and that of the furthest gateway.
_ENDS: Final = """
SELECT p.first_seq - 1 AS ended, (
    SELECT coalesce(max((SELECT max(e.seq) FROM recon_store.log_events AS e WHERE e.gateway = g.gateway)), 0)
    FROM recon_store.log_gateways AS g
) AS head
FROM recon.log_partitions AS p WHERE p.last_seq IS NULL
"""
_PROMISE: Final = """
ALTER TABLE recon_store.log_events_beyond ADD CONSTRAINT ck_log_events_until CHECK (seq >= {first} AND seq < {end})
    NOT VALID
"""
_PROVE: Final = "ALTER TABLE recon_store.log_events_beyond VALIDATE CONSTRAINT ck_log_events_until"
_TAKE_BACK: Final = "ALTER TABLE recon_store.log_events_beyond DROP CONSTRAINT IF EXISTS ck_log_events_until"
_CLOSE: Final = "SELECT recon_store.close_partition({last})"
_LIST: Final = "SELECT name, first_seq, last_seq, bytes FROM recon.log_partitions ORDER BY first_seq"


class Partition(msgspec.Struct, frozen=True):
    """One table of the log: the log positions that it is for (`last_seq` null: all that follow), and its bytes."""

    name: str
    first_seq: int
    last_seq: int | None
    bytes: int


class Ends(msgspec.Struct, frozen=True):
    """The last log position that has a partition of its own, and the last one of the furthest gateway."""

    ended: int
    head: int

    @property
    def room(self) -> int:
        """Return how many more events find a partition; less than nothing: so many lie beyond the last one."""
        return self.ended - self.head


def close_at(ends: Ends, size: int = PARTITION_EVENTS) -> int:
    """Return where the next partition ends. Pure.

    It ends a size after the last one. Where gateways are already beyond that one, it ends at least a size after
    the furthest of them: events go on coming while what there is of them is read.
    """
    if ends.room >= 0:
        return ends.ended + size
    return size * ((ends.head + size - 1) // size + 1)


def partitions(connection: Source) -> list[Partition]:
    """Return the partitions of the log in the order of what they hold."""
    return [msgspec.convert(row, Partition) for row in query_rows(connection, _LIST, {})]


def ends(connection: Source) -> Ends:
    """Return how far partitions have been made, and how far the log is."""
    (row,) = query_rows(connection, _ENDS, {})
    return msgspec.convert(row, Ends)


def make_partitions(
    url: str,
    *,
    room: int = ROOM_EVENTS,
    size: int = PARTITION_EVENTS,
    pause: Callable[[float], None] = time.sleep,  # noqa: TID251 - in a thread, never in a Trio task
) -> list[int]:
    """Make partitions as the owner until `room` events find one, and return where each ends.

    Each takes the log's lock for a moment, between two appends. Raise DatabaseError if the database refuses, or if
    the lock is not to be had: what was begun is taken back.
    """
    engine = create_engine(url, "recon partitions", pooled=False)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            act_as_owner(connection)
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            made = []
            while (at := ends(connection)).room < room:
                made.append(close_at(at, size))
                _close(connection, at, made[-1], pause)
            return made
    except SQLAlchemyError as error:
        raise database_error(error, "no partition could be made") from error
    finally:
        engine.dispose()


def _close(connection: Connection, at: Ends, last: int, pause: Callable[[float], None]) -> None:
    """Give what lies beyond the last partition an end. Its rows are read before, while events are appended."""
    held = at.room < 0
    try:
        if held:
            _locking(connection, _TAKE_BACK, pause)
            _locking(connection, _PROMISE.format(first=at.ended + 1, end=last + 1), pause)
            connection.execute(text(_PROVE))
        _locking(connection, _CLOSE.format(last=last), pause)
    except BaseException:
        if held:
            _locking(connection, _TAKE_BACK, pause)
        raise


def _locking(connection: Connection, statement: str, pause: Callable[[float], None]) -> None:
    """Run a statement that needs a lock on the log, again and again for a while if others keep it."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection.execute(text(statement))
        except SQLAlchemyError as error:
            if _state(error) != _LOCKED:
                raise
            if attempt == ATTEMPTS:
                message = "somebody has read the log for too long; no partition could be made meanwhile"
                raise DatabaseError(f"{message}: try again when long queries have ended") from error
            pause(PAUSE_SECONDS)
        else:
            return


def _state(error: SQLAlchemyError) -> str | None:
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state
