"""Taking a backup: the heads of the logs, then the server's files and the WAL that makes them whole.

Postgres' own `pg_basebackup` copies while the server runs, and checks each page. The heads are read before, so the log
of the backup holds each of them.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from recon.backup.copying import list_files
from recon.backup.directory import DOCUMENT, Backup, BackupDirectory, make_private
from recon.backup.manifest import (
    CLUSTER,
    HEADS,
    Manifest,
    StoredFile,
    UnreadableManifest,
    Wal,
    decode_server_manifest,
    encode,
    missing_segments,
)
from recon.db.embedded.account import run_as
from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.migrate import schema_version
from recon.errors import BackupError
from recon.log.events import Head
from recon.log.heads import Heads, last_events, write_heads
from recon.private_files import PRIVATE_DIRECTORY, sync_folder, write_private

#: Longest run of pg_basebackup, in seconds.
COPY_SECONDS: Final = 86_400.0
#: What a backup may need beyond the database's size: WAL written meanwhile, and what is no table.
SPARE_BYTES: Final = 256 << 20

_SIZE: Final = text("SELECT sum(pg_database_size(oid)) FROM pg_database")
_ABOUT: Final = text(
    "SELECT s.system_identifier::text AS system, current_setting('server_version') AS version,"
    " pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes FROM pg_control_system() AS s"
)
_DAMAGED: Final = "a page of the database itself is damaged on the disk; look at the server's log, and restore it"
#: What pg_basebackup says of some failures, and what is to be said instead.
_REASONS: Final = (
    (
        "no pg_hba.conf entry for replication",
        "the server was started by an earlier recon; start `recon run` again with this one",
    ),
    ("No space left on device", "its disk is full"),
    ("checksum error", "a page of the database itself is damaged on the disk; see the server's log, and restore"),
    (
        "checksum verification",
        "a page of the database itself is damaged on the disk; see the server's log, and restore",
    ),
    ("all replication slots are in use", "too many backups are being made; wait for their end"),
)


class Server(NamedTuple):
    """A running embedded server: the superuser's URL, which names the file of the password, and the programs."""

    url: str
    binaries: Path


class _Origin(NamedTuple):
    schema: str | None
    heads: list[Head]
    system: str
    postgres: str
    segment_bytes: int
    size: int


def take(server: Server, directory: BackupDirectory, now: Callable[[], datetime], *, sync: bool = True) -> Backup:
    """Make a backup of a running embedded server, complete or not at all. Raise BackupError or DatabaseError.

    `sync=False` does not wait for the disk (for tests).
    """
    directory.prepare()
    with directory.exclusive():
        began_at = now()
        origin = _origin(server.url)
        _check_room(directory.path, origin.size)
        name = directory.free_name(began_at)
        folder = directory.partial(name)
        folder.mkdir(mode=PRIVATE_DIRECTORY)
        try:
            with _writing(folder):
                write_heads(folder / HEADS, Heads(began_at, origin.heads))
                _copy(server, folder / CLUSTER, name, sync=sync)
                make_private(folder)
                files, folders = list_files(folder)
                manifest = Manifest(
                    name=name,
                    began_at=began_at,
                    ended_at=now(),
                    recon=version("recon"),
                    postgres=origin.postgres,
                    schema=origin.schema,
                    system=origin.system,
                    wal=_checked(folder, files, origin.segment_bytes),
                    heads=origin.heads,
                    folders=folders,
                    files=files,
                )
                _refuse_incomplete(manifest)
                write_private(folder / DOCUMENT, encode(manifest))
                sync_folder(folder)
                return Backup(directory.complete(name), manifest)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"the backup in {folder.parent} failed: {error.strerror or error}") from error


def _origin(url: str) -> _Origin:
    engine = create_engine(url, "recon backup", pooled=False)
    try:
        with engine.connect() as connection:
            heads = [last.head for last in last_events(connection)] if _has_log(connection) else []
            about = connection.execute(_ABOUT).one()
            size = int(connection.scalar(_SIZE) or 0)
            schema = schema_version(connection)
            return _Origin(schema, heads, about.system, about.version, int(about.segment_bytes), size)
    except SQLAlchemyError as error:
        raise database_error(error, "the database cannot be asked for its heads") from error
    finally:
        engine.dispose()


def _has_log(connection: Connection) -> bool:
    return connection.scalar(text("SELECT to_regclass('recon_store.log_events') IS NOT NULL")) is True


def _check_room(directory: Path, size: int) -> None:
    free = shutil.disk_usage(directory).free
    needed = size + SPARE_BYTES
    if free < needed:
        raise BackupError(
            f"{directory} has {free >> 20} MiB free, and a backup needs about {needed >> 20} MiB; make room, "
            "or keep fewer backups"
        )


def _copy(server: Server, target: Path, name: str, *, sync: bool) -> None:
    """Run pg_basebackup as our own account; its command line names the file of the password alone."""
    command = [
        str(server.binaries / "pg_basebackup"),
        f"--pgdata={target}",
        f"--dbname={server.url}",
        f"--label=recon {name}",
        "--format=plain",
        "--wal-method=stream",
        "--checkpoint=fast",
        "--manifest-checksums=SHA256",
        "--no-password",
        *([] if sync else ["--no-sync"]),
    ]
    try:
        done = run_as(None, command, timeout=COPY_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise BackupError(f"the backup {name} took more than {COPY_SECONDS:g} s and was ended") from error
    except OSError as error:
        raise BackupError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode != 0:
        raise BackupError(f"the backup {name} failed: {_reason(done.stdout)}")


def _reason(output: str) -> str:
    """Return in our own words why pg_basebackup failed, or else its last word."""
    for theirs, ours in _REASONS:
        if theirs in output:
            return ours
    return (output.strip().splitlines() or ["it gave no reason"])[-1]


def _checked(folder: Path, files: list[StoredFile], segment_bytes: int) -> Wal:
    """Compare what was stored with what the server sent; return the stretch of WAL. Raise BackupError."""
    try:
        sent = decode_server_manifest((folder / CLUSTER / "backup_manifest").read_bytes())
        wal = sent.wal(segment_bytes)
    except UnreadableManifest as error:
        raise BackupError(f"the backup failed: {error}") from None
    found = list(sent.differences({file.path: file for file in files}))
    if found:
        raise BackupError(f"the backup failed on its way to the disk: {found[0]}")
    return wal


def _refuse_incomplete(manifest: Manifest) -> None:
    missing = missing_segments(manifest)
    if missing:
        raise BackupError(f"the backup failed: WAL segment {missing[0]} did not come along")
