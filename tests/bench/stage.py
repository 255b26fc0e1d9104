"""The ground of all measurements: one embedded Postgres with its durable settings, in a directory of its own."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import psycopg
from psycopg import sql

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import libpq_url
from recon.db.migrate import migrate
from recon.db.roles import ANALYST, OWNER, SERVICE

PEERS: Final = "peers"
#: Connections of the server: 200 idle gateways keep one each, more than `recon run` starts its own server with.
CONNECTIONS: Final = 300
_SYNCS: Final = 50


@dataclass
class Stage:
    """A migrated database, and one for the peers beside it."""

    server: EmbeddedPostgres
    place: Path
    service_url: str
    analyst_url: str
    peers_url: str
    _names: Iterator[int]

    def new_gateway(self) -> str:
        """Return the name of a gateway that has no log yet."""
        return f"bench-{next(self._names)}"

    def settle(self) -> None:
        """Do what Postgres would do in the background sooner or later, so that no measurement pays for another's.

        Else autovacuum reads what another part has appended, for minutes, while this one is measured.
        """
        for url in (self.server.url(SUPERUSER), self.peers_url):
            with psycopg.connect(libpq_url(url), autocommit=True) as connection:
                connection.execute("VACUUM (ANALYZE)")
        with psycopg.connect(libpq_url(self.server.url(SUPERUSER)), autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def stage(parent: Path | None) -> Iterator[Stage]:
    """Start the server below `parent` (default: the system's temporary directory); all is removed at the end."""
    place = Path(tempfile.mkdtemp(prefix="recon-bench-", dir=parent))
    place.chmod(0o711)
    try:
        with EmbeddedPostgres(place / "data", options={"max_connections": str(CONNECTIONS)}) as server:
            migrate(server.url(OWNER))
            with psycopg.connect(libpq_url(server.url(SUPERUSER)), autocommit=True) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(PEERS)))
            yield Stage(
                server,
                place,
                server.url(SERVICE),
                server.url(ANALYST),
                server.url(SUPERUSER, PEERS),
                count(1),
            )
    finally:
        shutil.rmtree(place)


def machine(stage_: Stage) -> list[str]:
    """Say what this was measured on, in general terms."""
    with psycopg.connect(libpq_url(stage_.service_url)) as connection:
        settings = ("server_version", "fsync", "synchronous_commit", "wal_sync_method", "shared_buffers")
        version, fsync, synchronous, method, buffers = (
            str(connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()[0])  # type: ignore[index]  # SHOW gives a row
            for name in settings
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    sync_ms = _sync_ms(stage_.place)
    cores = f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()}"
    driver = f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__})"
    commits = f"synchronous_commit {synchronous} (off in projection steps)"
    durable = f"fsync {fsync}, {commits}, {method} of 8 KiB takes {sync_ms:.2f} ms here"
    return [
        f"{cores}; generator, service and Postgres share them",
        f"CPython {platform.python_version()}, {driver}, Postgres {version.split()[0]}",
        f"{durable}; shared_buffers {buffers}",
        f"load average before the first measurement: {', '.join(f'{load:.1f}' for load in os.getloadavg())}",
    ]


def _sync_ms(place: Path) -> float:
    """Return the median time of an fdatasync, in milliseconds."""
    handle = os.open(place / "sync", os.O_RDWR | os.O_CREAT, 0o600)
    sync = getattr(os, "fdatasync", os.fsync)
    try:
        os.write(handle, bytes(8192 * _SYNCS))
        os.fsync(handle)
        times = []
        for number in range(_SYNCS):
            os.pwrite(handle, b"x" * 8192, 8192 * number)
            began = time.perf_counter()
            sync(handle)
            times.append(time.perf_counter() - began)
    finally:
        os.close(handle)
    return 1000 * median(times)


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the benchmark as a process of its own; it is ended at the end."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as running:  # noqa: S603  # our own
        try:
            yield running
        finally:
            running.terminate()


def line_of(running: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints. Errors: RuntimeError where it has ended instead."""
    line = running.stdout.readline().strip() if running.stdout is not None else ""
    if not line:
        raise RuntimeError(f"{running.args!r} ended with status {running.wait()} instead of answering")
    return line


def tell(running: subprocess.Popen[str], line: str) -> None:
    """Write a line to a process. Errors: RuntimeError where it has ended."""
    if running.stdin is None or running.poll() is not None:
        raise RuntimeError(f"{running.args!r} ended early, with status {running.poll()}")
    running.stdin.write(f"{line}\n")
    running.stdin.flush()
