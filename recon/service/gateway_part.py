"""One gateway's consumer and recorder, under one nursery: both run, or neither (design 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import trio

from recon.books.loosening import loosens
from recon.ems.gateway import Endpoint, GatewayStatus, consume
from recon.ems.session import Heartbeats, Record
from recon.log.buffer import Buffer
from recon.log.events import NewEvent
from recon.log.lease import Lease
from recon.log.offload import Offload
from recon.log.recorder import Recorder, RecorderStatus
from recon.service.board import Board

CONSUMER: Final = "consumer"
RECORDER: Final = "recorder"


@dataclass(kw_only=True)
class GatewayPart:
    """Listens to one gateway and records it, while this instance holds the lease; else it stands by.

    Each run is a writer of its own: when the lease was lost, what the former run still held in memory is not appended
    behind another instance's session, and the log shows the gap.
    """

    endpoint: Endpoint
    rules: bytes
    lease_url: str
    buffer_bytes: int
    batch_events: int
    drain_seconds: float
    board: Board
    offload: Offload
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    pending: Callable[[], bool]
    on_appended: Callable[[int], None]
    on_recording: Callable[[], None]
    _recorder: Recorder | None = field(default=None, init=False)

    @property
    def recording(self) -> bool:
        """Tell whether this instance is the one that records the gateway."""
        return self._recorder is not None

    async def run(self) -> None:
        """Stand by until the lease is ours, then listen and record, until cancelled; what was received is drained.

        Errors: LeaseLost, when another instance has taken over; both then begin anew.
        """
        buffer = Buffer(self.buffer_bytes, self.batch_events)
        heartbeats = Heartbeats()
        recorder = Recorder(
            Lease(self.lease_url, self.endpoint.name, self.new_id()),
            buffer,
            offload=self.offload,
            heartbeats=heartbeats,
            rules=self.rules,
            loosens=loosens,
            now=self.now,
            pending=self.pending,
            on_appended=self.on_appended,
            on_status=self._tell_recorder,
            drain_seconds=self.drain_seconds,
        )

        def record(record: Record) -> None:
            buffer.put(
                NewEvent(
                    record.kind, record.payload, record.received_at, record.account, record.session, record.redacted
                )
            )

        await recorder.stand_by()
        self._recorder = recorder
        self.on_recording()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._record, recorder)
                try:
                    await consume(
                        self.endpoint,
                        record,
                        now=self.now,
                        new_session_id=lambda: str(self.new_id()),
                        status=self._tell_consumer,
                        heartbeats=heartbeats,
                    )
                finally:
                    # The session's last words are in the buffer now; the recorder outlives it to append them.
                    recorder.finish()
        finally:
            self._recorder = None

    @staticmethod
    async def _record(recorder: Recorder) -> None:
        with trio.CancelScope(shield=True):
            await recorder.run()

    def refresh(self) -> None:
        """Bring the recorder's figures on the board up to date."""
        if self._recorder is not None:
            self._note(self._recorder.status)

    def _tell_recorder(self, status: RecorderStatus) -> None:
        self.board.tell(status.gateway, RECORDER, status.state, status.detail)
        self._note(status)

    def _note(self, status: RecorderStatus) -> None:
        self.board.note(
            status.gateway,
            RECORDER,
            head_seq=status.head_seq,
            waiting_bytes=status.waiting_bytes,
            waiting_events=status.waiting_events,
        )

    def _tell_consumer(self, status: GatewayStatus) -> None:
        detail = status.detail or status.reason or ""
        if status.state == "open":
            detail = status.url if not status.silent else f"{status.url}; no heartbeat from {', '.join(status.silent)}"
        self.board.tell(status.gateway, CONSUMER, status.state, detail, failures=status.failures, site=status.site)
