"""How far each log goes and what keeps events in the database: asked of the database, as the owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from recon.archive.planning import Limit, LogEnds
from recon.db.raw import cursor_of

#: The smallest step of a time in Postgres.
_STEP: Final = timedelta(microseconds=1)

# Of each account the last day that two logins signed; the account that is furthest behind counts.
_ENDS: Final = """
SELECT g.gateway,
       coalesce((SELECT max(e.seq) FROM recon_store.log_events AS e WHERE e.gateway = g.gateway), 0),
       coalesce((SELECT max(a.last_seq) FROM recon.log_archives AS a WHERE a.gateway = g.gateway), 0),
       coalesce((SELECT min(e.seq) FROM recon_store.editions AS e
                 WHERE e.gateway = g.gateway AND e.state <> 'retired'), 0),
       (SELECT min(c.known_seq) FROM (
           SELECT max(x.known_seq) FILTER (WHERE x.state = 'signed') AS known_seq
           FROM recon.closes AS x WHERE x.gateway = g.gateway GROUP BY x.account
       ) AS c),
       CASE WHEN %(before)s::timestamptz IS NOT NULL THEN recon.seq_at(g.gateway, %(before)s) END
FROM recon_store.log_gateways AS g WHERE %(gateway)s::text IS NULL OR g.gateway = %(gateway)s ORDER BY g.gateway
"""


def log_ends(
    connection: Connection, *, gateway: str | None, before: datetime | None, backed_up: Mapping[str, int] | None
) -> list[LogEnds]:
    """Return how far each log goes, or that of one gateway.

    `before`: events from then on stay. `backed_up`: the last position of each log in the last backup; None where no
    backup is expected.
    """
    asked = {"gateway": gateway, "before": None if before is None else before - _STEP}
    with cursor_of(connection) as cursor:
        cursor.execute(_ENDS, asked)
        rows = cursor.fetchall()
    found = []
    for name, head_seq, archived_seq, folded_seq, closed_seq, before_seq in rows:
        limits = [*_limits(folded_seq, closed_seq)]
        if backed_up is not None:
            seq = backed_up.get(name, 0)
            limits.append(Limit(seq, f"the last backup holds events up to {seq}; run `recon backup`"))
        if before_seq is not None:
            limits.append(Limit(before_seq, "some of it was recorded later than --before"))
        found.append(LogEnds(name, head_seq, archived_seq, limits))
    return found


def _limits(folded_seq: int, closed_seq: int | None) -> Iterator[Limit]:
    yield Limit(
        folded_seq,
        f"some books are folded up to event {folded_seq} only; wait for `recon run`, or for the rebuild to end",
    )
    if closed_seq is not None:
        yield Limit(
            closed_seq,
            f"the last day that two logins signed for every account rests on event {closed_seq}; see `recon close`",
        )
