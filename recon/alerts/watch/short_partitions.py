"""Whether the log still has partitions made ahead of need (architecture 3.10). Nothing stops where it has none."""

from __future__ import annotations

from sqlalchemy import Connection

from recon.alerts.watch.conditions import PARTITIONS_SHORT
from recon.alerts.watch.facts import SERVICE, MissedJob
from recon.display.words import counted
from recon.log.partitions import SHORT_EVENTS, ends


def short_partitions(connection: Connection) -> list[MissedJob]:
    """Return that the owner should make partitions, if so: the furthest gateway soon has none of its own."""
    at = ends(connection)
    if at.room >= SHORT_EVENTS:
        return []
    left = f"the log has partitions for {counted(at.room, 'more event')}"
    if at.room < 0:
        lie = "lies" if at.room == -1 else "lie"
        left = f"{counted(-at.room, 'log position')} {lie} beyond the last partition that has an end"
    return [MissedJob(SERVICE, PARTITIONS_SHORT, "", f"{left}; the owner makes more by `recon migrate`", None)]
