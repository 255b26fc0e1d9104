"""One gateway's consumer, recorder and backfill agent, under one nursery: all run, or none (architecture 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import trio

from recon.backfill.agent import BackfillAgent, RequestSender
from recon.backfill.view import BackfillView
from recon.config import Venue
from recon.ems.protocol.session import Heartbeats, Record
from recon.ems.rest.client import open_rest_client
from recon.ems.urls import rest_url_of
from recon.ems.websocket.consumer import consume
from recon.ems.websocket.endpoint import Endpoint
from recon.ems.websocket.status import GatewayStatus
from recon.ledger.rule_changes import relaxes
from recon.log.buffer import Buffer
from recon.log.clock import LogClock
from recon.log.events import NewEvent
from recon.log.handover import Handover
from recon.log.lease import Lease
from recon.log.recorder import Recorder
from recon.meters import AppendMeter, Pulse
from recon.service.status import StatusBoard
from recon.service.supervisor import supervise
from recon.tracing import Tracing
from recon.venues.agent import VenueAgent
from recon.venues.client import VenueClient

CONSUMER: Final = "consumer"
RECORDER: Final = "recorder"
RECOVERY: Final = "recovery"
VENUE: Final = "venue"


@dataclass(kw_only=True)
class GatewayPart:
    """Listens to one gateway and records it while this instance has the lease; otherwise it stands by.

    Each run is a writer of its own. After a lost lease, events still in memory are not appended behind another
    instance's session; the log shows the gap.
    """

    endpoint: Endpoint
    rules: bytes
    lease_url: str
    #: The name of this run of the service, which whoever waits for the lease is told.
    instance: str
    buffer_bytes: int
    batch_events: int
    drain_seconds: float
    board: StatusBoard
    now: Callable[[], datetime]
    new_id: Callable[[], UUID]
    pending: Callable[[], bool]
    on_appended: Callable[[int], None]
    #: What this instance appends, for its projector; it outlives each recorder.
    handover: Handover | None
    on_recording: Callable[[], None]
    #: The base address of REST; None: that of the WebSocket.
    rest_url: str | None
    cross_check: timedelta
    #: The venues that are asked themselves, by account, and what makes a client of one.
    venues: Mapping[str, Venue]
    connect_venue: Callable[[Venue], VenueClient]
    tracing: Tracing
    #: They outlive each recorder.
    meter: AppendMeter = field(default_factory=AppendMeter, init=False)
    pulse: Pulse = field(default_factory=Pulse, init=False)
    _recorder: Recorder | None = field(default=None, init=False)
    _backfill: BackfillAgent | None = field(default=None, init=False)
    _has_recorded: bool = field(default=False, init=False)
    _view: BackfillView | None = field(default=None, init=False)
    _url: str | None = field(default=None, init=False)

    @property
    def recording(self) -> bool:
        """True if this instance is the one that records the gateway."""
        return self._recorder is not None

    @property
    def head_seq(self) -> int:
        """Return the last known position of the log; 0 while this instance does not record."""
        return 0 if self._recorder is None else self._recorder.head

    @property
    def has_recorded(self) -> bool:
        """True if this instance has recorded the gateway since its start."""
        return self._has_recorded

    async def run(self) -> None:
        """Stand by until the lease is ours, then listen and record until cancelled; then drain the buffer.

        Raise LeaseLost when another instance has taken over.
        """
        buffer = Buffer(self.buffer_bytes, self.batch_events)
        heartbeats = Heartbeats()
        clock = LogClock(self.now, trio.current_time)
        recorder = self._new_recorder(buffer, heartbeats, clock)
        await recorder.stand_by()
        backfill = self._new_backfill_agent(buffer, clock)
        self._recorder, self._backfill, self._has_recorded = recorder, backfill, True
        if self._view is not None:
            backfill.update(self._view)
        self.on_recording()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._record, recorder)
                nursery.start_soon(supervise, self.board, self.endpoint.name, RECOVERY, backfill.run)
                for account in self.venues:
                    part = f"{VENUE} {account}"
                    agent = self._new_venue_agent(account, part, buffer)
                    nursery.start_soon(supervise, self.board, self.endpoint.name, part, agent.run)
                try:
                    await consume(
                        self.endpoint,
                        lambda records: buffer.put_many([_event_of(record) for record in records]),
                        now=self.now,
                        new_session_id=lambda: str(self.new_id()),
                        status=self._note_consumer,
                        heartbeats=heartbeats,
                    )
                finally:
                    # The end of the session is in the buffer now; the recorder outlives the session to append it.
                    recorder.finish()
        finally:
            self._recorder = self._backfill = None

    def _new_recorder(self, buffer: Buffer, heartbeats: Heartbeats, clock: LogClock) -> Recorder:
        return Recorder(
            Lease(self.lease_url, self.endpoint.name, self.new_id(), self.instance),
            buffer,
            heartbeats=heartbeats,
            rules=self.rules,
            relaxes=relaxes,
            clock=clock,
            pending=self.pending,
            on_appended=self.on_appended,
            handover=self.handover,
            meter=self.meter,
            pulse=self.pulse,
            tracing=self.tracing,
            status=self.board.reporter(self.endpoint.name, RECORDER),
            drain_seconds=self.drain_seconds,
        )

    def _new_backfill_agent(self, buffer: Buffer, clock: LogClock) -> BackfillAgent:
        return BackfillAgent(
            self.endpoint.name,
            connect=self._open_rest,
            record=buffer.put,
            redact=self.endpoint.credentials.redact,
            now=self.now,
            log_time_us=clock.now_us,
            new_id=lambda: str(self.new_id()),
            cross_check=self.cross_check,
            status=self.board.reporter(self.endpoint.name, RECOVERY),
        )

    def _new_venue_agent(self, account: str, part: str, buffer: Buffer) -> VenueAgent:
        return VenueAgent(
            account,
            self.venues[account],
            connect=self.connect_venue,
            record=buffer.put,
            now=self.now,
            status=self.board.reporter(self.endpoint.name, part),
        )

    @staticmethod
    async def _record(recorder: Recorder) -> None:
        with trio.CancelScope(shield=True):
            await recorder.run()

    def update_view(self, view: BackfillView) -> None:
        """Pass on what the ledger says about gaps; the backfill agent requests what they hid."""
        self._view = view
        if self._backfill is not None:
            self._backfill.update(view)

    async def _open_rest(self) -> AbstractAsyncContextManager[RequestSender] | None:
        """Return a REST client of the site that the session is with; None without a session."""
        if self._url is None:
            return None
        base = self.rest_url or rest_url_of(self._url)
        return open_rest_client(base, (await self.endpoint.address()).credentials)

    def _note_consumer(self, status: GatewayStatus) -> None:
        self._url = status.url if status.state == "open" else None
        detail = status.detail or status.reason or ""
        if status.state == "open":
            silent = f"no heartbeat from {', '.join(status.silent)}" if status.silent else ""
            detail = "; ".join(text for text in (status.url, silent, status.note) if text)
        reporter = self.board.reporter(self.endpoint.name, CONSUMER)
        reporter.set(status.state, detail, failures=status.failures, site=status.site)


def _event_of(record: Record) -> NewEvent:
    return NewEvent(record.kind, record.payload, record.received_at, record.account, record.session, record.redacted)
