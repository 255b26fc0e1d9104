"""`recon verify`: recompute every digest of the log, and compare the end with an exported head (architecture 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import IntegrityError
from recon.log.events import chain, genesis, leaf

PAGE: Final = 1000

_ROWS: Final = """
SELECT seq, (extract(epoch FROM recorded_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint,
       kind, account, session, payload, digest
FROM recon_store.log_events WHERE gateway = %s AND seq > %s ORDER BY seq LIMIT %s
"""


#: Position, log time, time of receipt, kind, account, session, payload, digest.
_Row: TypeAlias = tuple[int, int, int, str, str | None, str | None, bytes, bytes]


class Head(msgspec.Struct, frozen=True):
    """The end of a log at one time: its last position, and the digest that covers all events up to it."""

    gateway: str
    seq: int
    digest: str


def verify(
    connection: Connection, gateway: str, *, against: Head | None = None, progress: Callable[[int], None] | None = None
) -> Head:
    """Recompute the chain from the first event and return its head.

    Raise IntegrityError with the first position whose number or digest does not fit, or if the log no longer contains
    the head that was exported earlier (`against`).
    """
    head = Head(gateway, 0, genesis(gateway).hex())
    while rows := _rows(connection, gateway, head.seq):
        for row in rows:
            head = _next_head(head, row)
            if against is not None and head.seq == against.seq and head.digest != against.digest:
                message = (
                    f"gateway {gateway!r}: event {head.seq} has another digest than the exported head; history differs"
                )
                raise IntegrityError(message)
        if progress is not None:
            progress(head.seq)
    if against is not None and head.seq < against.seq:
        missing = f"the log ends at {head.seq}, the exported head was at {against.seq}; events are missing"
        raise IntegrityError(f"gateway {gateway!r}: {missing}")
    return head


def _next_head(head: Head, row: _Row) -> Head:
    """Return the head after one more event. Raise IntegrityError if the event does not continue the chain."""
    seq, recorded, received, kind, account, session, payload, recorded_digest = row
    if seq != head.seq + 1:
        raise IntegrityError(f"gateway {head.gateway!r}: after event {head.seq} comes {seq}; events are missing")
    digest = chain(bytes.fromhex(head.digest), seq, recorded, leaf(kind, account, session, received, payload))
    if digest != recorded_digest:
        message = f"gateway {head.gateway!r}: event {seq} does not fit its digest; it, or an earlier one, was changed"
        raise IntegrityError(message)
    return Head(head.gateway, seq, digest.hex())


def _rows(connection: Connection, gateway: str, after: int) -> list[_Row]:
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_ROWS, (gateway, after, PAGE))
        return cursor.fetchall()
