"""A consumer under test: its records and states, and ways to wait for them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import trio

from recon.ems.protocol.session import Heartbeats, Record
from recon.ems.websocket.consumer import consume
from recon.ems.websocket.endpoint import Endpoint
from recon.ems.websocket.status import GatewayStatus
from recon.errors import Overrun

#: Deadline of a wait that takes milliseconds on an idle machine, in seconds.
PATIENCE = 60.0


class EventCollector:
    """Accepts the consumer's records; `room` is how many more it accepts."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.statuses: list[GatewayStatus] = []
        self.heartbeats = Heartbeats()
        self.room = 10**9
        self.failure: Exception | None = None
        self._changed = trio.Event()

    def record(self, records: Sequence[Record]) -> None:
        for record in records:
            if self.failure is not None:
                raise self.failure
            if not self.room:
                raise Overrun("the buffer is full")
            self.room -= 1
            self.records.append(record)
            self._notify()

    def status(self, status: GatewayStatus) -> None:
        self.statuses.append(status)
        self._notify()

    def last(self) -> GatewayStatus | None:
        return self.statuses[-1] if self.statuses else None

    def state(self) -> str | None:
        return self.statuses[-1].state if self.statuses else None

    def waiting_states(self) -> list[GatewayStatus]:
        return [status for status in self.statuses if status.state == "waiting"]

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records]

    def of(self, kind: str) -> list[Record]:
        return [record for record in self.records if record.kind == kind]

    def reasons(self, kind: str = "session.closed") -> list[str]:
        return [json.loads(record.payload)["reason"] for record in self.of(kind)]

    async def until(self, true: Callable[[], object], *, seconds: float = PATIENCE) -> None:
        with trio.fail_after(seconds):
            while not true():
                await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@contextlib.asynccontextmanager
async def listening(endpoint: Endpoint, collector: EventCollector | None = None) -> AsyncIterator[EventCollector]:
    """Run a consumer for the time of the block; it must stop by itself within its deadline."""
    collector = collector or EventCollector()
    numbers = count(1)

    async def run() -> None:
        await consume(
            endpoint,
            collector.record,
            now=lambda: datetime.now(UTC),
            new_session_id=lambda: f"s-{next(numbers)}",
            status=collector.status,
            heartbeats=collector.heartbeats,
            draw=lambda: 1.0,
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        yield collector
        nursery.cancel_scope.cancel()
