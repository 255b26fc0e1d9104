"""The listener of one gateway: keeps a session open and turns its frames into records, until cancelled.

It tries the gateway's URLs in order, then round again, with a backoff between attempts. After a session that lived a
while it starts from the preferred URL, the first one. While another URL is in use, the preferred one is probed now and
then, and used again when it works. A session with a site that is no longer listed is ended.
"""

from __future__ import annotations

import math
import random  # noqa: TID251  # backoff jitter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Never

import msgspec
import structlog
import trio

from recon.backoff import Backoff
from recon.ems.close_reasons import CloseReason
from recon.ems.cloud.address import FixedSites, GatewayAddress
from recon.ems.credentials import silence_libraries
from recon.ems.protocol.session import Heartbeats, Record, Session, Watchdog, failure_record
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.ems.websocket.endpoint import Endpoint
from recon.ems.websocket.failback import SiteMonitor
from recon.ems.websocket.status import GatewayStatus
from recon.errors import ConfigError, GatewayError, Overrun, Restarted, Unauthorised

#: Seconds between attempts to record the end of a session while the buffer is full.
RECORD_RETRY: Final = 0.1
#: A session ends at most once in this many seconds because another process took over an account.
RESTART_PAUSE: Final = 60.0

#: Ends that we decided ourselves and that are no failure: the next session begins at once, at the preferred site.
_MOVES: Final = frozenset({"returning", "moved"})

_log = structlog.get_logger(__name__)


async def consume(
    endpoint: Endpoint,
    record: Callable[[Sequence[Record]], None],
    *,
    now: Callable[[], datetime],
    new_session_id: Callable[[], str],
    status: Callable[[GatewayStatus], None],
    heartbeats: Heartbeats | None = None,
    draw: Callable[[], float] = random.random,
) -> Never:
    """Listen to a gateway until cancelled.

    `record` takes records in order and must not block. While its buffer is full it raises Overrun for those that it
    does not take, which ends the session. `heartbeats` collects the heartbeats that are not recorded, for ticks; `draw`
    makes the jitter.
    """
    silence_libraries()
    await _Consumer(endpoint, record, now, new_session_id, status, heartbeats or Heartbeats(), draw).run()


