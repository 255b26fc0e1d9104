"""The bounded buffer between socket and log: frames wait here while the database is busy (design 2.11)."""

from __future__ import annotations

from collections import deque
from typing import Final

import trio

from recon.errors import Overrun
from recon.log.append import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from recon.log.events import NewEvent

#: Payload bytes that may wait, so that a database restart is ridden out.
DEFAULT_BUFFER_BYTES: Final = 64 * 1024 * 1024
#: What an event costs in memory beside its payload, in bytes.
OVERHEAD_BYTES: Final = 300


class Buffer:
    """A queue of events bounded in bytes; one reader. Writers never wait: a full buffer raises Overrun."""

    def __init__(self, max_bytes: int = DEFAULT_BUFFER_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._events: deque[NewEvent] = deque()
        self._filled = trio.Event()

    def __len__(self) -> int:
        return len(self._events)

    @property
    def waiting_bytes(self) -> int:
        """Return the bytes held now, payloads and overhead."""
        return self._bytes

    def put(self, event: NewEvent) -> None:
        """Add an event, or raise Overrun and add nothing. A single event larger than all is taken when empty."""
        size = len(event.payload) + OVERHEAD_BYTES
        if self._events and self._bytes + size > self._max_bytes:
            message = f"{self._bytes} bytes in {len(self._events)} events wait for the log; the bound is {self._max_bytes}"
            raise Overrun(message)
        self._events.append(event)
        self._bytes += size
        self._filled.set()

    async def take(self) -> list[NewEvent]:
        """Wait for at least one event and return what waits, within the bounds of one batch."""
        while not self._events:
            self._filled = trio.Event()
            await self._filled.wait()
        return self.take_nowait()

    def take_nowait(self) -> list[NewEvent]:
        """Return what waits, within the bounds of one batch; perhaps nothing."""
        batch: list[NewEvent] = []
        size = 0
        while self._events and len(batch) < MAX_BATCH_EVENTS:
            weight = len(self._events[0].payload)
            if batch and size + weight > MAX_BATCH_BYTES:
                break
            size += weight
            batch.append(self._events.popleft())
        self._bytes -= size + OVERHEAD_BYTES * len(batch)
        return batch
