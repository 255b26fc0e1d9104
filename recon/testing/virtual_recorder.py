"""What the recorder of a gateway would append, on virtual time: frames, sessions and ticks become events."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from recon.ems.protocol.session import HEARTBEAT_BOUND, Heartbeats, Record, Session, Watchdog
from recon.log import events
from recon.log.events import NewEvent
from recon.log.heartbeats import tick_payload

#: The address that recorded sessions name; nothing connects to it.
_URL: Final = "ws://sim/"


class VirtualRecorder:
    """Turns what a gateway sends into events, session by session, by the service's own session."""

    def __init__(self, start: datetime) -> None:
        """Begin at a time, with no session yet."""
        self._start = start
        self._heartbeats = Heartbeats()
        self._sessions = 0
        self._session = self._new_session()

    def opened(self, at: datetime) -> NewEvent:
        """Return the beginning of a new session."""
        self._sessions += 1
        self._session = self._new_session()
        return _event(self._session.opened(at, url=_URL, site=0))

    def closed(self, at: datetime) -> NewEvent:
        """Return the end of the session: the connection is lost."""
        return _event(self._session.closed(at, url=_URL, site=0, reason="disconnected", code=None, detail=""))

    def frame(self, payload: bytes, at: datetime) -> NewEvent | None:
        """Return the event of a frame; None if it is a heartbeat that the next tick counts."""
        record = self._session.frame(payload, at, (at - self._start).total_seconds())
        return None if record is None else _event(record)

    def tick(self, at: datetime) -> NewEvent:
        """Return a tick with the heartbeats since the last one."""
        return NewEvent(events.TICK, tick_payload(self._heartbeats.take()), at)

    def _new_session(self) -> Session:
        return Session(
            f"session-{self._sessions}",
            lambda payload: (payload, False),
            self._heartbeats,
            Watchdog(HEARTBEAT_BOUND, 0.0),
        )


def _event(record: Record) -> NewEvent:
    return NewEvent(record.kind, record.payload, record.received_at, record.account, record.session, record.redacted)
