"""The consumer of one gateway: keeps one session open, and turns what comes into records, until cancelled.

It tries the gateway's URLs in order, then round again, with a backoff between attempts. After a session that
lived a while it starts from the first URL again, which is the preferred one.
"""

from __future__ import annotations

import logging
import math
import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Never

import msgspec
import structlog
import trio

from recon.ems.backoff import Backoff
from recon.ems.connection import Bounds, Connection
from recon.ems.credentials import Credentials, safe_url
from recon.ems.endings import Ended
from recon.ems.session import HEARTBEAT_BOUND, Heartbeats, Record, Session, Watchdog, failed
from recon.errors import ConfigError, Overrun, Restarted

#: Bytes of the largest message taken; the library's 1 MiB may be less than one SYMBOLS_SNAPSHOT.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
#: Seconds for name, TCP and TLS together, and again for the answer to the upgrade.
CONNECT_TIMEOUT: Final = 10.0
#: Seconds for the closing handshake.
CLOSE_TIMEOUT: Final = 3.0
#: Seconds: ceiling of the first delay, and of any.
BACKOFF_BASE: Final = 0.5
BACKOFF_CAP: Final = 30.0
#: Seconds: least delay after refused credentials, and ceiling of any such. They seldom mend by themselves.
UNAUTHORISED_BASE: Final = 60.0
UNAUTHORISED_CAP: Final = 600.0
#: Seconds that a session must have lived for the backoff to start anew.
SETTLED_AFTER: Final = 30.0
#: Seconds between attempts to record the end of a session while the buffer is full.
RECORD_RETRY: Final = 0.1
#: Seconds in which a session is ended at most once because another process took over an account.
RESTART_PAUSE: Final = 60.0

