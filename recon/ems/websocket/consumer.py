"""The consumer of one gateway: keeps one session open, and turns what comes into records, until cancelled.

It tries the gateway's URLs in order, then round again, with a backoff between attempts. After a session that
lived a while it starts from the first URL again, which is the preferred one. While another one is in use, the first is
probed now and then, and returned to when it works; a site that is no longer listed is left.
"""

from __future__ import annotations

import math
import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable
from datetime import datetime
from typing import Final, Never

import msgspec
import structlog
import trio

from recon.backoff import Backoff
from recon.ems.close_reasons import CloseReason
from recon.ems.cloud.sites import FixedSites, GatewayAddress
from recon.ems.credentials import silence_libraries
from recon.ems.protocol.session import Heartbeats, Record, Session, Watchdog, failure_record
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.ems.websocket.endpoint import CLOSE_TIMEOUT, Endpoint
from recon.ems.websocket.failback import SiteMonitor
from recon.errors import ConfigError, GatewayError, Overrun, Restarted, Unauthorised

__all__ = ["CLOSE_TIMEOUT", "Endpoint", "GatewayStatus", "consume", "silence_libraries"]

#: Seconds between attempts to record the end of a session while the buffer is full.
RECORD_RETRY: Final = 0.1
#: Seconds in which a session is ended at most once because another process took over an account.
RESTART_PAUSE: Final = 60.0

#: Ends that are of our own making and no failure: the next session begins at once, at the preferred site.
_MOVES: Final = frozenset({"returning", "moved"})

_log = structlog.get_logger(__name__)


