"""What recon did not see at a past time: accounts that were not covered then, and logs that had ended before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from recon.db.source import Row, Source, query_rows
from recon.reads.as_of import AsOf
from recon.reads.check.document import Asked, Unseen
from recon.reads.currency import SIGN_OF_LIFE
from recon.reads.gaps import LEAST
from recon.reads.past_coverage import read_past_coverage

#: The last event of each log that was known then.
_ENDS: Final = """
    SELECT l.gateway, e.recorded_at
    FROM recon.log_as_of(:known_at) AS l
    JOIN LATERAL recon.log_at(l.gateway, l.seq) AS e ON e.recorded_at IS NOT NULL
    WHERE (CAST(:gateway AS text) IS NULL OR l.gateway = :gateway)
    ORDER BY l.gateway
"""


def read_unseen(source: Source, asked: Asked, past: AsOf, now: datetime) -> tuple[int, list[Unseen]]:
    """Return how many accounts there were, and what was not seen.

    Where covered time is required, each gap since then counts: what was found of it later is known of now alone.
    """
    until = past.horizon(now)
    since = asked.since if asked.require_covered and asked.since is not None else until
    coverage = read_past_coverage(
        source, past, gateway=asked.gateway, account=asked.account, since=since, until=until, every=False
    ).document
    unseen = [*_ended(source, asked, past, until), *map(_uncovered, _not_covered(coverage["accounts"]))]
    if asked.require_covered:
        unseen += [_gap(row) for row in coverage["stretches"] if _is_long(row, until)]
    return len(coverage["accounts"]), unseen


def _ended(source: Source, asked: Asked, past: AsOf, until: datetime) -> Iterator[Unseen]:
    for row in query_rows(source, _ENDS, {"gateway": asked.gateway, "known_at": past.known_at}):
        at = row["recorded_at"]
        if isinstance(at, datetime) and at < until - SIGN_OF_LIFE:
            reason = "nothing was recorded from then until the time that is asked for"
            yield Unseen(what="not_current", gateway=str(row["gateway"]), from_time=at, reason=reason)


def _not_covered(accounts: Sequence[Row]) -> Iterator[Row]:
    return (row for row in accounts if row["state"] != "covered")


def _uncovered(row: Row) -> Unseen:
    reason = f"it was not covered, but {row['state']}"
    return Unseen(
        what="not_current",
        gateway=str(row["gateway"]),
        account=str(row["account"]),
        from_time=_time(row["since"]),
        reason=reason if row["reason"] is None else f"{reason}: {row['reason']}",
    )


def _is_long(row: Row, until: datetime) -> bool:
    """True if a stretch without coverage is longer than the start of a session."""
    begin = _time(row["from_time"])
    length = timedelta() if begin is None else (_time(row["until_time"]) or until) - begin
    return length >= LEAST


def _gap(row: Row) -> Unseen:
    return Unseen(
        what="gap",
        gateway=str(row["gateway"]),
        account=str(row["account"]),
        from_time=_time(row["from_time"]),
        until_time=_time(row["until_time"]),
        reason=str(row["state"]) if row["reason"] is None else f"{row['state']}: {row['reason']}",
    )


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
