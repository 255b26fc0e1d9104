"""The check of one site of a gateway: each step with its result, its error and the remedy.

Nothing is recorded and no order is touched. A session is opened, listened to for a while, and closed; then REST gets
the requests that backfill sends (`check_rest`). Steps that need a failed one are left out.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import trio

from recon.display.words import counted
from recon.ems.close_reasons import CloseReason, advice_for, close_reason_of
from recon.ems.credentials import Credentials, silence_libraries
from recon.ems.diagnostics.check_rest import DEFAULT_REQUESTS, NO_METHOD, check_health, check_rest
from recon.ems.diagnostics.report import STEP_SECONDS, State, Step
from recon.ems.diagnostics.session_report import AccountActivity, SessionReport
from recon.ems.diagnostics.tls_probe import PlainPort, handshake
from recon.ems.protocol.rest_requests import RequestKind
from recon.ems.protocol.session import Watchdog
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.errors import ConfigError
from recon.network_errors import describe, system_text

#: Bytes of the largest message taken.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
#: Shortest time to listen, in seconds, however soon everything has come: accounts send a heartbeat each second.
MIN_LISTEN_SECONDS: Final = 2.5
#: Seconds between two looks whether everything has come, and for the closing handshake.
LOOK_SECONDS: Final = 0.1
CLOSE_SECONDS: Final = 1.0

_MILLISECOND: Final = timedelta(milliseconds=1)
_LISTENED: Final = CloseReason("listened")


class GatewayCheck(msgspec.Struct, frozen=True):
    """The result of checking a gateway."""

    steps: list[Step]
    accounts: list[AccountActivity]

    @property
    def ok(self) -> bool:
        """True if no step failed."""
        return all(step.state != "failed" for step in self.steps)


async def check_site(
    url: str,
    credentials: Credentials,
    *,
    rest: str,
    seconds: float,
    managed: bool,
    now: Callable[[], datetime],
    requests: Sequence[RequestKind] = DEFAULT_REQUESTS,
) -> GatewayCheck:
    """Check one site from its name to its REST API at `rest`; listen for at most `seconds`.

    `requests` are those that backfill sends, empty if it is not used.
    """
    silence_libraries()
    check = _SiteCheck(url, credentials, seconds, managed, now)
    if await check.network():
        await check.session()
        await check.rest(rest, requests)
    return GatewayCheck(check.steps, check.report.activity(safe_url(url)))


class _SiteCheck:
    def __init__(
        self, url: str, credentials: Credentials, seconds: float, managed: bool, now: Callable[[], datetime]
    ) -> None:
        self.steps: list[Step] = []
        self.report = SessionReport()
        self._url = url
        self._site = safe_url(url)
        self._credentials = credentials
        self._seconds = seconds
        self._managed = managed
        self._now = now
        self._round_trip = timedelta()

    def _add(self, step: str, state: State, detail: str) -> None:
        self.steps.append(Step(self._site, step, state, self._credentials.redact_text(detail)))

    def _fail(self, step: str, reason: CloseReason) -> None:
        advice = advice_for(reason, managed=self._managed)
        if reason.code == 401 and self._credentials.method == "none":
            advice = NO_METHOD
        self._add(step, "failed", f"{reason.detail or reason.reason}{f'; {advice}' if advice else ''}")

    async def network(self) -> bool:
        """Resolve the name, connect, and make the TLS handshake; return whether that worked."""
        try:
            host, port, _, tls = self._credentials.resource(self._url)
        except ConfigError as error:
            self._add("address", "failed", str(error))
            return False
        return await self._resolve(host, port) and await self._connect(host, port, tls=tls)

    async def _resolve(self, host: str, port: int) -> bool:
        try:
            with trio.fail_after(STEP_SECONDS):
                infos = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, trio.TooSlowError) as error:
            why = system_text(error) if isinstance(error, OSError) else describe(error, seconds=STEP_SECONDS)
            self._add("name", "failed", f"{host} cannot be resolved ({why}); check the host name and the DNS")
            return False
        addresses = ", ".join(sorted({str(info[4][0]) for info in infos}))
        self._add("name", "ok", f"{host} is {addresses}")
        return True

    async def _connect(self, host: str, port: int, *, tls: bool) -> bool:
        started = trio.current_time()
        try:
            with trio.fail_after(STEP_SECONDS):
                stream = await trio.open_tcp_stream(host, port)
        except (OSError, trio.TooSlowError) as error:
            self._fail("connect", close_reason_of(error, seconds=STEP_SECONDS))
            return False
        self._round_trip = timedelta(seconds=trio.current_time() - started)
        self._add("connect", "ok", f"port {port} answered in {self._round_trip / _MILLISECOND:.1f} ms")
        try:
            return not tls or await self._handshake(stream, host, port)
        finally:
            await trio.aclose_forcefully(stream)

    async def _handshake(self, stream: trio.SocketStream, host: str, port: int) -> bool:
        try:
            context = self._credentials.ssl_context()
            secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
            await handshake(secured, host, port, seconds=STEP_SECONDS)
        except PlainPort:
            self._add("tls", "failed", "the port does not speak TLS; is it a ws:// port?")
            return False
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, ConfigError) as error:
            self._fail("tls", close_reason_of(error, seconds=STEP_SECONDS))
            return False
        certificate = secured.getpeercert() or {}
        self._add("tls", "ok", f"{secured.version()}; the gateway's certificate ends {certificate.get('notAfter')}")
        return True

    async def session(self) -> None:
        """Open a session, listen, and report the messages."""
        bound = self._seconds + STEP_SECONDS
        opened = trio.Event()

        def on_frames(frames: Sequence[str | bytes]) -> None:
            for frame in frames:
                payload = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
                self.report.add(payload, self._now())

        connection = Connection(
            ConnectionBounds(STEP_SECONDS, CLOSE_SECONDS, bound, MAX_MESSAGE_BYTES),
            on_open=opened.set,
            on_frames=on_frames,
            on_watch=lambda: None,
            watchdog=Watchdog(bound, trio.current_time()),
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_when_complete, connection, opened)
            reason = await connection.run(self._credentials, self._url)
            nursery.cancel_scope.cancel()
        if not connection.opened:
            self._fail("session", reason)
            return
        self._add("session", "ok", "the credentials and the upgrade were accepted")
        self._add_messages(reason)

    async def _end_when_complete(self, connection: Connection, opened: trio.Event) -> None:
        await opened.wait()
        with trio.move_on_after(self._seconds):
            await trio.sleep(min(MIN_LISTEN_SECONDS, self._seconds))
            while not self.report.is_complete:  # noqa: ASYNC110  # frames are taken in the reader's own task
                await trio.sleep(LOOK_SECONDS)
        connection.end(_LISTENED)

    def _add_messages(self, reason: CloseReason) -> None:
        names = self.report.names
        if not names:
            why = "" if reason == _LISTENED else f" ({reason.detail or reason.reason})"
            self._add(
                "messages",
                "failed",
                f"the session is open but nothing came in {self._seconds:g} s{why}; has the gateway an account, "
                "and do its connections to the exchanges run? --seconds waits longer",
            )
            return
        if reason != _LISTENED:
            self._fail("messages", reason)
        else:
            self._add("messages", "ok", f"{counted(len(names), 'account')}: {', '.join(names)}")
        for step, state, detail in self.report.steps(self._seconds, self._round_trip):
            self._add(step, state, detail)

    async def rest(self, base: str, requests: Sequence[RequestKind]) -> None:
        """Send the requests of backfill, and ask a self-hosted gateway for its health."""
        results = await check_rest(base, self._credentials, requests, self._now())
        if not self._managed:
            results += await check_health(base, self._credentials)
        for step, state, detail in results:
            self._add(step, state, detail)
