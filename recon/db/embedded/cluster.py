"""A Postgres cluster as files and processes: its pid file, its living processes, how it is first made."""

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

from recon.db.embedded.account import Account, run_as
from recon.db.roles import ANALYST, OPERATOR
from recon.errors import EmbeddedPostgresError
from recon.private_files import write_private

#: The superuser inside the embedded server; only recon's own set-up acts as it.
SUPERUSER: Final = "postgres"
#: The database inside the embedded server.
DATABASE: Final = "recon"
#: The only address that the server ever listens on.
LOOPBACK: Final = "127.0.0.1"
#: Longest run of initdb, in seconds (0.3 s on a quiet machine).
INITDB_SECONDS: Final = 120.0
#: Longest run of a server without clients, in seconds; recovery after a crash is included.
SINGLE_SECONDS: Final = 120.0
#: Who may log in: over the socket, by password. There is no other way in; a backup is read by the superuser alone.
HBA: Final = (
    f"# Written by recon at each start.\nlocal all all scram-sha-256\nlocal replication {SUPERUSER} scram-sha-256\n"
)
#: Who may log in over loopback where the settings ask for it: who reads and decides, never the service or an owner.
HBA_LOOPBACK: Final = f"host {DATABASE} +{ANALYST},+{OPERATOR} {LOOPBACK}/32 scram-sha-256\n"
#: The signals that end a server left by a killed recon, and how long each may take, in seconds.
LEFTOVER_SECONDS: Final = (
    (signal.SIGINT, 15.0),
    (signal.SIGQUIT, 5.0),
    (signal.SIGKILL, 5.0),
)
#: Seconds between two checks of a file or process while waiting.
POLL_SECONDS: Final = 0.01
PROC: Final = Path("/proc")


def pause() -> None:
    """Wait one polling step; these functions are synchronous and run before Trio or in a worker thread."""
    threading.Event().wait(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class PidFile:
    """The contents of `postmaster.pid`, as a running server writes it (documented in miscadmin.h)."""

    pid: int
    port: int
    socket_dir: Path
    ready: bool


def read_pid_file(cluster: Path) -> PidFile | None:
    """Return the server's pid file; None if there is none, or if it is not complete yet."""
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

    Return None if the operating system does not say (no /proc).
    """
    if not (PROC / "self").exists():
        return None
    directory = str(cluster.resolve())
    pids = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "cwd").readlink() == Path(directory):
                    pids.append(int(entry.name))
    return pids


def clear_leftovers(cluster: Path) -> None:
    """End a server that outlived its recon, and remove a pid file without a living process.

    Call it under the lock of the data directory, when any process in the cluster has lost its owner. Postgres takes
    any process with the number in a pid file for its predecessor and refuses to start; after a restart of a
    container that is likely. So the pid file is removed, but only when no process lives in the cluster.
    """
    for number, seconds in LEFTOVER_SECONDS:
        living = residents(cluster)
        if living is None:
            return
        if not living:
            break
        _end(cluster, living, number, seconds)
    else:
        if living := residents(cluster):
            raise EmbeddedPostgresError(
                f"a Postgres server left over in {cluster} cannot be stopped; end its processes: {living}"
            )
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _end(cluster: Path, living: list[int], number: int, seconds: float) -> None:
    """Signal the server's processes, or its leader alone for a fast shutdown, and wait for their end."""
    pid_file = read_pid_file(cluster)
    leader = pid_file.pid if pid_file is not None and pid_file.pid in living else None
    for pid in [leader] if number == signal.SIGINT and leader is not None else living:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    until = time.monotonic() + seconds
    while residents(cluster) and time.monotonic() < until:
        pause()


def initialise(cluster: Path, binaries: Path, account: Account | None, *, sync: bool) -> None:
    """Make a new cluster: UTF-8, the C locale (sorting is then the same everywhere), checksums, no network.

    The cluster is made beside its place and moved there when complete, so an incomplete one is never used.
    Nobody may log in before `secure` has set the superuser's password.
    """
    partial = cluster.with_name(cluster.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if account is not None:
        os.chown(partial, account.uid, account.gid)
    try:
        done = run_as(account, _initdb(binaries, partial, sync=sync), timeout=INITDB_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"initdb of {cluster} took more than {INITDB_SECONDS:g} s") from error
    if done.returncode != 0:
        last = done.stdout.strip().splitlines()[-1:] or ["no output"]
        raise EmbeddedPostgresError(
            f"initdb of {cluster} failed: {last[0]}; the account that runs Postgres must be able to enter "
            "every directory above it"
        )
    partial.rename(cluster)


def _initdb(binaries: Path, cluster: Path, *, sync: bool) -> list[str]:
    return [
        str(binaries / "initdb"),
        f"--pgdata={cluster}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--auth-local=reject",
        "--auth-host=reject",
        "--data-checksums",
        *([] if sync else ["--no-sync"]),
    ]


def secure(cluster: Path, account: Account | None, *, loopback: bool = False) -> None:
    """Let logins with a password in and nobody else, also where an earlier version trusted everyone.

    `loopback`: those who read and decide may also come over TCP on this machine.
    """
    owner = None if account is None else (account.uid, account.gid)
    rules = HBA + (HBA_LOOPBACK if loopback else "")
    write_private(cluster / "pg_hba.conf", rules.encode(), owner=owner)


def set_superuser_verifier(
    cluster: Path, binaries: Path, account: Account | None, verifier: str, *, sync: bool
) -> None:
    """Set the superuser's password by its verifier while no server runs, so that nobody else can log in meanwhile."""
    command = [str(binaries / "postgres"), "--single", "-D", str(cluster), "-c", "exit_on_error=on"]
    command += ["-c", "logging_collector=off", *([] if sync else ["-c", "fsync=off"]), "postgres"]
    statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{verifier}'\n"
    try:
        done = run_as(account, command, timeout=SINGLE_SECONDS, given=statement)
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"setting a password in {cluster} took more than {SINGLE_SECONDS:g} s") from error
    if done.returncode != 0:
        raise EmbeddedPostgresError(
            f"the superuser of {cluster} could not be given a password (status {done.returncode}); "
            f"see {cluster / 'log'}, and start recon again"
        )


def check_version(cluster: Path, version: str) -> None:
    """Raise EmbeddedPostgresError if another major version made the cluster; Postgres would say it less clearly."""
    cluster_version = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    major = version.split(".", maxsplit=1)[0]
    if cluster_version != major:
        raise EmbeddedPostgresError(
            f"{cluster} was made by Postgres {cluster_version} and cannot be opened by {version}; "
            f"move it with pg_upgrade or dump and restore, or use the programs of Postgres {cluster_version}"
        )
