"""A Postgres data directory as files and processes: its pid file, who lives in it, how it is first made."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recon.db.embedded.binaries import Account, run_as
from recon.errors import EmbeddedPostgresError

#: The superuser inside the embedded server; only recon's own set-up acts as it.
SUPERUSER: Final = "postgres"
#: Longest that initdb may take, in seconds (it takes 0.3 s on a quiet machine).
INITDB_SECONDS: Final = 120.0
#: How long a server left by a killed recon may take for each way of being asked to end, in seconds.
LEFTOVER_SECONDS: Final = (
    (signal.SIGINT, 15.0),
    (signal.SIGQUIT, 5.0),
    (signal.SIGKILL, 5.0),
)
#: How often a file or process is looked at while waiting, in seconds.
POLL_SECONDS: Final = 0.01
PROC: Final = Path("/proc")


def pause() -> None:
    """Wait one polling step; these functions are synchronous and run before Trio or in a worker thread."""
    threading.Event().wait(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a running server says of itself in `postmaster.pid` (its lines are documented in miscadmin.h)."""

    pid: int
    port: int
    socket_dir: Path
    ready: bool


def read_pid_file(cluster: Path) -> PidFile | None:
    """Read the server's pid file; None while there is none, or while it is not written to its end."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    if len(lines) < 8:
        return None
    try:
        return PidFile(int(lines[0]), int(lines[3]), Path(lines[4]), lines[7].strip() == "ready")
    except ValueError:
        return None


def residents(cluster: Path) -> list[int] | None:
    """Return the living processes whose working directory is the cluster: the server and its children.

    None where the operating system does not tell (no /proc).
    """
    if not (PROC / "self").exists():
        return None
    here = str(cluster.resolve())
    found = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "cwd").readlink() == Path(here):
                    found.append(int(entry.name))
    return found


def clear_leftovers(cluster: Path) -> None:
    """End a server that outlived its recon, and remove a pid file that nobody stands behind.

    To be called under the lock of the data directory: whoever lives here then is nobody's any more. A pid
    file is removed only when no process lives in the cluster, because Postgres itself takes any process with
    that number (after a restart of a container: a likely thing) for its predecessor and refuses to start.
    """
    for number, seconds in LEFTOVER_SECONDS:
        living = residents(cluster)
        if living is None:
            return
        if not living:
            break
        known = read_pid_file(cluster)
        leader = known.pid if known is not None and known.pid in living else None
        for pid in [leader] if number == signal.SIGINT and leader is not None else living:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        until = time.monotonic() + seconds
        while residents(cluster) and time.monotonic() < until:
            pause()
    else:
        if residents(cluster):
            raise EmbeddedPostgresError(
                f"a Postgres server left over in {cluster} cannot be stopped; end its processes: {residents(cluster)}"
            )
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def initialise(cluster: Path, binaries: Path, account: Account | None, *, sync: bool) -> None:
    """Make a new cluster: UTF-8, the C locale (sorting is then the same everywhere), checksums, no network.

    It is made beside its place and moved there when complete, so that a half-made one is never used.
    Everyone who can reach the socket is trusted; the socket's directory is the server account's alone (mode
    0700).
    """
    partial = cluster.with_name(cluster.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if account is not None:
        os.chown(partial, account.uid, account.gid)
    command = [
        str(binaries / "initdb"),
        f"--pgdata={partial}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=trust",
        "--auth-host=reject",
        "--data-checksums",
        *([] if sync else ["--no-sync"]),
    ]
    try:
        done = run_as(account, command, timeout=INITDB_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"initdb of {cluster} took more than {INITDB_SECONDS:g} s") from error
    if done.returncode != 0:
        last = done.stdout.strip().splitlines()[-1:] or ["no output"]
        raise EmbeddedPostgresError(
            f"initdb of {cluster} failed: {last[0]}; the account that runs Postgres must be able to enter "
            "every directory above it"
        )
    partial.rename(cluster)


def check_version(cluster: Path, version: str) -> None:
    """Refuse a cluster made by another major version; Postgres would, in words that help nobody."""
    made_by = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    major = version.split(".", maxsplit=1)[0]
    if made_by != major:
        raise EmbeddedPostgresError(
            f"{cluster} was made by Postgres {made_by} and cannot be opened by {version}; "
            f"move it with pg_upgrade or dump and restore, or use the programs of Postgres {made_by}"
        )
