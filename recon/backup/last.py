"""The last backup and its age: for `recon probe`, `recon doctor` and metrics (operator 11.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from recon.backup.directory import BackupDirectory, Unreadable
from recon.config import Settings
from recon.display.ages import age as age_text
from recon.errors import BackupError


class LastBackup(NamedTuple):
    """What there is to say of the last backup: its name and age, and what is wrong; both null if there is none."""

    name: str | None
    age: timedelta | None
    problem: str | None


def last_backup(settings: Settings, now: datetime) -> LastBackup | None:
    """Return the last backup of the embedded server; None where nobody said that there should be any."""
    backup, database = settings.backup, settings.database
    if backup.backup_dir is None or database.url is not None or database.migrate_url is not None:
        return None
    try:
        entry = next(BackupDirectory(backup.backup_dir).entries(), None)
    except BackupError as error:
        return LastBackup(None, None, str(error))
    if entry is None:
        return LastBackup(None, None, f"there is no backup in {backup.backup_dir} yet; run `recon backup`")
    if isinstance(entry, Unreadable):
        return LastBackup(entry.path.name, None, entry.problem)
    age = entry.age(now)
    late = backup.max_age > timedelta() and age > backup.max_age
    told = f"the last backup is {age_text(age, 2)} old, the bound is {age_text(backup.max_age, 2)}; run `recon backup`"
    return LastBackup(entry.path.name, age, told if late else None)
