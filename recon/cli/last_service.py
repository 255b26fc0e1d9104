"""Whether a service runs, by what no killed one can keep up; else how the last one ended, or when it was last seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from recon.cli.queries import sees_service
from recon.db.source import Row, Source, query_rows
from recon.display.ages import age

#: A service says each 10 s what its parts do; one that only stands by is there for so long after it last did.
QUIET: Final = timedelta(seconds=15)

#: A lease ends with its holder's connection, so a killed service holds none.
_INSTANCES: Final = """
    SELECT p.instance, clock_timestamp() - max(p.updated_at) AS silent, bool_and(p.state = 'stopped') AS stopped,
           bool_or(p.state = 'standby') AS stands_by,
           EXISTS (SELECT FROM recon.gateways AS g WHERE g.recorder = p.instance) AS records
    FROM recon_store.service_parts AS p GROUP BY p.instance ORDER BY max(p.updated_at) DESC, p.instance
"""


def service_words(source: Source) -> tuple[bool, str]:
    """Return whether a service runs, and in words as which instances, or what the last one said."""
    found = query_rows(source, _INSTANCES, {}) if sees_service(source) else []
    running = sorted(str(row["instance"]) for row in found if _runs(row))
    if running:
        return True, f"runs as {', '.join(running)}"
    if not found:
        return False, "does not run, and none did within a day"
    last = found[0]
    ago = age(_silence(last))
    if last["stopped"]:
        return False, f"does not run: {last['instance']} was stopped {ago} ago"
    return False, f"holds no gateway: the last sign of life of {last['instance']} was {ago} ago"


def _runs(row: Row) -> bool:
    return bool(row["records"]) or (bool(row["stands_by"]) and not row["stopped"] and _silence(row) <= QUIET)


def _silence(row: Row) -> timedelta:
    silent = row["silent"]
    return silent if isinstance(silent, timedelta) else timedelta()
