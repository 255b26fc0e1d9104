"""Whether what a command shows is current: every gateway is recorded, connected and folded (operator 1.9, 2.2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Final

from recon.cli.output import Row, text_of
from recon.cli.queries import Source, query_rows
from recon.errors import NotCurrent

#: Books whose next event has waited for this long are behind.
BEHIND: Final = timedelta(seconds=30)

#: A lease ends with its holder's connection, so a killed service is noticed at once.
_SEEN: Final = """
    SELECT g.name AS gateway, g.state, g.last_event_at AS seen_until,
           CASE WHEN g.recorder IS NULL THEN 'no service records it; start `recon run`'
                WHEN g.state IN ('disconnected', 'failing')
                    THEN concat_ws(': ', 'it is ' || g.state, coalesce(g.reason, ''), nullif(g.detail, ''))
                WHEN g.state <> 'connected' THEN 'it is ' || g.state
                WHEN n.recorded_at < now() - :behind
                    THEN format('the books are %s events behind the log', g.lag_events)
           END AS reason,
           CASE WHEN n.recorded_at < now() - :behind THEN n.recorded_at END AS behind_since
    FROM recon.gateways AS g
    LEFT JOIN recon.events AS n ON g.lag_events > 0 AND n.gateway = g.name AND n.seq = g.projected_seq + 1
    ORDER BY g.name
"""


def not_current(connection: Source, configured: Collection[str], only: str | None = None) -> list[Row]:
    """Return the gateways of which the newest is not shown, since when, and why.

    Those of the settings count, and without any in the settings all that have a log.
    """
    rows = {str(row["gateway"]): row for row in query_rows(connection, _SEEN, {"behind": BEHIND})}
    wanted = [only] if only is not None else sorted(configured or rows)
    found: list[Row] = []
    for name in wanted:
        row = rows.get(name)
        if row is None:
            found.append({"gateway": name, "seen_until": None, "reason": "it was never recorded"})
        elif row["reason"] is not None:
            until = row["behind_since"] or row["seen_until"]
            found.append({"gateway": name, "seen_until": until, "reason": row["reason"]})
    return found


def empty_text(empty: str, stale: Sequence[Row]) -> str:
    """Return what to say of an empty table: that nothing is known, where the newest is not shown."""
    return f"{empty} known, but this is not current" if stale else empty


def require_current(stale: Sequence[Row]) -> None:
    """Raise NotCurrent, with a line for each gateway, unless everything is current. Call it after printing."""
    if stale:
        raise NotCurrent("\n".join(_line(row) for row in stale))


def _line(row: Row) -> str:
    until = row["seen_until"]
    since = "nothing has ever been seen" if until is None else f"nothing has been seen since {text_of(until)}"
    return f"gateway {row['gateway']}: {since}: {row['reason']}"
