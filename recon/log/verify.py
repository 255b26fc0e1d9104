"""`recon verify`: recompute what can be recomputed of a log, and compare what is stored twice (architecture 2.3).

1. The digest of each event covers its content, its marks (`redacted`, `readable`), its position and both its times.
2. `readable` follows from the payload, so it is recomputed too; log time never goes back.
3. The batches cover the log: no event is in none of them or in two, and they end where the log ends.
4. No edition is folded beyond the end of the log, and a head that was exported earlier is still in it.
5. Each log has its row among the gateways, without which no command would show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.errors import IntegrityError
from recon.log.events import Head, Marks, canonical, chain, former_leaf, genesis, leaf
from recon.log.readable import is_readable

PAGE: Final = 1000
#: Differences after which the search ends: they all have one reason, or the log is not worth more of them.
MAX_DIFFERENCES: Final = 20


def _us(column: str) -> str:
    """Return a time column in microseconds; an infinite time, which no append writes, counts as the epoch."""
    return (
        f"CASE WHEN isfinite({column}) OR {column} IS NULL THEN (extract(epoch FROM {column}) * 1e6)::bigint ELSE 0 END"
    )


_ROWS: Final = f"""
SELECT seq, {_us("recorded_at")}, {_us("received_at")}, kind, account, session, payload, redacted, readable, digest,
       {_us("appended_at")}
FROM recon_store.log_events WHERE gateway = %s AND seq > %s ORDER BY seq LIMIT %s
"""  # noqa: S608 - our own columns
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

#: Position, log time, time of receipt, kind, account, session, payload, redacted, readable, digest, time of the append.
_Row: TypeAlias = tuple[int, int, int, str, str | None, str | None, bytes, bool, bool, bytes, int | None]

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
    connection: Connection, gateway: str, *, against: Head | None = None, progress: Callable[[int], None] | None = None
) -> Head:
    """Recompute the chain from the first event and return its head.

    Raise IntegrityError that names each difference by its position: events, batches and editions that do not fit, or a
    head exported earlier (`against`) that the log no longer contains.
    """
    events = _Events(gateway, against)
    try:
        while rows := _rows(connection, gateway, events.seq):
            for row in rows:
                events.check(row)
            if progress is not None:
                progress(events.seq)
        events.end()
        for difference in _differing_ends(connection, gateway):
            events.differs(difference)
    except _TooManyError:
        pass
    if events.differences:
        lines = [f"gateway {gateway!r}: {difference}" for difference in [*events.differences, _ADVICE]]
        raise IntegrityError("\n".join(lines))
    return events.head


class _TooManyError(Exception):
    """The search has ended before the end of the log."""


class _Events:
    """Checks one event after another. After one that differs, the chain goes on from the digest that is stored."""

    def __init__(self, gateway: str, against: Head | None) -> None:
        self.seq = 0
        self.differences: list[str] = []
        self._gateway = gateway
        self._against = against
        self._digest = genesis(gateway)
        self._recorded_us = 0
        #: Position, log time and time of the append of the event that is checked.
        self._stamp: tuple[int, int, int | None] = (0, 0, None)
        #: False while the events are from before revision 0002, whose digests do not cover the marks.
        self._marked = False

    @property
    def head(self) -> Head:
        """Return the head after the events so far."""
        return Head(self._gateway, self.seq, self._digest.hex())

    def differs(self, difference: str, *, ends: bool = False) -> None:
        """Note a difference. Raise _TooManyError if the search ends with it."""
        self.differences.append(difference)
        if ends or len(self.differences) >= MAX_DIFFERENCES:
            raise _TooManyError

    def check(self, row: _Row) -> None:
        """Check one more event."""
        seq, recorded_us, received_us, kind, account, session, payload, redacted, readable, digest, appended_us = row
        if seq != self.seq + 1:
            self.differs(f"after event {self.seq} comes {seq}; events are missing", ends=True)
        content, marks = canonical(kind, account, session, received_us, payload), Marks(redacted, readable)
        self._stamp = (seq, recorded_us, appended_us)
        if self._fits(content, marks, digest) and is_readable(payload) is (not readable):
            marked, is_ = ("readable", "is not") if readable else ("unreadable", "is")
            self.differs(f"event {seq} is marked as {marked}, and its payload {is_} JSON that can be read")
        if recorded_us < self._recorded_us:
            self.differs(f"the log time of event {seq} is before that of event {seq - 1}")
        self.seq, self._digest, self._recorded_us = seq, digest, recorded_us
        against = self._against
        if against is not None and seq == against.seq and digest.hex() != against.digest:
            self.differs(f"event {seq} has another digest than the exported head; history differs")

    def end(self) -> None:
        """Compare the end of the log with the exported head."""
        if self._against is not None and self.seq < self._against.seq:
            ended = f"the log ends at {self.seq}, the exported head was at {self._against.seq}"
            self.differs(f"{ended}; events are missing")

    def _fits(self, content: bytes, marks: Marks, digest: bytes) -> bool:
        """Check an event's digest; return False if it does not fit."""
        seq, _, appended_us = self._stamp
        if appended_us is not None:
            if self._chained(leaf(content, marks, appended_us)) == digest:
                self._marked = True
                return True
            for name in Marks._fields:
                flipped = marks._replace(**{name: not getattr(marks, name)})
                if self._chained(leaf(content, flipped, appended_us)) == digest:
                    self.differs(f"event {seq} does not fit its digest; its mark {name!r} was changed")
                    return False
        elif self._chained(former_leaf(content)) == digest:
            if self._marked:
                self.differs(f"event {seq} has the digest of a former version, which does not cover its marks")
            return True
        self.differs(f"event {seq} does not fit its digest; it was changed")
        return False

    def _chained(self, leaf_: bytes) -> bytes:
        seq, recorded_us, _ = self._stamp
        return chain(self._digest, seq, recorded_us, leaf_)


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


def _rows(connection: Connection, gateway: str, after: int) -> list[_Row]:
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_ROWS, (gateway, after, PAGE))
        return cursor.fetchall()
