"""The hand-over: what a recorder has appended, for the projector of the same process, so that it reads nothing back.

1. The log is the truth. A handed event is what a read of the log returns, and who finds none handed reads the log.
2. Events are handed after their commit, and used where they follow a log position without a hole. What others have
   appended in between is such a hole.
3. The log itself has to confirm them: it holds the digest that the append answered, which covers all events up to its
   own (`recon.log.read.holds`). So a database that has lost a commit, as after a careless failover, is
   believed, and not the memory.
4. The hand-over is bounded in bytes. One that holds events takes only what follows them and fits. The rest is left to
   the log, until the projector has passed all that is held.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from recon.log.append import Appended, storable_account
from recon.log.buffer import OVERHEAD_BYTES
from recon.log.events import Event, NewEvent
from recon.log.read import PAGE_EVENTS

#: Bytes of events that are kept for the projector, payloads and overhead: some ten thousand frames.
HANDOVER_BYTES: Final = 8 * 1024 * 1024


class _Batch(NamedTuple):
    """A batch as it was appended, and its size in bytes."""

    appended: Appended
    events: Sequence[NewEvent]
    size: int


class Handed(NamedTuple):
    """Events in log order, and a digest that covers them all: that of the event at `seq`, the last or a later one."""

    events: list[Event]
    seq: int
    digest: bytes


class Handover:
    """The last batches of one gateway's recorder, without holes. It may be used from any thread."""

    def __init__(self, max_bytes: int = HANDOVER_BYTES) -> None:
        """Begin without events; hold at most `max_bytes`."""
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._batches: deque[_Batch] = deque()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Return the bytes of the events that are held, payloads and overhead."""
        return self._bytes

    def put(self, appended: Appended, events: Sequence[NewEvent]) -> None:
        """Keep a batch that is committed, if it follows what is held and there is room for it.

        Without a digest, which a former database does not answer, nothing could be confirmed: it is left to the log.
        """
        size = sum(len(event.payload) for event in events) + OVERHEAD_BYTES * len(events)
        with self._lock:
            follows = not self._batches or self._batches[-1].appended.last_seq + 1 == appended.first_seq
            if appended.last_digest and follows and self._bytes + size <= self._max_bytes:
                self._batches.append(_Batch(appended, events, size))
                self._bytes += size

    def clear(self) -> None:
        """Drop all events: the log has them."""
        with self._lock:
            self._batches.clear()
            self._bytes = 0

    def after(self, seq: int, limit: int = PAGE_EVENTS) -> Handed | None:
        """Return at most so many events that follow a log position, None if the next one is not held.

        Whatever lies before is dropped. What is returned stays until it is passed, so a step may be repeated.
        """
        with self._lock:
            while self._batches and self._batches[0].appended.last_seq <= seq:
                self._bytes -= self._batches.popleft().size
            if not self._batches or self._batches[0].appended.first_seq > seq + 1:
                return None
            batches = list(self._batches)
        events: list[Event] = []
        for batch in batches:
            events += _events_of(batch, seq + len(events) + 1, limit - len(events))
            if len(events) == limit:
                break
        return Handed(events, batch.appended.last_seq, batch.appended.last_digest)


def _events_of(batch: _Batch, first_seq: int, limit: int) -> list[Event]:
    """Return at most so many events of a batch, from a log position on, as a read of the log returns them."""
    appended, begin = batch.appended, first_seq - batch.appended.first_seq
    at, unreadable = appended.recorded_at, appended.unreadable
    # By position: this runs once for each event, and names take half of its time.
    return [
        Event(
            first_seq + number,
            at,
            event.received_at,
            event.kind,
            storable_account(event.account),
            event.session,
            begin + number + 1 not in unreadable,
            event.payload,
        )
        for number, event in enumerate(batch.events[begin : begin + limit])
    ]
