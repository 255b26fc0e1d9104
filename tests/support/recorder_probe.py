"""A recorder under test: its buffer, its states, and ways to wait for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import trio

from recon.db.blocking import run_in_thread, run_inline
from recon.db.engine import libpq_url
from recon.ems.protocol.session import Heartbeats
from recon.log.buffer import Buffer
from recon.log.clock import LogClock
from recon.log.events import NewEvent
from recon.log.handover import Handover
from recon.log.lease import Lease
from recon.log.recorder import Recorder
from recon.status import Status, StatusReporter

#: Deadline of a wait that takes milliseconds, in seconds.
PATIENCE = 120.0
GATEWAY = "g"
#: Locking this row stops every append to the gateway, as another writer's transaction would.
LOCK_GATEWAY = "SELECT FROM recon_store.log_gateways WHERE gateway = 'g' FOR NO KEY UPDATE"


def wall_clock() -> datetime:
    return datetime.now(UTC)


class Recording:
    """One recorder and the states that it reported."""

    def __init__(
        self,
        url: str,
        *,
        gateway: str = GATEWAY,
        max_bytes: int = 1 << 20,
        batch_events: int = 1000,
        rules: bytes | None = None,
        now: Callable[[], datetime] = wall_clock,
        pending: Callable[[], bool] = lambda: False,
        inline: bool = False,
        drain_seconds: float = PATIENCE,
        writer: UUID | None = None,
        instance: str = "first",
        handover: Handover | None = None,
    ) -> None:
        self.statuses: list[Status] = []
        self.heads: list[int] = []
        self.buffer = Buffer(max_bytes, batch_events)
        self.heartbeats = Heartbeats()
        self.lease = Lease(url, gateway, writer or uuid4(), instance)
        self.recorder = Recorder(
            self.lease,
            self.buffer,
            run_blocking=run_inline if inline else run_in_thread,
            heartbeats=self.heartbeats,
            rules=rules,
            clock=LogClock(now, trio.current_time),
            pending=pending,
            on_appended=self._appended,
            handover=handover,
            status=StatusReporter(now, self._status),
            drain_seconds=drain_seconds,
            draw=lambda: 1.0,
        )
        self._changed = trio.Event()

    def put(self, *texts: str) -> None:
        for text in texts:
            self.buffer.put(NewEvent("frame", text.encode(), wall_clock()))

    def states(self) -> list[str]:
        return [status.state for status in self.statuses]

    async def until(self, true: Callable[[], object]) -> None:
        with trio.fail_after(PATIENCE):
            while not true():
                await self._changed.wait()

    async def until_landed(self, seq: int) -> None:
        await self.until(lambda: self.heads and self.heads[-1] >= seq)

    async def until_state(self, state: str) -> None:
        await self.until(lambda: self.statuses and self.statuses[-1].state == state)

    def _appended(self, seq: int) -> None:
        self.heads.append(seq)
        self._notify()

    def _status(self, status: Status) -> None:
        self.statuses.append(status)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def running(recording: Recording) -> AsyncIterator[Recording]:
    """Acquire the lease and record for the time of the block; then drain."""
    with trio.fail_after(PATIENCE):
        await recording.recorder.stand_by()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recording.recorder.run)
        yield recording
        recording.recorder.finish()


def connected(url: str) -> psycopg.Connection:
    return psycopg.connect(libpq_url(url), autocommit=True)


def log_of(url: str, gateway: str = GATEWAY) -> list[tuple[int, str, bytes]]:
    """Return the log's entries: position, kind, payload."""
    with connected(url) as raw:
        query = "SELECT seq, kind, payload FROM recon_store.log_events WHERE gateway = %s ORDER BY seq"
        return raw.execute(query, (gateway,)).fetchall()


def frames_of(url: str, gateway: str = GATEWAY) -> list[str]:
    """Return the frames of the log in order; fail if one is missing between them."""
    found = log_of(url, gateway)
    assert [seq for seq, _, _ in found] == list(range(1, len(found) + 1))
    return [payload.decode() for _, kind, payload in found if kind == "frame"]


def holder(url: str, gateway: str = GATEWAY) -> int:
    """Return the process id of the lease's backend; the url is a superuser's."""
    with connected(url) as raw:
        row = raw.execute(
            "SELECT pid FROM recon_store.leases WHERE gateway = %s AND purpose = 'record'", (gateway,)
        ).fetchone()
    assert row is not None
    return int(row[0])


def terminate(url: str, pid: int) -> None:
    with connected(url) as raw:
        raw.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
