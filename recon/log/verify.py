"""`recon verify`: recompute what can be recomputed of a log, and compare what is stored twice (architecture 2.3).

1. The digest of each event covers its content, its marks (`redacted`, `readable`), its position and both its times.
2. `readable` follows from the payload, so it is recomputed too; log time never goes back.
3. The batches cover the log: no event is in none of them or in two, and they end where the log ends.
4. No edition is folded beyond the end of the log, and a head that was exported earlier is still in it.
5. Each log has its row among the gateways, without which no command would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import IntegrityError
from recon.log.archives import archived_end
from recon.log.chain_check import MAX_DIFFERENCES, ChainCheck, TooManyDifferences
from recon.log.events import Head
from recon.log.stored_events import stored_events

_UNCOVERED: Final = """
SELECT * FROM (
    SELECT first_seq, last_seq, lag(last_seq, 1, 0::bigint) OVER (ORDER BY first_seq, last_seq) AS before
    FROM recon_store.log_batches WHERE gateway = %s
) AS b WHERE first_seq <> before + 1 OR last_seq < first_seq ORDER BY first_seq LIMIT %s
"""
_MISNUMBERED: Final = """
SELECT batch, first_seq, last_seq FROM (
    SELECT batch, first_seq, last_seq, row_number() OVER (PARTITION BY writer ORDER BY first_seq) AS number
    FROM recon_store.log_batches WHERE gateway = %s
) AS b WHERE batch <> number ORDER BY first_seq LIMIT %s
"""
# In one statement, so that an append meanwhile is seen in all of them or in none.
_ENDS: Final = """
WITH log AS (SELECT coalesce(max(seq), 0) AS ended FROM recon_store.log_events WHERE gateway = %(gateway)s)
SELECT 'batches', NULL, coalesce(max(last_seq), 0), log.ended FROM log
LEFT JOIN recon_store.log_batches AS b ON b.gateway = %(gateway)s GROUP BY log.ended
UNION ALL
SELECT 'edition', e.edition, e.seq, log.ended FROM log, recon_store.editions AS e
WHERE e.gateway = %(gateway)s AND e.seq > log.ended
"""

# Each name costs one look into an index, however long its log is.
_NAMES: Final = """
WITH RECURSIVE
    e AS (SELECT min(gateway) AS name FROM recon_store.log_events UNION ALL
          SELECT (SELECT min(x.gateway) FROM recon_store.log_events AS x WHERE x.gateway > e.name) FROM e
          WHERE e.name IS NOT NULL),
    b AS (SELECT min(gateway) AS name FROM recon_store.log_batches UNION ALL
          SELECT (SELECT min(x.gateway) FROM recon_store.log_batches AS x WHERE x.gateway > b.name) FROM b
          WHERE b.name IS NOT NULL)
SELECT name FROM e WHERE name IS NOT NULL UNION SELECT name FROM b WHERE name IS NOT NULL
UNION SELECT gateway FROM recon_store.log_gateways UNION SELECT gateway FROM recon_store.editions ORDER BY 1
"""
_HIDDEN: Final = """
SELECT NOT EXISTS (SELECT FROM recon_store.log_gateways AS g WHERE g.gateway = %(gateway)s)
   AND EXISTS (SELECT FROM recon_store.log_events AS e WHERE e.gateway = %(gateway)s)
"""

_ADVICE: Final = (
    "somebody changed the log in the database itself: find out who, and restore it from a backup;"
    " do not rebuild before, because the books would follow the change"
)


def logs(connection: Connection) -> list[str]:
    """Return the gateways of which anything is stored, also those that no view shows."""
    with cursor_of(connection) as cursor:
        cursor.execute(_NAMES)
        return [name for (name,) in cursor.fetchall()]


def verify(
    connection: Connection,
    gateway: str,
    *,
    against: Head | None = None,
    progress: Callable[[int], None] | None = None,
    archived: Callable[[ChainCheck], None] | None = None,
) -> Head:
    """Recompute the chain of a log and return its head.

    It begins with the first event, or after those that are archived; `archived` checks these first, where the archive
    is at hand. Raise IntegrityError that names each difference by its position: events, batches and editions that do
    not fit, or a head exported earlier (`against`) that the log no longer contains.
    """
    start = None if archived is not None else archived_end(connection, gateway)
    events = ChainCheck(gateway, against=against, start=start)
    try:
        if archived is not None:
            archived(events)
        for page in stored_events(connection, gateway, after=events.seq):
            for event in page:
                events.check(event)
            if progress is not None:
                progress(events.seq)
        events.end()
        for difference in _differing_ends(connection, gateway):
            events.differs(difference)
    except TooManyDifferences:
        pass
    if events.differences:
        lines = [f"gateway {gateway!r}: {difference}" for difference in [*events.differences, _ADVICE]]
        raise IntegrityError("\n".join(lines))
    return events.head


def _differing_ends(connection: Connection, gateway: str) -> Iterator[str]:
    """Yield where the batches do not cover the log, and what reaches beyond its end."""
    for first, last, before in _found(connection, _UNCOVERED, gateway):
        if first > before + 1:
            yield f"events {before + 1} to {first - 1} are in no batch; batches were removed, or events were inserted"
        else:
            yield f"the batch of events {first} to {last} does not follow the one that ends at {before}"
    for batch, first, last in _found(connection, _MISNUMBERED, gateway):
        yield f"batch {batch} of events {first} to {last} does not follow its writer's last one; a batch was removed"
    with cursor_of(connection) as cursor:
        cursor.execute(_ENDS, {"gateway": gateway})
        ends = cursor.fetchall()
        cursor.execute(_HIDDEN, {"gateway": gateway})
        ((hidden,),) = cursor.fetchall()
    if hidden:
        yield "the gateway's own row was removed, so that no command shows the log"
    for what, edition, seq, ended in ends:
        if what == "edition":
            yield f"edition {edition} is folded up to {seq}, the log ends at {ended}; events were cut off"
        elif seq > ended:
            yield f"the batches reach to {seq}, the log ends at {ended}; events were cut off"
        elif seq < ended:
            yield f"events {seq + 1} to {ended} are in no batch; batches were cut off, or events were added"


def _found(connection: Connection, query: str, gateway: str) -> list[tuple[int, ...]]:
    with cursor_of(connection) as cursor:
        cursor.execute(query, (gateway, MAX_DIFFERENCES))
        return cursor.fetchall()
