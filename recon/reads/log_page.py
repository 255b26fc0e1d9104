"""The log, a page at a time by log position: the work for one page is bounded, however rare what is asked for is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.reads.query import Query

#: Events of one page.
PAGE: Final = 100
#: Most events that are looked through for one page.
MAX_LOOKED_AT: Final = 50_000
#: Longest beginning of a payload in a list, in characters.
BEGINNING: Final = 4000

_EVENTS: Final = """
SELECT e.gateway, e.seq, e.recorded_at, e.kind, e.account, e.session, e.readable,
       CASE WHEN e.readable THEN left(e.payload::text, :beginning) END AS beginning
FROM recon.events AS e
WHERE e.gateway = :gateway AND e.seq >= :first AND e.seq <= :last{where}
ORDER BY e.seq {order}
LIMIT :limit"""
_EVENT: Final = """
SELECT e.gateway, e.seq, e.recorded_at, e.received_at, e.kind, e.account, e.session, e.readable, e.redacted, e.digest,
       octet_length(e.raw) AS bytes,
       CASE WHEN e.readable THEN e.payload::text ELSE encode(e.raw, 'base64') END AS payload
FROM recon.events AS e
WHERE e.gateway = :gateway AND e.seq = :seq"""
_FILTERS: Final[Mapping[str, str]] = {
    "account": " AND e.account = ANY(CAST(:account AS text[]))",
    "kind": " AND e.kind = ANY(CAST(:kind AS text[]))",
}
_HEAD: Final = "SELECT g.name, g.head_seq FROM recon.gateways AS g ORDER BY g.name"
_TIME: Final = "SELECT e.recorded_at FROM recon.events AS e WHERE e.gateway = :gateway AND e.seq = :seq"


class LogPage(msgspec.Struct, frozen=True):
    """A page of the log, the newest event first."""

    gateway: str
    head: int
    events: Sequence[Row]
    query: Query
    #: Where the next page begins, each way; None: there is none. `before` shows events below it, `after` above it.
    before: int | None
    after: int | None
    #: The positions that were looked through.
    looked_from: int
    looked_to: int


def heads(source: Source) -> dict[str, int]:
    """Return the last log position of each gateway."""
    return {str(row["name"]): int(str(row["head_seq"])) for row in query_rows(source, _HEAD, {})}


def read_page(
    source: Source,
    gateway: str,
    head: int,
    wanted: Mapping[str, Sequence[str]],
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE,
) -> LogPage:
    """Return events below a position, or above one; without either the newest."""
    filters = {name: list(values) for name, values in wanted.items() if name in _FILTERS and values}
    where = "".join(_FILTERS[name] for name in filters)
    upwards = after is not None
    if after is not None:
        first, last = after + 1, min(head, after + MAX_LOOKED_AT)
    else:
        last = head if before is None else min(head, before - 1)
        first = max(1, last - MAX_LOOKED_AT + 1)
    values = {"gateway": gateway, "first": first, "last": last, "limit": size, "beginning": BEGINNING, **filters}
    query = Query(_EVENTS.format(where=where, order="ASC" if upwards else "DESC"), values)
    rows = query.rows(source)
    full = len(rows) == size
    seqs = [int(str(row["seq"])) for row in rows]
    if full and upwards:
        last = seqs[-1]
    elif full:
        first = seqs[-1]
    return LogPage(
        gateway=gateway,
        head=head,
        events=list(reversed(rows)) if upwards else rows,
        query=query,
        before=first if first > 1 else None,
        after=last if last < head else None,
        looked_from=first,
        looked_to=last,
    )


def read_event(source: Source, gateway: str, seq: int) -> Row | None:
    """Return one event with its payload, exactly as it came."""
    return next(iter(Query(_EVENT, {"gateway": gateway, "seq": seq}).rows(source)), None)


def position_at(source: Source, gateway: str, head: int, at: datetime) -> int:
    """Return the last log position at or before a time, 0 before the first; log times never go back."""
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        (row,) = query_rows(source, _TIME, {"gateway": gateway, "seq": middle})
        recorded = row["recorded_at"]
        if isinstance(recorded, datetime) and recorded <= at:
            low = middle
        else:
            high = middle - 1
    return low
