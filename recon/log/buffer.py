"""The bounded buffer between socket and log, where frames wait while the database is busy (architecture 2.11)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from recon.display.words import counted
from recon.errors import Overrun
from recon.log.append import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from recon.log.events import NewEvent

#: Payload bytes that may wait: enough for a restart of the database.
DEFAULT_BUFFER_BYTES: Final = 64 * 1024 * 1024
#: Memory of an event beside its payload, in bytes.
OVERHEAD_BYTES: Final = 300


class Buffer:
    """A queue of events, bounded in bytes, with one reader. Writers never wait: a full buffer raises Overrun."""

    def __init__(self, max_bytes: int = DEFAULT_BUFFER_BYTES, max_batch_events: int = MAX_BATCH_EVENTS) -> None:
        """Make an empty buffer of at most `max_bytes`, whose batches have at most `max_batch_events`."""
        self._max_bytes = max_bytes
        self._max_batch_events = max_batch_events
        self._bytes = 0
        self._events: deque[NewEvent] = deque()
        self._filled = trio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._events)

    @property
    def waiting_bytes(self) -> int:
        """Return the bytes in the buffer, payloads and overhead."""
        return self._bytes

    def put(self, event: NewEvent) -> None:
        """Add an event, or raise Overrun. An empty buffer accepts even an event larger than the bound."""
        if self._closed:
            raise Overrun("the log takes nothing more; it is being closed")
        size = len(event.payload) + OVERHEAD_BYTES
        if self._events and self._bytes + size > self._max_bytes:
            message = (
                f"{counted(len(self._events), 'event')} of {self._bytes} bytes in all wait for the log;"
                f" the bound is {self._max_bytes}"
            )
            raise Overrun(message)
        self._events.append(event)
        self._bytes += size
        self._filled.set()

    def put_many(self, events: Sequence[NewEvent]) -> None:
        """Add events in order, as many as there is room for; raise Overrun for those that there is none for."""
        if self._closed:
            raise Overrun("the log takes nothing more; it is being closed")
        size = sum(len(event.payload) for event in events) + OVERHEAD_BYTES * len(events)
        if self._bytes + size > self._max_bytes:
            for event in events:
                self.put(event)
            return
        self._events += events
        self._bytes += size
        self._filled.set()

    def close(self) -> None:
        """Refuse further events and end all waits; events inside can still be taken."""
        self._closed = True
        self._filled.set()

    async def wait(self) -> None:
        """Wait until there is an event, or the buffer is closed. A cancelled wait loses nothing."""
        while not self._events and not self._closed:
            self._filled = trio.Event()
            await self._filled.wait()

    def take_nowait(self) -> list[NewEvent]:
        """Remove and return the next events, within the bounds of one batch; perhaps none."""
        batch: list[NewEvent] = []
        size = 0
        while self._events and len(batch) < self._max_batch_events:
            weight = len(self._events[0].payload)
            if batch and size + weight > MAX_BATCH_BYTES:
                break
            size += weight
            batch.append(self._events.popleft())
        self._bytes -= size + OVERHEAD_BYTES * len(batch)
        return batch