_NOISY_LOGGERS: Final = (
    "trio-websocket",
    "trio_websocket",
    "wsproto",
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A gateway as we reach it: its name, its URLs (sites), every bound (seconds unless named otherwise)."""

    name: str
    urls: tuple[str, ...]
    credentials: Credentials = field(default_factory=Credentials)
    max_message_bytes: int = MAX_MESSAGE_BYTES
    connect_timeout: float = CONNECT_TIMEOUT
    close_timeout: float = CLOSE_TIMEOUT
    heartbeat_bound: float = HEARTBEAT_BOUND
    backoff_base: float = BACKOFF_BASE
    backoff_cap: float = BACKOFF_CAP
    unauthorised_base: float = UNAUTHORISED_BASE
    unauthorised_cap: float = UNAUTHORISED_CAP
    settled_after: float = SETTLED_AFTER

    def __post_init__(self) -> None:
        """Refuse a gateway that cannot be reached as described.

        Raises ConfigError.
        """
        if not self.urls:
            raise ConfigError(f"gateway {self.name} has no urls; give at least one")
        for url in self.urls:
            self.credentials.resource(url)

    def __repr__(self) -> str:
        return f"Endpoint(name={self.name!r}, urls={[safe_url(url) for url in self.urls]!r})"


class GatewayStatus(msgspec.Struct, frozen=True):
    """What the consumer is doing, for people and for health checks.

    `state` is `connecting`, `open`, `waiting` (until the next attempt, in `retry_in` seconds), `blocked` (the
    end of a session waits for room in the buffer) or `stopped`. `reason` and `detail` tell of the last end or
    failure, `failures` counts those since the last settled session, and `silent` names accounts without
    heartbeats.
    """

    gateway: str
    state: str
    url: str
    site: int
    since: datetime
    session: str | None = None
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    failures: int = 0
    retry_in: float | None = None
    silent: tuple[str, ...] = ()


def silence_libraries() -> None:
    """Keep the libraries from logging what they send: URLs with `apikey` in them, and headers.

    Both the level and a filter are set, so that turning everything to DEBUG does not undo it. Idempotent.
    """
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        if _only_warnings not in logger.filters:
            logger.addFilter(_only_warnings)


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


async def consume(
    endpoint: Endpoint,
    record: Callable[[Record], None],
    *,
    now: Callable[[], datetime],
    new_session_id: Callable[[], str],
    status: Callable[[GatewayStatus], None],
    heartbeats: Heartbeats | None = None,
    draw: Callable[[], float] = random.random,
) -> Never:
    """Listen to a gateway until cancelled.

    `record` takes each record in order and must not block; it raises Overrun when its buffer is full, which
    ends the session. `heartbeats` collects those that are not recorded, for ticks; `draw` makes the jitter.
    """
    silence_libraries()
    await _Consumer(endpoint, record, now, new_session_id, status, heartbeats or Heartbeats(), draw).run()


class _Consumer:
    def __init__(  # called once, by the function above, which names them
        self,
        endpoint: Endpoint,
        record: Callable[[Record], None],
        now: Callable[[], datetime],
        new_session_id: Callable[[], str],
        status: Callable[[GatewayStatus], None],
        heartbeats: Heartbeats,
        draw: Callable[[], float],
    ) -> None:
        self._endpoint = endpoint
        self._record = record
        self._now = now
        self._new_session_id = new_session_id
        self._report = status
        self._heartbeats = heartbeats
        self._backoff = Backoff(endpoint.backoff_base, endpoint.backoff_cap, draw)
        self._refusals = Backoff(
            2 * endpoint.unauthorised_base, endpoint.unauthorised_cap, draw, floor=endpoint.unauthorised_base
        )
        self._bounds = Bounds(
            connect=endpoint.connect_timeout,
            close=endpoint.close_timeout,
            heartbeat=endpoint.heartbeat_bound,
            message_bytes=endpoint.max_message_bytes,
        )
        self._site = 0
        self._failures = 0
        self._known_failures: dict[int, str] = {}  # the reason last recorded, by site
        self._last = Ended("")
        self._silent: tuple[str, ...] = ()
        self._restarted_at = -math.inf

    async def run(self) -> Never:
        try:
            while True:
                await self._once()
        finally:
            self._tell("stopped")

    async def _once(self) -> None:
        """Make one attempt, listen as long as it lasts, and wait before the next."""
        started = trio.current_time()
        opened = await self._attempt()
        if opened and trio.current_time() - started >= self._endpoint.settled_after:
            self._backoff.reset()
            self._refusals.reset()
            self._failures = self._site = 0
        else:
            self._failures += 1
            self._site = (self._site + 1) % len(self._endpoint.urls)
        refused = self._last.reason == "unauthorised"
        delay = (self._refusals if refused else self._backoff).next()
        self._tell("waiting", retry_in=delay)
        await trio.sleep(delay)

    async def _attempt(self) -> bool:
        """Run one connection to its end and record it; tell whether a session had opened."""
        url = self._endpoint.urls[self._site]
        credentials = self._endpoint.credentials
        watchdog = Watchdog(self._endpoint.heartbeat_bound, trio.current_time())
        session = Session(self._new_session_id(), credentials.redact, self._heartbeats, watchdog)

        def on_open() -> None:
            watchdog.heard(trio.current_time())
            self._record(session.opened(self._now(), url=url, site=self._site))
            self._known_failures.pop(self._site, None)
            self._tell("open", session=session.name)
            _log.info("session opened", gateway=self._endpoint.name, url=safe_url(url), session=session.name)

        def on_frame(frame: str | bytes) -> None:
            record = session.frame(frame, self._now(), trio.current_time())
            if record is not None:
                self._record(record)
            if session.restarted is not None:
                self._renew(session.restarted)
                session.restarted = None

        def on_watch() -> None:
            silent = watchdog.silent(trio.current_time())
            if silent != self._silent:
                self._silent = silent
                self._tell("open", session=session.name)

        self._silent = ()
        self._tell("connecting")
        connection = Connection(self._bounds, on_open=on_open, on_frame=on_frame, on_watch=on_watch, watchdog=watchdog)
        ended = Ended("shutdown", detail="the service stopped listening")
        try:
            ended = await connection.run(credentials, url)
        except Exception:
            ended = Ended("fault", detail="the service itself failed; its log says how")
            raise
        finally:
            self._silent = ()
            self._last = msgspec.structs.replace(ended, detail=credentials.redact_text(ended.detail))
            self._say(session if connection.opened else None, url)
            if connection.opened:
                await self._until_recorded(
                    session.closed(
                        self._now(),
                        url=url,
                        site=self._site,
                        reason=ended.reason,
                        code=ended.code,
                        detail=self._last.detail,
                    )
                )
            else:
                self._record_failure(url)
        return connection.opened

    def _renew(self, account: str) -> None:
        """End the session when another process took over an account, so that its snapshots tell what it holds.

        Not again within RESTART_PAUSE: an account that two processes speak for in turns would never be heard.
        """
        at = trio.current_time()
        if at - self._restarted_at < RESTART_PAUSE:
            return
        self._restarted_at = at
        raise Restarted(f"another process speaks for account {account}; connecting anew to read what it holds")

    def _record_failure(self, url: str) -> None:
        """Record that no session came about, but the same reason at the same site only once."""
        reason = self._last.reason
        if reason == "shutdown" or self._known_failures.get(self._site) == reason:
            return
        failure = failed(
            self._now(),
            self._endpoint.credentials.redact,
            url=url,
            site=self._site,
            reason=reason,
            detail=self._last.detail,
        )
        if self._recorded(failure):
            self._known_failures[self._site] = reason

    async def _until_recorded(self, closed: Record) -> None:
        """Record the end of a session; while the buffer is full there is nothing to do but wait."""
        if self._recorded(closed):
            return
        self._tell("blocked")
        try:
            await self._room(closed)
        except trio.Cancelled:
            with trio.move_on_after(self._endpoint.close_timeout, shield=True):
                await self._room(closed)
            raise

    async def _room(self, closed: Record) -> None:
        while not self._recorded(closed):  # noqa: ASYNC110  # the buffer is the caller's and has no event
            await trio.sleep(RECORD_RETRY)

    def _recorded(self, record: Record) -> bool:
        try:
            self._record(record)
        except Overrun:
            return False
        return True

    def _say(self, session: Session | None, url: str) -> None:
        _log.info(
            "no session" if session is None else "session closed",
            gateway=self._endpoint.name,
            url=safe_url(url),
            session=None if session is None else session.name,
            reason=self._last.reason,
            code=self._last.code,
            detail=self._last.detail,
        )

    def _tell(self, state: str, *, session: str | None = None, retry_in: float | None = None) -> None:
        self._report(
            GatewayStatus(
                gateway=self._endpoint.name,
                state=state,
                url=safe_url(self._endpoint.urls[self._site]),
                site=self._site,
                since=self._now(),
                session=session,
                reason=self._last.reason or None,
                code=self._last.code,
                detail=self._last.detail,
                failures=self._failures,
                retry_in=retry_in,
                silent=self._silent,
            )
        )
