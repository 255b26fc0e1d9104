"""The part that copies along what the embedded server writes, into the directory of backups (operator 11.6).

Postgres' own `pg_receivewal` receives it. It holds nothing back: the server keeps a bounded stretch for it, and where
that was not enough, a new stretch begins and the gap is told. So nothing that the archive does stops the recording.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
import trio
from sqlalchemy import text

from recon.backup.directory import BackupDirectory
from recon.backup.wal import new_stretch, stretches
from recon.db.embedded.account import ENVIRONMENT
from recon.db.embedded.binaries import packed_binaries
from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.errors import BackupError
from recon.status import StatusReporter

#: The name of the part.
ARCHIVE: Final = "archive"
#: What pg_receivewal says where the server no longer has what would come next.
_GONE: Final = ("has already been removed", "not in this server's history", "is not a child of this server's history")
_SYSTEM: Final = text("SELECT system_identifier::text FROM pg_control_system()")

_log = structlog.get_logger(__name__)


async def keep_archive(
    server: EmbeddedPostgres,
    path: Path,
    now: Callable[[], datetime],
    status: StatusReporter,
    binaries: Path | None = None,
) -> None:
    """Receive what the server writes until cancelled. Raise BackupError where that ends; it can be begun again."""
    url = server.url(SUPERUSER)
    directory = BackupDirectory(path)
    await trio.to_thread.run_sync(directory.prepare)
    system = await trio.to_thread.run_sync(_system_of, url)
    folders = stretches(directory.path, system)
    folder = folders[-1] if folders else new_stretch(directory.path, system, now())
    status.set("running", f"into {folder}")
    command = [
        str((binaries or packed_binaries()) / "pg_receivewal"),
        f"--directory={folder}",
        f"--dbname={url}",
        "--no-loop",
        "--no-password",
    ]
    try:
        done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False, env=ENVIRONMENT)
    except OSError as error:
        raise BackupError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    said = done.stderr.decode("utf-8", "replace")
    if any(words in said for words in _GONE):
        new_stretch(directory.path, system, now())
        _log.warning("the server no longer has what would come next in the archive; a new stretch begins")
        raise BackupError("what the server wrote meanwhile is not in the archive; run `recon backup` to begin anew")
    raise BackupError(f"the archive was not written on: {(said.strip().splitlines() or ['it gave no reason'])[-1]}")


def _system_of(url: str) -> str:
    engine = create_engine(url, "recon archive", pooled=False)
    try:
        with engine.connect() as connection:
            return str(connection.scalar(_SYSTEM))
    finally:
        engine.dispose()
