"""The log, a page at a time by log position: the work for one page is bounded, however rare what is asked for is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from recon.db.source import Row, Source, query_rows
from recon.reads.as_of import NOW, AsOf
from recon.reads.past_views import HORIZON
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
_HEAD_THEN: Final = (
    f"SELECT g.name, recon.seq_at(g.name, {HORIZON}) AS head_seq FROM recon.gateways AS g ORDER BY g.name"  # noqa: S608 - ours
)
#: What was in the log of a past time.
_WAS_THERE: Final = f" AND e.seq <= recon.seq_at(CAST(:gateway AS text), {HORIZON})"
_TIME: Final = "SELECT e.recorded_at FROM recon.log_at(:gateway, :seq) AS e WHERE e.recorded_at IS NOT NULL"


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


def heads(source: Source, as_of: AsOf = NOW) -> dict[str, int]:
    """Return the last log position of each gateway, now or at a past time; 0: nothing was recorded by then."""
    rows = query_rows(source, _HEAD_THEN if as_of.is_past else _HEAD, as_of.parameters)
    return {str(row["name"]): int(str(row["head_seq"])) for row in rows}


def read_page(  # noqa: PLR0913 - what is asked of a page
    source: Source,
    gateway: str,
    head: int,
    wanted: Mapping[str, Sequence[str]],
    *,
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE,
    as_of: AsOf = NOW,
) -> LogPage:
    """Return events below a position, or above one; without either the newest. `head` is of the same time."""
    filters = {name: list(values) for name, values in wanted.items() if name in _FILTERS and values}
    where = "".join(_FILTERS[name] for name in filters) + (_WAS_THERE if as_of.is_past else "")
    upwards = after is not None
    if after is not None:
        first, last = after + 1, min(head, after + MAX_LOOKED_AT)
    else:
        last = head if before is None else min(head, before - 1)
        first = max(1, last - MAX_LOOKED_AT + 1)
    values = {"gateway": gateway, "first": first, "last": last, "limit": size, "beginning": BEGINNING, **filters}
    values |= as_of.parameters
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


def read_event(source: Source, gateway: str, seq: int, as_of: AsOf = NOW) -> Row | None:
    """Return one event with its payload, exactly as it came; None where it was not in the log of that time."""
    where = _WAS_THERE if as_of.is_past else ""
    return next(iter(Query(_EVENT + where, {"gateway": gateway, "seq": seq, **as_of.parameters}).rows(source)), None)


def event_query(gateway: str, seq: int, as_of: AsOf = NOW) -> Query:
    """Return one event as a person can run it."""
    where = _WAS_THERE if as_of.is_past else ""
    text = f"SELECT e.* FROM recon.events AS e WHERE e.gateway = :gateway AND e.seq = :seq{where}"  # noqa: S608 - ours
    return Query(text, {"gateway": gateway, "seq": seq, **as_of.parameters})


def position_at(source: Source, gateway: str, head: int, at: datetime) -> int:
    """Return the last log position at or before a time, 0 before the first; log times never go back.

    Of archived events only some are here: then it is the one before the next of these that is later.
    """
    low, high = 0, head
    while low < high:
        middle = (low + high + 1) // 2
        rows = query_rows(source, _TIME, {"gateway": gateway, "seq": middle})
        recorded = rows[0]["recorded_at"] if rows else None
        if recorded is None or (isinstance(recorded, datetime) and recorded <= at):
            low = middle
        else:
            high = middle - 1
    return low