class GatewayStatus(msgspec.Struct, frozen=True):
    """What the consumer is doing, for people and for health checks.

    `state` is `connecting`, `open`, `waiting` (until the next attempt, in `retry_in` seconds), `blocked` (the
    end of a session waits for room in the buffer) or `stopped`. `reason` and `detail` tell of the last end or
    failure, `failures` counts those since the last settled session, and `silent` names accounts without
    heartbeats. `url` is the one in use or next to be tried (empty: none is known yet), `site` its place in the order of
    preference. `note` says what is amiss with how the gateway is found, while it can be reached all the same.
    """

    gateway: str
    state: str
    url: str
    site: int
    session: str | None = None
    reason: str | None = None
    code: int | None = None
    detail: str = ""
    failures: int = 0
    retry_in: float | None = None
    silent: tuple[str, ...] = ()
    note: str = ""


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
        self._bounds = ConnectionBounds(
            connect=endpoint.connect_timeout,
            close=endpoint.close_timeout,
            heartbeat=endpoint.heartbeat_bound,
            message_bytes=endpoint.max_message_bytes,
        )
        self._sites = endpoint.site_source()
        self._reach = GatewayAddress(endpoint.urls, endpoint.credentials)
        self._site = 0
        self._note = ""
        self._failures = 0
        self._known_failures: dict[str, str] = {}  # the reason last recorded, by URL
        self._last = CloseReason("")
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
        moving = opened and self._last.reason in _MOVES
        if moving or (opened and trio.current_time() - started >= self._endpoint.settled_after):
            self._backoff.reset()
            self._refusals.reset()
            self._failures = self._site = 0
        else:
            self._failures += 1
            self._site = (self._site + 1) % max(1, len(self._reach.urls))
        if moving:
            return
        refused = self._last.reason == "unauthorised"
        if not opened and (self._site == 0 or refused or self._last.reason == "tls"):
            self._sites.report_failure(refused=refused or self._last.reason == "tls")
        delay = (self._refusals if refused else self._backoff).next()
        self._tell("waiting", retry_in=delay)
        await trio.sleep(delay)

    async def _found(self) -> bool:
        """Learn where the gateway is now; where that fails, record it and tell so."""
        if not self._reach.urls:
            self._tell("connecting")
        try:
            reach = await self._sites.current()
        except (GatewayError, ConfigError) as error:
            reason = "unauthorised" if isinstance(error, Unauthorised) else "discovery"
            self._last = CloseReason(reason, detail=self._endpoint.credentials.redact_text(str(error)))
            self._say(None)
            self._record_failure()
            return False
        if reach.urls != self._reach.urls:
            self._site = 0
        self._reach, self._note = reach, reach.note
        self._known_failures.pop("", None)
        return True

    @property
    def _url(self) -> str:
        return self._reach.urls[self._site] if self._reach.urls else ""

    async def _attempt(self) -> bool:
        """Run one connection to its end and record it; tell whether a session had opened."""
        if not await self._found():
            return False
        url, credentials = self._url, self._reach.credentials
        watchdog = Watchdog(self._endpoint.heartbeat_bound, trio.current_time())
        session = Session(self._new_session_id(), credentials.redact, self._heartbeats, watchdog)

        def on_open() -> None:
            watchdog.note_frame(trio.current_time())
            self._record(session.opened(self._now(), url=url, site=self._site))
            self._known_failures.pop(url, None)
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
            silent = watchdog.silent_accounts(trio.current_time())
            if silent != self._silent:
                self._silent = silent
                self._tell("open", session=session.name)

        def on_reach(reach: GatewayAddress) -> None:
            if reach.note != self._note and connection.opened:
                self._note = reach.note
                self._tell("open", session=session.name)

        self._silent = ()
        self._tell("connecting")
        connection = Connection(self._bounds, on_open=on_open, on_frame=on_frame, on_watch=on_watch, watchdog=watchdog)
        ended = CloseReason("shutdown", detail="the service stopped listening")
        try:
            ended = await self._listen(connection, url, on_reach)
        except Exception:
            ended = CloseReason("fault", detail="the service itself failed; its log says how")
            raise
        finally:
            self._silent = ()
            self._last = msgspec.structs.replace(ended, detail=credentials.redact_text(ended.detail))
            self._say(session if connection.opened else None)
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
                self._record_failure()
        return connection.opened

    async def _listen(
        self, connection: Connection, url: str, on_reach: Callable[[GatewayAddress], None]
    ) -> CloseReason:
        """Run a connection to its end, and mind beside it whether it should be elsewhere."""
        if isinstance(self._sites, FixedSites) and len(self._reach.urls) == 1:
            return await connection.run(self._reach.credentials, url)
        minding = SiteMonitor(
            self._endpoint.name,
            url,
            self._reach,
            sites=self._sites,
            bounds=self._bounds,
            connection=connection,
            listing_check_seconds=self._endpoint.listing_check_seconds,
            failback_seconds=self._endpoint.failback_seconds,
            on_reach=on_reach,
        )
        ended: CloseReason | Exception
        async with trio.open_nursery() as nursery:
            nursery.start_soon(minding.run)
            try:
                ended = await connection.run(self._reach.credentials, url)
            except Exception as error:  # noqa: BLE001  # raised again below, not as a group of one
                ended = error
            nursery.cancel_scope.cancel()
        if isinstance(ended, Exception):
            raise ended
        return ended

    def _renew(self, account: str) -> None:
        """End the session when another process took over an account, so that its snapshots tell what it holds.

        Not again within RESTART_PAUSE: an account that two processes speak for in turns would never be heard.
        """
        at = trio.current_time()
        if at - self._restarted_at < RESTART_PAUSE:
            return
        self._restarted_at = at
        raise Restarted(f"another process speaks for account {account}; connecting anew to read what it holds")

    def _record_failure(self) -> None:
        """Record that no session came about, but the same reason at the same URL only once."""
        reason, url = self._last.reason, self._url
        if reason == "shutdown" or self._known_failures.get(url) == reason:
            return
        failure = failure_record(
            self._now(),
            self._reach.credentials.redact,
            url=url,
            site=self._site,
            reason=reason,
            detail=self._last.detail,
        )
        if self._recorded(failure):
            self._known_failures[url] = reason

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

    def _say(self, session: Session | None) -> None:
        _log.info(
            "no session" if session is None else "session closed",
            gateway=self._endpoint.name,
            url=safe_url(self._url),
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
                url=safe_url(self._url),
                site=self._site,
                session=session,
                reason=self._last.reason or None,
                code=self._last.code,
                detail=self._last.detail,
                failures=self._failures,
                retry_in=retry_in,
                silent=self._silent,
                note=self._note,
            )
        )
