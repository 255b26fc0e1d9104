"""What the commands about backups share: whose server it is, where its backups are, and how sizes are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from recon.backup.directory import BackupDirectory
from recon.backup.take import Server
from recon.cli.connection import existing_database
from recon.config import Settings
from recon.db.embedded.binaries import packed_binaries
from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.data_dir import data_dir_in_use, default_data_dir
from recon.db.embedded.server import connection_url_if_running
from recon.errors import BackupError, ConfigError

From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="The directory of backups; default: backup_dir of [backup]."),
]


def embedded_data_dir(settings: Settings) -> Path:
    """Return the data directory of recon's own server. Raise ConfigError where the settings name another one."""
    database = settings.database
    if database.url is not None or database.migrate_url is not None:
        raise ConfigError(
            "the settings name a Postgres of your own, and recon backs up only the one that it runs itself; "
            "`recon docs operator` (11.5) has recipes for pgBackRest and Barman"
        )
    return (database.data_dir or default_data_dir()).absolute()


def backup_directory(settings: Settings, given: Path | None) -> BackupDirectory:
    """Return the directory of backups. Raise ConfigError where neither option nor settings name one."""
    cluster = embedded_data_dir(settings) / "postgres"
    path = given or settings.backup.backup_dir
    if path is None:
        raise ConfigError("it is not said where backups are; set backup_dir in [backup], or name the directory")
    if path.absolute().is_relative_to(cluster):
        raise ConfigError(f"{path} lies inside the database; choose another directory, best on another disk")
    return BackupDirectory(path)


@contextmanager
def running_server(settings: Settings) -> Iterator[Server]:
    """Give recon's own server, started if nobody runs it. Raise NotMigrated if there is none yet."""
    data_dir = embedded_data_dir(settings)
    with existing_database(settings):
        url = connection_url_if_running(data_dir, SUPERUSER)
        if url is None:
            raise BackupError(f"the password of the superuser is not in {data_dir}; start `recon run` again")
        yield Server(url, packed_binaries())


def live_url(data_dir: Path, role: str) -> str | None:
    """Return the URL of the server that another process runs; None where nobody runs it."""
    return connection_url_if_running(data_dir, role) if data_dir_in_use(data_dir) else None
