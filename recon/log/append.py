"""Appending: the one call every writer makes (architecture 3). Synchronous, on a raw psycopg connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from recon.errors import AppendRefused
from recon.log.events import NewEvent
from recon.times import microseconds, to_datetime

#: Most events in one batch; a batch is one transaction.
MAX_BATCH_EVENTS: Final = 1000
#: Most payload bytes in one batch, unless a single event is larger.
MAX_BATCH_BYTES: Final = 8 * 1024 * 1024

# All that it answers: a database before revision 0027, to which one may go back meanwhile, answers less.
# `%b` sends arrays in binary: about four times faster than text for payloads.
_CALL: Final = sql.SQL(
    "SELECT * FROM recon_store.append("
    "%b::text, %b::uuid, %b::bigint, %b::bigint, %b::text[], %b::text[], %b::text[], %b::bigint[], %b::boolean[],"
    " %b::bytea[], %b::bigint)"
)


class Appended(msgspec.Struct, frozen=True):
    """The positions of a batch. `repeated`: an earlier attempt had appended it, and this is its result.

    `clock` is what the database's clock showed meanwhile. `last_digest` is the digest of the last event, empty where
    the database does not answer it; then `unreadable` says nothing either. Else it has the places, counted from 1, of
    the payloads that cannot be read as JSON.
    """

    first_seq: int
    last_seq: int
    recorded_at: datetime
    repeated: bool
    clock: datetime
    last_digest: bytes = b""
    unreadable: frozenset[int] = frozenset()


def append(
    connection: psycopg.Connection,
    *,
    gateway: str,
    writer: UUID,
    batch: int,
    now: datetime,
    events: Sequence[NewEvent],
    term: int | None = None,
) -> Appended:
    """Append one named batch in the caller's transaction and return its positions.

    The same (writer, batch) with the same content returns the earlier result, so a retry after a lost connection is
    harmless. With the `term` of a lease, the batch is appended only while this connection holds that lease.
    `now` is log time by the writer's clock. The database raises it where it would go back, and lowers it to a minute
    ahead of its own clock, or of the log where that is further. Raise AppendRefused if the batch is out of order or
    empty, or its name is another content's. Raise psycopg.errors.InsufficientPrivilege if the writer is another
    login's, and psycopg.errors.LockNotAvailable if the lease is lost or the log stays locked.
    """
    arguments = (
        gateway,
        writer,
        batch,
        microseconds(now),
        [event.kind for event in events],
        [storable_account(event.account) for event in events],
        [event.session for event in events],
        [microseconds(event.received_at) for event in events],
        [event.redacted for event in events],
        [event.payload for event in events],
        term,
    )
    try:
        row = connection.execute(_CALL, arguments, binary=True).fetchone()
    except (psycopg.errors.DataError, psycopg.errors.IntegrityError, psycopg.errors.InvalidTransactionState) as error:
        message = f"the log of gateway {gateway!r} refused a batch: {error.diag.message_primary or error}"
        raise AppendRefused(message) from error
    if row is None:  # pragma: no cover - a function call gives one row
        raise AppendRefused(f"the log of gateway {gateway!r} gave no answer to a batch")
    return appended_of(*row)


def appended_of(
    first_seq: int,
    last_seq: int,
    recorded_us: int,
    repeated: bool,
    clock_us: int,
    last_digest: bytes = b"",
    unreadable: Iterable[int] = (),
) -> Appended:
    """Return what a database function answered."""
    at, clock = to_datetime(recorded_us), to_datetime(clock_us)
    return Appended(first_seq, last_seq, at, repeated, clock, last_digest, frozenset(unreadable))


def storable_account(account: str | None) -> str | None:
    """Return the account, or None if Postgres cannot store its name; the payload keeps the name byte for byte."""
    return None if account is not None and "\0" in account else account


def batches(events: Sequence[NewEvent]) -> list[Sequence[NewEvent]]:
    """Return a sequence in batches within the named bounds, in order."""
    result: list[Sequence[NewEvent]] = []
    start = size = 0
    for index, event in enumerate(events):
        if index > start and (index - start >= MAX_BATCH_EVENTS or size + len(event.payload) > MAX_BATCH_BYTES):
            result.append(events[start:index])
            start, size = index, 0
        size += len(event.payload)
    if start < len(events):
        result.append(events[start:])
    return result