class _Consumer:
    def __init__(  # called once, by the function above, which names them
        self,
        endpoint: Endpoint,
        record: Callable[[Sequence[Record]], None],
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
        self._on_status = status
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
        self._address = GatewayAddress(endpoint.urls, endpoint.credentials)
        self._site = 0
        self._note = ""
        self._failures = 0
        self._recorded_failures: dict[str, str] = {}  # the reason recorded last, by URL
        self._last = CloseReason("")
        self._silent: tuple[str, ...] = ()
        self._restarted_at = -math.inf

    async def run(self) -> Never:
        try:
            while True:
                await self._once()
        finally:
            self._set_status("stopped")

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
            self._site = (self._site + 1) % max(1, len(self._address.urls))
        if moving:
            return
        refused = self._last.reason == "unauthorised"
        if not opened and (self._site == 0 or refused or self._last.reason == "tls"):
            self._sites.report_failure(refused=refused or self._last.reason == "tls")
        delay = (self._refusals if refused else self._backoff).next()
        self._set_status("waiting", retry_in=delay)
        await trio.sleep(delay)

    async def _find_address(self) -> bool:
        """Find out where the gateway is now; record and report a failure to do so."""
        if not self._address.urls:
            self._set_status("connecting")
        try:
            address = await self._sites.current()
        except (GatewayError, ConfigError) as error:
            reason = "unauthorised" if isinstance(error, Unauthorised) else "discovery"
            self._last = CloseReason(reason, detail=self._endpoint.credentials.redact_text(str(error)))
            self._log_end(None)
            self._record_failure()
            return False
        if address.urls != self._address.urls:
            self._site = 0
        self._address, self._note = address, address.note
        self._recorded_failures.pop("", None)
        return True

    @property
    def _url(self) -> str:
        return self._address.urls[self._site] if self._address.urls else ""

    async def _attempt(self) -> bool:
        """Run one connection to its end and record it; return whether a session opened."""
        if not await self._find_address():
            return False
        url, credentials = self._url, self._address.credentials
        watchdog = Watchdog(self._endpoint.heartbeat_bound, trio.current_time())
        session = Session(self._new_session_id(), credentials.redact, self._heartbeats, watchdog)
        connection = self._connection(session, url, watchdog)
        self._silent = ()
        self._set_status("connecting")
        reason = CloseReason("shutdown", detail="the service stopped listening")
        try:
            reason = await self._listen(connection, session, url)
        except Exception:
            reason = CloseReason("fault", detail="the service itself failed; see its log")
            raise
        finally:
            self._silent = ()
            self._last = msgspec.structs.replace(reason, detail=credentials.redact_text(reason.detail))
            self._log_end(session if connection.opened else None)
            if connection.opened:
                await self._record_end(session, url)
            else:
                self._record_failure()
        return connection.opened

    def _connection(self, session: Session, url: str, watchdog: Watchdog) -> Connection:
        """Return a connection that records the frames of a session."""

        def on_open() -> None:
            watchdog.note_frame(trio.current_time())
            self._record((session.opened(self._now(), url=url, site=self._site),))
            self._recorded_failures.pop(url, None)
            self._set_status("open", session=session.name)
            _log.info("session opened", gateway=self._endpoint.name, url=safe_url(url), session=session.name)

        def on_frames(frames: Sequence[str | bytes]) -> None:
            records: list[Record] = []
            restarted: str | None = None
            received_at, at = self._now(), trio.current_time()
            for frame in frames:
                record = session.frame(frame, received_at, at)
                if record is not None:
                    records.append(record)
                if session.restarted is not None:
                    account, session.restarted = session.restarted, None
                    if self._may_restart():
                        restarted = account
                        break
            if records:
                self._record(records)
            if restarted is not None:
                self._end_for_restart(restarted)

        def on_watch() -> None:
            silent = watchdog.silent_accounts(trio.current_time())
            if silent != self._silent:
                self._silent = silent
                self._set_status("open", session=session.name)

        return Connection(self._bounds, on_open=on_open, on_frames=on_frames, on_watch=on_watch, watchdog=watchdog)

    async def _listen(self, connection: Connection, session: Session, url: str) -> CloseReason:
        """Run a connection to its end while a monitor checks whether another site should be used."""
        if isinstance(self._sites, FixedSites) and len(self._address.urls) == 1:
            return await connection.run(self._address.credentials, url)

        def on_address(address: GatewayAddress) -> None:
            if address.note != self._note and connection.opened:
                self._note = address.note
                self._set_status("open", session=session.name)

        monitor = SiteMonitor(
            self._endpoint.name,
            url,
            self._address,
            sites=self._sites,
            bounds=self._bounds,
            connection=connection,
            listing_check_seconds=self._endpoint.listing_check_seconds,
            failback_seconds=self._endpoint.failback_seconds,
            on_address=on_address,
        )
        result: CloseReason | Exception
        async with trio.open_nursery() as nursery:
            nursery.start_soon(monitor.run)
            try:
                result = await connection.run(self._address.credentials, url)
            except Exception as error:  # noqa: BLE001  # raised again below, not as a group of one
                result = error
            nursery.cancel_scope.cancel()
        if isinstance(result, Exception):
            raise result
        return result

    def _may_restart(self) -> bool:
        """True if no session was ended so within RESTART_PAUSE: two processes in turn would silence the account."""
        return trio.current_time() - self._restarted_at >= RESTART_PAUSE

    def _end_for_restart(self, account: str) -> Never:
        """End the session when another process took over an account: only its snapshots say what the account holds."""
        self._restarted_at = trio.current_time()
        raise Restarted(f"another process speaks for account {account}; reconnecting to read its snapshots")

    def _record_failure(self) -> None:
        """Record that no session opened, but the same reason at the same URL only once."""
        reason, url = self._last.reason, self._url
        if reason == "shutdown" or self._recorded_failures.get(url) == reason:
            return
        failure = failure_record(
            self._now(),
            self._address.credentials.redact,
            url=url,
            site=self._site,
            reason=reason,
            detail=self._last.detail,
        )
        if self._try_record(failure):
            self._recorded_failures[url] = reason

    async def _record_end(self, session: Session, url: str) -> None:
        """Record the end of a session, and wait while the buffer is full."""
        last = self._last
        closed = session.closed(
            self._now(), url=url, site=self._site, reason=last.reason, code=last.code, detail=last.detail
        )
        if self._try_record(closed):
            return
        self._set_status("blocked")
        try:
            await self._record_when_possible(closed)
        except trio.Cancelled:
            with trio.move_on_after(self._endpoint.close_timeout, shield=True):
                await self._record_when_possible(closed)
            raise

    async def _record_when_possible(self, record: Record) -> None:
        while not self._try_record(record):  # noqa: ASYNC110  # the buffer is the caller's and has no event
            await trio.sleep(RECORD_RETRY)

    def _try_record(self, record: Record) -> bool:
        try:
            self._record((record,))
        except Overrun:
            return False
        return True

    def _log_end(self, session: Session | None) -> None:
        _log.info(
            "no session" if session is None else "session closed",
            gateway=self._endpoint.name,
            url=safe_url(self._url),
            session=None if session is None else session.name,
            reason=self._last.reason,
            code=self._last.code,
            detail=self._last.detail,
        )

    def _set_status(self, state: str, *, session: str | None = None, retry_in: float | None = None) -> None:
        self._on_status(
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
