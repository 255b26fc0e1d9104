"""One session with a gateway as values: frames become records. Pure: no socket, no clock, no log.

Every account sends SERVER_INFO each second. It is recorded when something in it changes, else counted for the ticks
(semantics 9.3). Other frames are recorded as they came, except for redacted credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from recon.ems.protocol.decode import decode, envelope
from recon.ems.protocol.messages import INBOUND_TYPES, SERVER_INFO, ServerInfo
from recon.ems.protocol.timestamps import parse_time
from recon.ems.urls import safe_url

#: The kind of a frame that is unreadable or not one of the protocol's inbound messages.
FRAME: Final = "frame"
SESSION_OPENED: Final = "session.opened"
SESSION_CLOSED: Final = "session.closed"
#: A connection that never became a session.
SESSION_FAILED: Final = "session.failed"

#: Seconds without a heartbeat after which an account counts as silent (it is sent each second).
HEARTBEAT_BOUND: Final = 10.0

Redact: TypeAlias = Callable[[bytes], tuple[bytes, bool]]
Content: TypeAlias = dict[str, str | int | None]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A fact for the log: a frame as received, or something that happened to the session."""

    kind: str
    account: str | None
    session: str | None
    received_at: datetime
    payload: bytes
    redacted: bool = False


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """Heartbeats of one account that were counted instead of recorded.

    `last` is when the last one came in, `at` the same by the steady clock; `lag_us` is its time on the way by both
    clocks, None if it carried no time.
    """

    last: datetime
    count: int
    lag_us: int | None
    at: float


class Heartbeats:
    """The heartbeats not recorded since the last tick; outlives sessions, so that none is lost between two."""

    def __init__(self) -> None:
        self._by_account: dict[str, Heartbeat] = {}

    def note(self, account: str, received_at: datetime, sent_at: datetime | None, at: float) -> None:
        """Count one heartbeat; `at` is by the steady clock."""
        previous = self._by_account.get(account)
        lag = None if sent_at is None else (received_at - sent_at) // timedelta(microseconds=1)
        self._by_account[account] = Heartbeat(received_at, 1 if previous is None else previous.count + 1, lag, at)

    def take(self) -> dict[str, Heartbeat]:
        """Return the counts since the last call, by account, and start again."""
        counts, self._by_account = self._by_account, {}
        return counts


class Watchdog:
    """Finds silent accounts, by a steady clock in seconds: a corrected wall clock must not end a session."""

    def __init__(self, bound: float, at: float) -> None:
        self._bound = bound
        self._heard_at = at
        self._heartbeats: dict[str, float] = {}

    def note_frame(self, at: float) -> None:
        """Note that a frame came in."""
        self._heard_at = at

    def note_heartbeat(self, account: str, at: float) -> None:
        """Note an account's SERVER_INFO."""
        self._heartbeats[account] = at

    def silent_accounts(self, at: float) -> tuple[str, ...]:
        """Return the accounts that sent heartbeats in this session, but none within the bound."""
        return tuple(sorted(name for name, last in self._heartbeats.items() if at - last > self._bound))

    def is_stalled(self, at: float) -> bool:
        """True if no frame at all came in within the bound."""
        return at - self._heard_at > self._bound


class Session:
    """Turns the frames of one session into records."""

    def __init__(self, name: str, redact: Redact, heartbeats: Heartbeats, watchdog: Watchdog) -> None:
        self.name = name
        self._redact = redact
        self._heartbeats = heartbeats
        self._watchdog = watchdog
        self._last_infos: dict[str, tuple[object, ...]] = {}
        #: The account whose process was replaced by another during this session, if any (protocol 4).
        self.restarted: str | None = None

    def opened(self, received_at: datetime, *, url: str, site: int) -> Record:
        """Return the record of the session's beginning; `site` is the URL's place among the gateway's."""
        return self._event(SESSION_OPENED, received_at, {"url": safe_url(url), "site": site})

    def closed(
        self, received_at: datetime, *, url: str, site: int, reason: str, code: int | None, detail: str
    ) -> Record:
        """Return the record of the session's end; until the next session nothing is seen."""
        end: Content = {"url": safe_url(url), "site": site, "reason": reason, "code": code, "detail": detail}
        return self._event(SESSION_CLOSED, received_at, end)

    def frame(self, data: str | bytes, received_at: datetime, at: float) -> Record | None:
        """Return the record of a frame, None if it was only counted; `at` is by the steady clock."""
        self._watchdog.note_frame(at)
        payload = _encoded(data) if isinstance(data, str) else bytes(data)
        head = envelope(payload)
        kind = head.type if head.type in INBOUND_TYPES else None
        if kind == SERVER_INFO and head.account is not None:
            self._watchdog.note_heartbeat(head.account, at)
            if self._is_repeated(head.account, payload, received_at, at):
                return None
        clean, redacted = self._redact(payload)
        return Record(kind or FRAME, head.account, self.name, received_at, clean, redacted)

    def _is_repeated(self, account: str, payload: bytes, received_at: datetime, at: float) -> bool:
        """True if a heartbeat says nothing new, which is then counted; the first one of a session is always new."""
        info = decode(payload).message
        if not isinstance(info, ServerInfo):
            return False
        identity = (
            info.instance_guid,
            info.is_running,
            info.server_version,
            info.server_name,
            info.dns_name,
            info.time_server_start,
        )
        previous = self._last_infos.get(account)
        if previous != identity:
            guid, previous_guid = identity[0], None if previous is None else previous[0]
            if previous_guid is not None and guid is not None and previous_guid != guid:
                self.restarted = account
            self._last_infos[account] = identity
            return False
        self._heartbeats.note(account, received_at, parse_time(info.time), at)
        return True

    def _event(self, kind: str, received_at: datetime, content: Content) -> Record:
        return _own_record(kind, self.name, received_at, content, self._redact)


def failure_record(received_at: datetime, redact: Redact, *, url: str, site: int, reason: str, detail: str) -> Record:
    """Return the record of a connection that never became a session."""
    content: Content = {
        "url": safe_url(url),
        "site": site,
        "reason": reason,
        "detail": detail,
    }
    return _own_record(SESSION_FAILED, None, received_at, content, redact)


def _own_record(
    kind: str,
    session: str | None,
    received_at: datetime,
    content: Content,
    redact: Redact,
) -> Record:
    """Build a record of our own; redacted too, because a detail may quote the other side."""
    clean, redacted = redact(msgspec.json.encode(content))
    return Record(kind, None, session, received_at, clean, redacted)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate is no UTF-8; the bytes are kept all the same and the log marks them unreadable.
        return text.encode("utf-8", "surrogatepass")
