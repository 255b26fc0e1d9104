"""Whether the planned backups ran, as the watcher tells it: it looks once a minute (operator 11.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from recon.alerts.watch.conditions import BACKUP_MISSED
from recon.alerts.watch.facts import SERVICE, MissedJob
from recon.backup.last import last_backup
from recon.config import Settings

#: How often the directory is looked at.
LOOK_EVERY: Final = timedelta(minutes=1)


class BackupLook:
    """Returns the backup that is missing, if any; between two looks what the last one found."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._looked_at: datetime | None = None
        self._found: list[MissedJob] = []

    def __call__(self, now: datetime) -> list[MissedJob]:
        """Return what is wrong with the last backup; nothing where none is planned."""
        if self._looked_at is None or not timedelta() <= now - self._looked_at < LOOK_EVERY:
            self._looked_at, self._found = now, self._look(now)
        return self._found

    def _look(self, now: datetime) -> list[MissedJob]:
        if not self._settings.backup.max_age:
            return []
        last = last_backup(self._settings, now)
        if last is None or last.problem is None:
            return []
        since = None if last.age is None else now - last.age
        return [MissedJob(SERVICE, BACKUP_MISSED, "", last.problem, since)]
