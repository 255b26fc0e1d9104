"""Reading the log in its one order. Synchronous, on a SQLAlchemy Connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import BYTEA

from recon.db.raw import cursor_of
from recon.log.events import Event, moment
from recon.log.schema import log_events, log_gateways

#: Rows in one read.
PAGE_EVENTS: Final = 1000
#: Payload bytes after which a read stops, so that a page of huge snapshots stays bounded in memory.
PAGE_BYTES: Final = 32 * 1024 * 1024

# A window function would read all rows first; the running sum over a LIMITed subquery reads one page.
_PAGE: Final = """
SELECT seq, (extract(epoch FROM recorded_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint,
       kind, account, session, readable, payload
FROM (
    SELECT e.*, sum(octet_length(payload)) OVER (ORDER BY seq) - octet_length(payload) AS before
    FROM (SELECT * FROM recon_store.log_events WHERE gateway = %s AND seq > %s ORDER BY seq LIMIT %s) AS e
) AS page
WHERE before < %s ORDER BY seq
"""


def gateways(connection: Connection) -> list[str]:
    """Return the names of all gateways that have a log."""
    return list(connection.scalars(select(log_gateways.c.gateway).order_by(log_gateways.c.gateway)))


def head(connection: Connection, gateway: str) -> int:
    """Return the position of the last event, 0 for an empty log."""
    found = connection.scalar(select(func.max(log_events.c.seq)).where(log_events.c.gateway == gateway))
    return found or 0


def page(connection: Connection, gateway: str, after: int, limit: int = PAGE_EVENTS) -> list[Event]:
    """Return the next events after a position: at most `limit`, and at least one if there is any."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_PAGE, (gateway, after, limit, PAGE_BYTES))
        return [
            Event(seq, moment(recorded), moment(received), kind, account, session, readable, payload)
            for seq, recorded, received, kind, account, session, readable, payload in cursor
        ]


def follow(connection: Connection, gateway: str, after: int, until: int) -> Iterator[list[Event]]:
    """Yield pages after one position up to another, inclusive."""
    while after < until:
        events = page(connection, gateway, after, min(PAGE_EVENTS, until - after))
        if not events:
            return
        yield events
        after = events[-1].seq


def last_of_kind(connection: Connection, gateway: str, kind: str) -> bytes | None:
    """Return the payload of the gateway's latest event of a kind, or None."""
    query = (
        select(log_events.c.payload.cast(BYTEA))
        .where(log_events.c.gateway == gateway, log_events.c.kind == kind)
        .order_by(log_events.c.seq.desc())
        .limit(1)
    )
    found = connection.scalar(query)
    return None if found is None else bytes(found)
