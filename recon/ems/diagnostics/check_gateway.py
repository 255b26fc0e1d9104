"""Whether a gateway can be reached, step by step, for a person who sets it up: what is wrong, and what to do.

Nothing is recorded and no order is touched: a session is opened, listened to for a while, and closed, and REST is asked
what catching up asks (`rest_checkup`). Steps that need one that failed are left out.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Final

import msgspec
import trio

from recon.ems.close_reasons import CloseReason, advice_for, close_reason_of
from recon.ems.credentials import Credentials, silence_libraries
from recon.ems.diagnostics.check_rest import DEFAULT_REQUESTS, NO_METHOD, check_health, check_rest
from recon.ems.diagnostics.report import STEP_SECONDS, State, Step, counted
from recon.ems.diagnostics.tls_probe import PlainPort, handshake
from recon.ems.protocol.decode import decode
from recon.ems.protocol.messages import Balances, OrderReports, Positions, ServerInfo, Symbols
from recon.ems.protocol.rest_requests import RequestKind
from recon.ems.protocol.session import Watchdog
from recon.ems.protocol.timestamps import parse_time
from recon.ems.urls import safe_url
from recon.ems.websocket.connection import Connection, ConnectionBounds
from recon.errors import ConfigError

#: Bytes of the largest message taken.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
#: Seconds that are listened at least, however soon everything has come: accounts heartbeat each second.
LEAST_SECONDS: Final = 2.5
#: Most accounts that are listed.
MAX_ACCOUNTS: Final = 1000
#: A clock that is off by more milliseconds is told as something to mend.
TOLERABLE_SKEW_MS: Final = 1000.0

_MILLISECOND: Final = timedelta(milliseconds=1)
_ENOUGH: Final = CloseReason("heard")
#: Where nothing better is known of an error than its name, which tells a person nothing.
_CLASS_NAME: Final = re.compile(r"^[A-Z]\w*[a-z](?:Error|Exception|Closed)\b")
_LOST: Final = "the connection was lost"
_BROKEN_OFF: Final = ("UNEXPECTED_EOF_WHILE_READING", "the other side broke the handshake off")
_NOT_TLS: Final = "the port does not speak TLS; is it a ws:// port?"


class AccountActivity(msgspec.Struct, frozen=True):
    """What was heard of an account; rows of the last snapshot of each kind, None where none came.

    `lag_ms` is the median time of a heartbeat on its way, by both clocks.
    """

    site: str
    account: str
    orders: int | None
    balances: int | None
    positions: int | None
    symbols: int | None
    heartbeats: int
    lag_ms: float | None
    is_running: bool | None


class GatewayCheck(msgspec.Struct, frozen=True):
    """What came of checking a gateway."""

    steps: list[Step]
    accounts: list[AccountActivity]

    @property
    def ok(self) -> bool:
        """Tell whether nothing failed."""
        return all(step.state != "failed" for step in self.steps)


@dataclass
class _Account:
    counts: dict[str, int] = field(default_factory=dict)
    lags_ms: list[float] = field(default_factory=list)
    heartbeats: int = 0
    is_running: bool | None = None


_KINDS: Final = {OrderReports: "orders", Balances: "balances", Positions: "positions", Symbols: "symbols"}


async def check_site(
    url: str,
    credentials: Credentials,
    *,
    rest: str,
    seconds: float,
    managed: bool,
    now: Callable[[], datetime],
    asks: Sequence[RequestKind] = DEFAULT_REQUESTS,
) -> GatewayCheck:
    """Try one site from its name to its REST API at `rest`; `seconds` bound how long is listened.

    `asks` is what catching up asks of REST; nothing where it is not used.
    """
    silence_libraries()
    check = _Check(url, credentials, seconds, managed, now)
    if await check.network():
        await check.session()
        await check.rest(rest, asks)
    return GatewayCheck(check.steps, check.accounts())


class _Check:
    def __init__(
        self, url: str, credentials: Credentials, seconds: float, managed: bool, now: Callable[[], datetime]
    ) -> None:
        self.steps: list[Step] = []
        self._url = url
        self._site = safe_url(url)
        self._credentials = credentials
        self._seconds = seconds
        self._managed = managed
        self._now = now
        self._round_trip = timedelta()
        self._heard: dict[str, _Account] = {}

    def _tell(self, step: str, state: State, detail: str) -> None:
        self.steps.append(Step(self._site, step, state, self._credentials.redact_text(detail)))

    def _fail(self, step: str, ended: CloseReason) -> None:
        advice = advice_for(ended, managed=self._managed)
        if ended.code == 401 and self._credentials.method == "none":
            advice = NO_METHOD
        detail = _CLASS_NAME.sub(_LOST, ended.detail or ended.reason).replace(*_BROKEN_OFF)
        self._tell(step, "failed", f"{detail}{f'; {advice}' if advice else ''}")

    async def network(self) -> bool:
        """Resolve the name, connect, and shake hands; tell whether that worked."""
        try:
            host, port, _, tls = self._credentials.resource(self._url)
        except ConfigError as error:
            self._tell("address", "failed", str(error))
            return False
        return await self._resolve(host, port) and await self._connect(host, port, tls=tls)

    async def _resolve(self, host: str, port: int) -> bool:
        try:
            with trio.fail_after(STEP_SECONDS):
                found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError, trio.TooSlowError) as error:
            why = f"no answer within {STEP_SECONDS:g} s" if isinstance(error, trio.TooSlowError) else str(error)
            self._tell("name", "failed", f"{host} cannot be resolved ({why}); check the host name and the DNS")
            return False
        addresses = ", ".join(sorted({str(entry[4][0]) for entry in found}))
        self._tell("name", "ok", f"{host} is {addresses}")
        return True

    async def _connect(self, host: str, port: int, *, tls: bool) -> bool:
        started = trio.current_time()
        try:
            with trio.fail_after(STEP_SECONDS):
                stream = await trio.open_tcp_stream(host, port)
        except (OSError, trio.TooSlowError) as error:
            self._fail("connect", _trouble(error))
            return False
        self._round_trip = timedelta(seconds=trio.current_time() - started)
        self._tell("connect", "ok", f"port {port} answered in {self._round_trip / _MILLISECOND:.1f} ms")
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
            self._tell("tls", "failed", _NOT_TLS)
            return False
        except (OSError, trio.BrokenResourceError, trio.TooSlowError, ConfigError) as error:
            self._fail("tls", _trouble(error))
            return False
        certificate = secured.getpeercert() or {}
        self._tell("tls", "ok", f"{secured.version()}; the gateway's certificate ends {certificate.get('notAfter')}")
        return True

    async def session(self) -> None:
        """Open a session, listen, and say what was heard."""
        watchdog = Watchdog(self._seconds + STEP_SECONDS, trio.current_time())
        bounds = ConnectionBounds(STEP_SECONDS, 1.0, self._seconds + STEP_SECONDS, MAX_MESSAGE_BYTES)
        opened = trio.Event()

        def on_frame(frame: str | bytes) -> None:
            self._hear(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame)

        connection = Connection(bounds, on_open=opened.set, on_frame=on_frame, on_watch=lambda: None, watchdog=watchdog)

        async def enough() -> None:
            await opened.wait()
            with trio.move_on_after(self._seconds):
                await trio.sleep(min(LEAST_SECONDS, self._seconds))
                while not self._whole():  # noqa: ASYNC110  # frames are taken in the reader's own task
                    await trio.sleep(0.1)
            connection.end(_ENOUGH)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(enough)
            ended = await connection.run(self._credentials, self._url)
            nursery.cancel_scope.cancel()
        if not connection.opened:
            self._fail("session", ended)
            return
        self._tell("session", "ok", "the credentials and the upgrade were taken")
        self._say_heard(ended)

    def _hear(self, frame: bytes) -> None:
        message = decode(frame).message
        name = getattr(message, "account", None)
        if name is None or (name not in self._heard and len(self._heard) >= MAX_ACCOUNTS):
            return
        account = self._heard.setdefault(name, _Account())
        if isinstance(message, ServerInfo):
            account.heartbeats += 1
            account.is_running = message.is_running
            sent = parse_time(message.time)
            if sent is not None:
                account.lags_ms.append((self._now() - sent) / _MILLISECOND)
        elif isinstance(message, Symbols) or (
            isinstance(message, OrderReports | Balances | Positions) and message.snapshot
        ):
            account.counts[_KINDS[type(message)]] = len(message.rows)

    def _whole(self) -> bool:
        """Tell whether every account that was heard has sent everything."""
        return bool(self._heard) and all(
            account.heartbeats and len(account.counts) == len(_KINDS) for account in self._heard.values()
        )

    def _say_heard(self, ended: CloseReason) -> None:
        names = sorted(self._heard)
        if not names:
            why = "" if ended == _ENOUGH else f" ({ended.detail or ended.reason})"
            self._tell(
                "messages",
                "failed",
                f"the session is open but nothing came in {self._seconds:g} s{why}; has the gateway an account, "
                "and do its connections to the exchanges run? --seconds waits longer",
            )
            return
        if ended != _ENOUGH:
            self._fail("messages", ended)
        else:
            self._tell("messages", "ok", f"{counted(len(names), 'account')}: {', '.join(names)}")
        for name in names:
            self._say_missing(name, self._heard[name])
        self._say_clock([lag for account in self._heard.values() for lag in account.lags_ms])

    def _say_missing(self, name: str, account: _Account) -> None:
        missing = [kind for kind in _KINDS.values() if kind not in account.counts]
        if not account.heartbeats:
            self._tell("account", "failed", f"{name}: no heartbeat came; its connection may be down")
        if account.is_running is False:
            self._tell("account", "failed", f"{name}: it says of itself that it is not running")
        if missing:
            wanted = ", ".join(missing)
            # Whether an account with nothing to tell sends an empty snapshot is not documented (protocol 3).
            self._tell("account", "hint", f"{name}: no snapshot of {wanted} in {self._seconds:g} s; it may have none")

    def _say_clock(self, lags: list[float]) -> None:
        """Say how long heartbeats take by both clocks, and what of it is the clocks' difference; milliseconds."""
        if not lags:
            self._tell("clock", "hint", "no heartbeat told its time, so nothing is known of latency and clocks")
            return
        way = self._round_trip / _MILLISECOND / 2
        skew = median(lags) - way
        side = "behind" if skew >= 0 else "ahead of"
        detail = (
            f"{counted(len(lags), 'heartbeat')} took {min(lags):.1f} to {max(lags):.1f} ms by both clocks, median "
            f"{median(lags):.1f} ms; the way alone takes about {way:.1f} ms, so the gateway's clock seems "
            f"{abs(skew):.1f} ms {side} ours"
        )
        if abs(skew) > TOLERABLE_SKEW_MS:
            self._tell("clock", "hint", f"{detail}; check the time service (NTP) of both machines")
        else:
            self._tell("clock", "ok", detail)

    async def rest(self, base: str, asks: Sequence[RequestKind]) -> None:
        """Ask REST what catching up asks, and a gateway of one's own how it is."""
        told = await check_rest(base, self._credentials, asks, self._now())
        if not self._managed:
            told += await check_health(base, self._credentials)
        for step, state, detail in told:
            self._tell(step, state, detail)

    def accounts(self) -> list[AccountActivity]:
        """Return what was heard of each account."""
        return [
            AccountActivity(
                site=self._site,
                account=name,
                orders=heard.counts.get("orders"),
                balances=heard.counts.get("balances"),
                positions=heard.counts.get("positions"),
                symbols=heard.counts.get("symbols"),
                heartbeats=heard.heartbeats,
                lag_ms=round(median(heard.lags_ms), 1) if heard.lags_ms else None,
                is_running=heard.is_running,
            )
            for name, heard in sorted(self._heard.items())
        ]


def _trouble(error: Exception) -> CloseReason:
    if isinstance(error, trio.TooSlowError):
        return CloseReason("timeout", detail=f"no answer within {STEP_SECONDS:g} s")
    return close_reason_of(error)
