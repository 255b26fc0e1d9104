"""Reading the log in its one order. Synchronous, on a SQLAlchemy Connection."""

from __future__ import annotations

from typing import Final, Protocol

from sqlalchemy import Connection, func, select

from recon.db.raw import cursor_of
from recon.log.events import EVENT_REFUSED, Event
from recon.log.schema import log_events, log_gateways

#: Rows in one read.
PAGE_EVENTS: Final = 1000
#: Most payload bytes in one read, so that a page of huge snapshots stays bounded in memory.
PAGE_BYTES: Final = 32 * 1024 * 1024

# Positions have no gaps, so a page is a range of them, in one partition or two. A payload that is larger than its share
# of the page's bytes stays behind, so what is read stays bounded; lengths are known without reading payloads.
_PAGE: Final = """
SELECT seq, recorded_at, received_at, kind, account, session, readable,
       CASE WHEN octet_length(payload) <= %(share)s THEN payload END
FROM recon_store.log_events
WHERE gateway = %(gateway)s AND seq > %(after)s::bigint AND seq <= %(after)s::bigint + %(limit)s
ORDER BY seq
"""
# The same where payloads are large: the page ends with the event that fills it.
_PAGE_BY_BYTES: Final = """
SELECT seq, recorded_at, received_at, kind, account, session, readable, payload
FROM recon_store.log_events
WHERE gateway = %(gateway)s AND seq > %(after)s::bigint AND seq <= %(after)s::bigint + %(limit)s AND seq <= (
    SELECT max(seq) FROM (
        SELECT seq, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS before
        FROM recon_store.log_events
        WHERE gateway = %(gateway)s AND seq > %(after)s::bigint AND seq <= %(after)s::bigint + %(limit)s
    ) AS lengths WHERE before < %(bytes)s
)
ORDER BY seq
"""

# The kind is written out: only so does the partial index of refusals apply.
_REFUSALS: Final = f"""
SELECT seq, payload FROM recon_store.log_events
WHERE gateway = %s AND seq > %s AND kind = '{EVENT_REFUSED}' ORDER BY seq
"""  # noqa: S608 - a constant of our own
_DIGEST: Final = "SELECT digest FROM recon_store.log_events WHERE gateway = %s AND seq = %s"


class Pages(Protocol):
    """How the log is read for folding: `page` below, or what also reads an archive."""

    def __call__(self, connection: Connection, gateway: str, after: int, limit: int = ..., /) -> list[Event]:
        """Return the next events after a position: at most `limit`, and at least one if there is any."""
        ...


def gateways(connection: Connection) -> list[str]:
    """Return the names of all gateways that have a log."""
    return list(connection.scalars(select(log_gateways.c.gateway).order_by(log_gateways.c.gateway)))


def head(connection: Connection, gateway: str) -> int:
    """Return the position of the last event, 0 for an empty log."""
    last = connection.scalar(select(func.max(log_events.c.seq)).where(log_events.c.gateway == gateway))
    return last or 0


def page(connection: Connection, gateway: str, after: int, limit: int = PAGE_EVENTS) -> list[Event]:
    """Return the next events after a position: at most `limit`, and at least one if there is any."""
    place = {"gateway": gateway, "after": after, "limit": limit}
    with cursor_of(connection, binary=True) as cursor:
        rows = cursor.execute(_PAGE, {**place, "share": PAGE_BYTES // max(limit, 1)}).fetchall()
        if any(row[-1] is None for row in rows):
            rows = cursor.execute(_PAGE_BY_BYTES, {**place, "bytes": PAGE_BYTES}).fetchall()
        return [Event(*row) for row in rows]


def refusals(connection: Connection, gateway: str, after: int) -> list[tuple[int, bytes]]:
    """Return the log position and payload of each refusal of an event that is logged after a position."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_REFUSALS, (gateway, after))
        return [(seq, payload) for seq, payload in cursor]


def holds(connection: Connection, gateway: str, seq: int, digest: bytes) -> bool:
    """True if the event at a position has a digest: it covers all events up to its own."""
    with cursor_of(connection, binary=True) as cursor:
        return cursor.execute(_DIGEST, (gateway, seq)).fetchone() == (digest,)
