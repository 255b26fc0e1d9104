"""Reading events with all that their digests cover, page by page. Synchronous, on a SQLAlchemy Connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.log.read import PAGE_BYTES, PAGE_EVENTS
from recon.log.stored_event import StoredEvent


def _us(column: str) -> str:
    """Return a time column in microseconds; an infinite time, which no append writes, counts as the epoch."""
    return (
        f"CASE WHEN isfinite({column}) OR {column} IS NULL THEN (extract(epoch FROM {column}) * 1e6)::bigint ELSE 0 END"
    )


# The end of a page follows from the lengths alone, without payloads.
_PAGE: Final = f"""
SELECT seq, {_us("recorded_at")}, {_us("received_at")}, {_us("appended_at")}, kind, account, session, payload, redacted,
       readable, digest
FROM recon_store.log_events
WHERE gateway = %(gateway)s AND seq > %(after)s::bigint AND seq <= (
    SELECT max(seq) FROM (
        SELECT seq, sum(size) OVER (ORDER BY seq) - size AS before FROM (
            SELECT seq, octet_length(payload) AS size FROM recon_store.log_events
            WHERE gateway = %(gateway)s AND seq > %(after)s::bigint AND seq <= %(until)s::bigint
            ORDER BY seq LIMIT %(limit)s
        ) AS sizes
    ) AS lengths WHERE before < %(bytes)s
)
ORDER BY seq
"""  # noqa: S608 - our own columns

_NO_END: Final = (1 << 63) - 1


def stored_events(
    connection: Connection, gateway: str, *, after: int = 0, until: int | None = None
) -> Iterator[list[StoredEvent]]:
    """Yield the events after a position, to another one or to the end, in pages that are bounded in memory."""
    asked = {"gateway": gateway, "until": _NO_END if until is None else until, "limit": PAGE_EVENTS}
    while True:
        with cursor_of(connection, binary=True) as cursor:
            cursor.execute(_PAGE, {**asked, "after": after, "bytes": PAGE_BYTES})
            page = [StoredEvent(*row) for row in cursor]
        if not page:
            return
        yield page
        after = page[-1].seq
