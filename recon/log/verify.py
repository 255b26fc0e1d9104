"""`recon verify`: recompute every digest of the log, and compare with an exported head (architecture 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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


class Head(msgspec.Struct, frozen=True):
    """The end of a log at one time: its last position and the digest that vouches for all before it."""

    gateway: str
    seq: int
    digest: str


def verify(
    connection: Connection, gateway: str, *, against: Head | None = None, progress: Callable[[int], None] | None = None
) -> Head:
    """Recompute the chain from the first event and return the head it leads to.

    Raises IntegrityError naming the first position whose digest, or number, does not fit; and where the log does not
    hold an exported head that it once had (`against`).
    """
    seq, digest = 0, genesis(gateway)
    while rows := _rows(connection, gateway, seq):
        for row in rows:
            found, recorded, received, kind, account, session, payload, recorded_digest = row
            if found != seq + 1:
                raise IntegrityError(f"gateway {gateway!r}: after event {seq} comes {found}; events are missing")
            digest = chain(digest, found, recorded, leaf(kind, account, session, received, payload))
            if digest != recorded_digest:
                message = f"gateway {gateway!r}: event {found} does not fit its digest; it, or one before, was changed"
                raise IntegrityError(message)
            seq = found
            if against is not None and seq == against.seq and digest.hex() != against.digest:
                message = f"gateway {gateway!r}: event {seq} has another digest than the exported head; history differs"
                raise IntegrityError(message)
        if progress is not None:
            progress(seq)
    if against is not None and seq < against.seq:
        message = (
            f"gateway {gateway!r}: the log ends at {seq}, the exported head was at {against.seq}; events are missing"
        )
        raise IntegrityError(message)
    return Head(gateway=gateway, seq=seq, digest=digest.hex())


def _rows(
    connection: Connection, gateway: str, after: int
) -> list[tuple[int, int, int, str, str | None, str | None, bytes, bytes]]:
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_ROWS, (gateway, after, PAGE))
        return cursor.fetchall()
