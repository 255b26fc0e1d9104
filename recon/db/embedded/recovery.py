"""A restored cluster brought to the end of its WAL, once, before anybody logs in.

The server replays what the backup brought along, then what a folder holds beside. It ends on a new timeline, so what
it writes from then on is never taken for what its former self wrote.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from recon.db.embedded import cluster as clusters
from recon.db.embedded.account import Account, server_account
from recon.db.embedded.binaries import packed_binaries, reachable_binaries
from recon.db.embedded.process import launch
from recon.db.embedded.server import SERVER_SETTINGS, SOCKET_PREFIX
from recon.errors import EmbeddedPostgresError
from recon.private_files import PRIVATE_DIRECTORY, write_private

#: Longest replay of WAL, in seconds.
RECOVERY_SECONDS: Final = 6 * 3600.0
#: Asks for the replay, and for a new timeline at its end.
SIGNAL: Final = "recovery.signal"
#: Tells the server that there is nothing beside what the backup brought along.
NOTHING: Final = "false"

_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})


def recover(
    data_dir: Path,
    binaries: Path | None = None,
    *,
    wal: Path | None = None,
    options: Mapping[str, str] = _NO_OPTIONS,
) -> None:
    """Replay WAL in a restored cluster and stop it cleanly. Raise EmbeddedPostgresError.

    `wal` is a folder of further segments, which the server's account can read. The caller keeps others from the data
    directory meanwhile.
    """
    account = server_account()
    cluster = data_dir / "postgres"
    programs, version = reachable_binaries(binaries or packed_binaries(), data_dir, account)
    clusters.check_version(cluster, version)
    clusters.secure(cluster, account)
    write_private(cluster / SIGNAL, b"", owner=None if account is None else (account.uid, account.gid))
    sockets = _socket_dir(account)
    settings = dict(SERVER_SETTINGS) | dict(options)
    # Nobody reads before the end; only then does the server say that it is ready.
    settings |= {"hot_standby": "off", "unix_socket_directories": str(sockets), "restore_command": _command(wal)}
    try:
        process = launch(cluster, programs, settings, account)
        try:
            process.await_ready(RECOVERY_SECONDS)
        finally:
            process.stop()
    except OSError as error:
        raise EmbeddedPostgresError(f"the server in {data_dir} cannot start: {error}") from error
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def _socket_dir(account: Account | None) -> Path:
    place = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir="/tmp"))
    place.chmod(PRIVATE_DIRECTORY)
    if account is not None:
        os.chown(place, account.uid, account.gid)
    return place


def _command(wal: Path | None) -> str:
    """Return the command that gives the server one segment by its name."""
    if wal is None:
        return NOTHING
    folder = shlex.quote(str(wal)).replace("%", "%%")
    return f"cp -- {folder}/%f %p"
