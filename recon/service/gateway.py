"""One gateway's consumer, recorder and recovery, under one nursery: all run, or none (architecture 3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import trio

from recon.backfill.agent import BackfillAgent, BackfillStatus, RequestSender
from recon.backfill.view import BackfillView
from recon.ems.protocol.session import Heartbeats, Record
from recon.ems.rest.client import open_rest_client, rest_url_of
from recon.ems.websocket.consumer import Endpoint, GatewayStatus, consume
from recon.ledger.rule_changes import loosens
from recon.log.buffer import Buffer
from recon.log.events import NewEvent
from recon.log.lease import Lease
from recon.log.recorder import Recorder, RecorderStatus
from recon.service.status import Board
from recon.service.supervisor import supervise

CONSUMER: Final = "consumer"
RECORDER: Final = "recorder"
RECOVERY: Final = "recovery"


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
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    pending: Callable[[], bool]
    on_appended: Callable[[int], None]
    on_recording: Callable[[], None]
    #: Where REST is spoken; None: where the WebSocket is.
    rest_url: str | None
    cross_check: timedelta
    _recorder: Recorder | None = field(default=None, init=False)
    _recovery: BackfillAgent | None = field(default=None, init=False)
    _has_recorded: bool = field(default=False, init=False)
    _situation: BackfillView | None = field(default=None, init=False)
    _url: str | None = field(default=None, init=False)

    @property
    def recording(self) -> bool:
        """Tell whether this instance is the one that records the gateway."""
        return self._recorder is not None

    @property
    def has_recorded(self) -> bool:
        """Tell whether this instance has recorded the gateway since it was started."""
        return self._has_recorded

    async def run(self) -> None:
        """Stand by until the lease is ours, then listen and record, until cancelled; what was received is drained.

        Errors: LeaseLost, when another instance has taken over; both then begin anew.
        """
        buffer = Buffer(self.buffer_bytes, self.batch_events)
        heartbeats = Heartbeats()
        recorder = Recorder(
            Lease(self.lease_url, self.endpoint.name, self.new_id()),
            buffer,
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
        recovery = BackfillAgent(
            self.endpoint.name,
            connect=self._ask_where,
            record=buffer.put,
            redact=self.endpoint.credentials.redact,
            now=self.now,
            new_id=lambda: str(self.new_id()),
            cross_check=self.cross_check,
            status=self._tell_recovery,
        )
        self._recorder, self._recovery, self._has_recorded = recorder, recovery, True
        if self._situation is not None:
            recovery.update(self._situation)
        self.on_recording()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._record, recorder)
                nursery.start_soon(supervise, self.board, self.endpoint.name, RECOVERY, recovery.run)
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
            self._recorder = self._recovery = None

    @staticmethod
    async def _record(recorder: Recorder) -> None:
        with trio.CancelScope(shield=True):
            await recorder.run()

    def see(self, situation: BackfillView) -> None:
        """Take note of where the books stand: what a gap hid is asked for as they say."""
        self._situation = situation
        if self._recovery is not None:
            self._recovery.update(situation)

    async def _ask_where(self) -> AbstractAsyncContextManager[RequestSender] | None:
        """Return where questions are asked now: at the site that the session is with."""
        if self._url is None:
            return None
        base = self.rest_url or rest_url_of(self._url)
        return open_rest_client(base, (await self.endpoint.reach()).credentials)

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

    def _tell_recovery(self, status: BackfillStatus) -> None:
        self.board.tell(self.endpoint.name, RECOVERY, status.state, status.detail)

    def _tell_consumer(self, status: GatewayStatus) -> None:
        self._url = status.url if status.state == "open" else None
        detail = status.detail or status.reason or ""
        if status.state == "open":
            silent = f"no heartbeat from {', '.join(status.silent)}" if status.silent else ""
            detail = "; ".join(said for said in (status.url, silent, status.note) if said)
        self.board.tell(status.gateway, CONSUMER, status.state, detail, failures=status.failures, site=status.site)
