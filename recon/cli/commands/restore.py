"""`recon restore`: a backup becomes the data directory of an embedded server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon.backup.restore import restore as restore_backup
from recon.cli.backups import From, backup_directory
from recon.cli.connection import log_warnings_only
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import note, print_json, write
from recon.cli.progress import progress_bar


def restore(
    backup: Annotated[
        str | None, typer.Argument(metavar="BACKUP", help="Its name or its path; default: the last one.")
    ] = None,
    *,
    config: Config = None,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The data directory to make; it must not hold a database.")
    ],
    source: From = None,
    wal: Annotated[
        bool, typer.Option("--wal/--no-wal", help="Replay what the service copied along after the backup.")
    ] = True,
    json: Json = False,
) -> None:
    """Make a data directory of a backup, beside the one in use.

    Each file is compared with the backup's document. Exit status 12: it is damaged, or the directory is in use.
    """
    settings = settings_of(config)
    log_warnings_only()
    directory = backup_directory(settings, source)
    found = directory.find(backup)
    with progress_bar() as begin:
        done = restore_backup(found, to, archive=directory.path if wal else None, progress=begin("restore"))
    if done.gap is not None:
        note(done.gap)
    if json:
        print_json({"backup": found.path.name, "data_dir": str(to.absolute()), "wal_segments": done.segments})
        return
    write(f"restored {found.path.name} to {to.absolute()}\n")
    note(f'set data_dir = "{to.absolute()}" in [database], then run `recon verify --against {found.path}/heads.json`')
