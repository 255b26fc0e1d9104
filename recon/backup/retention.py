"""Which backups are no longer kept: by their number and their age, and never the newest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recon.backup.manifest import Manifest


def outdated(backups: Sequence[Manifest], *, keep: int, keep_for: timedelta, now: datetime) -> list[str]:
    """Return the names of the backups to remove; `keep_for` of nothing removes none for its age."""
    newest_first = sorted(backups, key=lambda backup: backup.began_at, reverse=True)
    return [
        backup.name
        for place, backup in enumerate(newest_first)
        if place >= keep or (place > 0 and keep_for > timedelta() and now - backup.ended_at > keep_for)
    ]
