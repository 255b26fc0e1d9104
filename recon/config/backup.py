"""`[backup]`: where backups of the embedded server go, how many are kept, and how old the last may be (operator 11)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from recon.config.base import Table
from recon.config.values import Duration

#: Most backups that are kept in one directory.
MAX_KEPT: Final = 100


class Backup(Table):
    """Backups of the embedded server."""

    backup_dir: Path | None = None
    #: The newest so many are kept.
    keep: Annotated[int, Field(ge=1, le=MAX_KEPT)] = 7
    #: Older ones are removed too, but never the newest; 0s: age removes none.
    keep_for: Duration = timedelta()
    #: `recon probe` warns once the last backup is older; 0s: never.
    max_age: Duration = timedelta(hours=26)
    #: While the service runs, it copies into the directory what the server writes: a restore then ends seconds ago.
    wal: bool = True

    @model_validator(mode="after")
    def _keeps_what_is_not_too_old(self) -> Self:
        if self.keep_for and self.max_age > self.keep_for:
            raise ValueError("max_age: a backup that may be so old is removed before, by keep_for")
        return self
