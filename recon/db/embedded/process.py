"""The server process behind its guardian: launched, awaited and stopped within named bounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from recon.db.embedded import guardian
from recon.db.embedded.account import ENVIRONMENT, Account
from recon.db.embedded.cluster import clear_leftovers, pause, read_pid_file
from recon.errors import EmbeddedPostgresError
from recon.private_files import PRIVATE_FILE

#: Longest wait until the server accepts connections, in seconds; recovery after a crash is included.
START_SECONDS: Final = 60.0
#: A fast shutdown may take this long, then an immediate one this long, in seconds.
STOP_SECONDS: Final = 20.0
QUIT_SECONDS: Final = 5.0
#: What the server writes while it starts, in the data directory.
START_LOG: Final = "server.log"


class ServerProcess:
    """One launched server and its guardian."""

    def __init__(self, cluster: Path, guardian_process: subprocess.Popen[str]) -> None:
        self.cluster = cluster
        self.guardian = guardian_process

    @property
    def running(self) -> bool:
        """True if the server lives; the guardian ends with it."""
        return self.guardian.poll() is None

    def await_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the server accepts connections. Raise EmbeddedPostgresError if it does not in time."""
        server = int(_first_line(self.guardian.stdout) or 0)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid_file = read_pid_file(self.cluster)
            if pid_file is not None and pid_file.pid == server and pid_file.ready:
                return
            if not self.running:
                raise EmbeddedPostgresError(f"the embedded server did not start: {self._failure()}")
            pause()
        raise EmbeddedPostgresError(f"the embedded server was not ready within {seconds:g} s: {self._failure()}")

    def stop(self) -> None:
        """Close the guardian's input, which asks for the shutdown, and wait for its end."""
        for stream in (self.guardian.stdin, self.guardian.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        try:
            self.guardian.wait(timeout=STOP_SECONDS + 2 * QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.guardian.kill()
            self.guardian.wait()
            clear_leftovers(self.cluster)

    def _failure(self) -> str:
        """Return the last line that the server wrote about its failure, and where to read the rest."""
        path = self.cluster.parent / START_LOG
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        relevant = [line for line in lines if "FATAL" in line or "PANIC" in line or "rror" in line] or lines[-1:]
        return f"{relevant[-1] if relevant else 'it wrote nothing'} (see {path} and {self.cluster / 'log'})"


def launch(cluster: Path, binaries: Path, settings: Mapping[str, str], account: Account | None) -> ServerProcess:
    """Start the guardian and, through it, the server."""
    command = [str(binaries / "postgres"), "-D", str(cluster)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    owner = "-" if account is None else f"{account.uid}:{account.gid}"
    script = [sys.executable, "-I", "-S", guardian.__file__, owner, f"{STOP_SECONDS}", f"{QUIT_SECONDS}"]
    with _private_log(cluster.parent / START_LOG) as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
            [*script, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    return ServerProcess(cluster, process)


def _private_log(path: Path) -> IO[str]:
    """Open the server's output anew; it may quote statements, so only recon's account reads it, also an older file."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    os.fchmod(handle, PRIVATE_FILE)
    return os.fdopen(handle, "w", encoding="utf-8")


def _first_line(stream: IO[str] | None) -> str:
    return "" if stream is None else stream.readline().strip()
