"""Gateways on real sockets: a thin Trio server around the pure day, with WebSocket and REST on one port.

Simulated time is real time. A day begins with the gateway's first client and follows the monotonic clock. Before that,
REST answers 503. Each client has its own bounded queue, and a client that falls too far behind is dropped.
"""

from __future__ import annotations

import errno
import hmac
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import LocalProtocolError

from recon.display.words import counted
from recon.errors import SimulationError
from recon.network_errors import system_text
from recon.simulator.day import Gateway
from recon.simulator.faults.truth import TruthFile
from recon.simulator.gateway.outgoing import Control, ControlKind, Outgoing
from recon.simulator.gateway.wire import answer
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.rest.http import Headers, Request, Rewound, read_head, serve_http, wants_websocket
from recon.simulator.rest.server import PLACEHOLDER_KEY, PROBES, RestAnswer, RestApi, health, plain_answer
from recon.simulator.ticks import to_datetime

#: Most frames queued for one client; a client that falls further behind is dropped.
MAX_WAITING_FRAMES: Final = 20_000
#: Largest request that a client may send, in bytes.
MAX_REQUEST_BYTES: Final = 64 * 1024
#: Seconds between pings, and the longest wait for a pong before the client is dropped.
PING_SECONDS: Final = 20.0
#: Deadlines of the upgrade and of the closing handshake, in seconds.
HANDSHAKE_SECONDS: Final = 10.0
CLOSING_SECONDS: Final = 2.0
#: Longest sleep between two advances of the day, in seconds. A new connection may schedule earlier events.
_NAP_SECONDS: Final = 0.05
_GOING_AWAY: Final = 1001

_log: Final = structlog.get_logger(__name__)
_LOST: Final = (ConnectionClosed, LocalProtocolError, trio.BrokenResourceError, trio.ClosedResourceError)


class _Client:
    """One connection and its queue of frames."""

    def __init__(self, socket: WebSocketConnection, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
        self._socket = socket
        self._stream = stream
        self._scope = scope
        self._put, self._waiting = trio.open_memory_channel[bytes | Control](MAX_WAITING_FRAMES)

    def put(self, item: bytes | Control) -> None:
        """Queue a frame, or the end of the connection; a client that is too far behind is dropped."""
        try:
            self._put.send_nowait(item)
        except trio.WouldBlock:
            _log.warning("simulator client is too slow and is dropped", waiting=MAX_WAITING_FRAMES)
            self._scope.cancel()

    async def send_all(self) -> None:
        """Send queued frames until the connection ends."""
        async for item in self._waiting:
            if isinstance(item, Control):
                await self._end(item)
                return
            await self._socket.send_message(item.decode())

    async def _end(self, control: Control) -> None:
        if control.kind is ControlKind.DROP:
            await trio.aclose_forcefully(self._stream)
        else:
            with trio.move_on_after(CLOSING_SECONDS):
                await self._socket.aclose(_GOING_AWAY, control.reason)
        self._scope.cancel()

    async def ping(self) -> None:
        """Ping at an interval; a client that does not answer is dropped."""
        while True:
            await trio.sleep(PING_SECONDS)
            with trio.move_on_after(PING_SECONDS) as deadline:
                await self._socket.ping()
            if deadline.cancelled_caught:
                self._scope.cancel()

    async def answer_all(self, accounts: Callable[[str], bytes]) -> None:
        """Answer requests until the client disconnects."""
        while True:
            request = await self._socket.get_message()
            text = request if isinstance(request, str) else request.decode(errors="replace")
            self.put(accounts(text))


@dataclass(frozen=True, slots=True)
class _Day:
    """A day that has begun, with its start as wall-clock time and as monotonic seconds."""

    gateway: Gateway
    rest_api: RestApi
    start: datetime
    began: float

    def now(self) -> datetime:
        return self.start + timedelta(seconds=trio.current_time() - self.began)

    def advance(self) -> list[Outgoing]:
        return self.gateway.advance(self.now())


class GatewayServer:
    """Serves one gateway's day to any number of clients. `now` returns the start time of the day."""

    def __init__(
        self,
        plan: GatewayPlan,
        *,
        now: Callable[[], datetime],
        api_key: str | None = None,
        truth: TruthFile | None = None,
    ) -> None:
        self._plan = plan
        self._now = now
        self._api_key = api_key
        self._truth = truth
        self._day: _Day | None = None
        self._began = trio.Event()
        self._resumed = trio.Event()
        self._clients: set[_Client] = set()

    async def run(self, listeners: Sequence[trio.SocketListener]) -> None:
        """Serve until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live)
            await trio.serve_listeners(self._serve, list(listeners), handler_nursery=nursery)

    def _begin(self) -> _Day:
        """Begin the day with its first client."""
        if self._day is None:
            start = self._now()
            planted = None if self._truth is None else self._truth.planted
            gateway = Gateway(self._plan, start, planted)
            rest_api = RestApi(gateway, self._plan.rest, apikey=self._api_key or PLACEHOLDER_KEY)
            self._day = _Day(gateway, rest_api, start, trio.current_time())
            if self._truth is not None:
                self._truth.started(self._plan.name, start, to_datetime(self._day.gateway.ends_at))
            self._began.set()
        return self._day

    async def _live(self) -> None:
        await self._began.wait()
        day = self._begin()
        while True:
            self._forward(day.advance())
            due = day.gateway.next_at()
            delay = _NAP_SECONDS if due is None else (due - day.now()).total_seconds()
            await trio.sleep(min(max(delay, 0.0), _NAP_SECONDS))

    def _forward(self, sent: Sequence[Outgoing]) -> None:
        for outgoing in sent:
            payload = outgoing.payload
            if isinstance(payload, bytes):
                for client in self._clients:
                    client.put(payload)
                continue
            _log.info("simulated", gateway=self._plan.name, what=payload.kind.value, reason=payload.reason)
            if payload.ends_connections:
                for client in self._clients:
                    client.put(payload)
                self._clients.clear()
            if payload.kind is ControlKind.RESUME:
                self._resumed.set()
                self._resumed = trio.Event()

    async def _serve(self, stream: trio.SocketStream) -> None:
        with _lost_is_normal():
            async with trio.open_nursery() as nursery:
                try:
                    await self._welcome(stream, nursery)
                finally:
                    nursery.cancel_scope.cancel()
                    await trio.aclose_forcefully(stream)

    async def _welcome(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        with trio.move_on_after(HANDSHAKE_SECONDS) as reading:
            head = await read_head(stream)
        if reading.cancelled_caught or not head:
            return
        if not wants_websocket(head):
            await serve_http(Rewound(stream, head), self._answer)
            return
        with trio.move_on_after(HANDSHAKE_SECONDS) as upgrade:
            request = await wrap_server_stream(nursery, Rewound(stream, head), max_message_size=MAX_REQUEST_BYTES)
        if upgrade.cancelled_caught:
            return
        if not self._is_authorised(request.headers, request.path):
            await request.reject(401, body=b"Invalid API key")
            return
        while self._day is not None and self._day.gateway.muted:  # a hanging process does not answer upgrades
            await self._resumed.wait()
        if self._day is not None and not self._day.gateway.accepting:
            await request.reject(503, body=b"Not running")
            return
        await self._attend(await request.accept(), stream, nursery)

    async def _answer(self, request: Request) -> RestAnswer:
        """Answer over REST. Probes need no key, and report ready before the day has begun."""
        path = urlsplit(request.target).path
        if path not in PROBES and not self._is_authorised(request.headers, request.target):
            return plain_answer(401, "Invalid API key")
        if self._day is None:
            return health(path, ready=True) or plain_answer(503, "The day has not begun: nobody has connected yet.")
        self._forward(self._day.advance())
        return self._day.rest_api.answer(request.method, request.target)

    async def _attend(self, socket: WebSocketConnection, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        client = _Client(socket, stream, nursery.cancel_scope)
        day = self._begin()
        self._forward(day.advance())
        gateway = day.gateway
        frames = gateway.connect()
        if not frames:  # an outage began during the upgrade
            return
        for frame in frames:
            client.put(frame)
        self._clients.add(client)
        nursery.start_soon(client.send_all)
        nursery.start_soon(client.ping)
        try:
            await client.answer_all(lambda request: answer(request, gateway.accounts))
        finally:
            if client in self._clients:
                self._clients.remove(client)
                gateway.disconnect()

    def _is_authorised(self, sent: Headers, target: str) -> bool:
        if self._api_key is None:
            return True
        headers = [value for name, value in sent if name.lower() == b"x-coinapi-key"]
        query = parse_qs(urlsplit(target).query).get("apikey", [])
        given = [*headers, *(each.encode() for each in query)]
        expected = self._api_key.encode()
        return any(hmac.compare_digest(each, expected) for each in given)


@contextmanager
def _lost_is_normal() -> Iterator[None]:
    """Suppress every error that the end of a connection raises."""
    try:
        yield
    except* _LOST:
        pass


async def listen(plan: Plan, host: str, ports: Sequence[int]) -> dict[str, list[trio.SocketListener]]:
    """Open one port per gateway, in the plan's order; 0 lets the system choose.

    Raises SimulationError when the ports do not match the gateways or cannot be opened.
    """
    if len(ports) != len(plan.gateways):
        raise SimulationError(
            f"The plan {plan.name} has {counted(len(plan.gateways), 'gateway')},"
            f" but was given {counted(len(ports), 'port')}."
        )
    opened: dict[str, list[trio.SocketListener]] = {}
    for gateway, port in zip(plan.gateways, ports, strict=True):
        try:
            opened[gateway.name] = await trio.open_tcp_listeners(port, host=host)
        except (OSError, ValueError) as error:
            for listeners in opened.values():
                for listener in listeners:
                    await trio.aclose_forcefully(listener)
            raise SimulationError(f"port {port} on {host} cannot be opened: {_why(error)}") from error
    return opened


def _why(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return "it is no port"
    return "another program has taken it" if error.errno == errno.EADDRINUSE else system_text(error)


def urls_of(listening: Mapping[str, Sequence[trio.SocketListener]]) -> dict[str, str]:
    """Return the WebSocket URL of each gateway."""
    addresses = {name: listeners[0].socket.getsockname() for name, listeners in listening.items()}
    return {name: f"ws://{address[0]}:{address[1]}/" for name, address in addresses.items()}


async def serve(
    plan: Plan,
    listening: Mapping[str, Sequence[trio.SocketListener]],
    *,
    now: Callable[[], datetime],
    api_key: str | None = None,
    truth: TruthFile | None = None,
) -> None:
    """Serve a plan's gateways, on the listeners of `listen`, until cancelled.

    With `api_key` set, upgrades and REST requests need it in the header `X-CoinAPI-Key` or the query parameter
    `apikey`, and get 401 without it. Health probes need no key.
    """
    # At DEBUG the library logs each request with its query, which may hold the API key.
    logging.getLogger("trio-websocket").setLevel(logging.WARNING)
    async with trio.open_nursery() as nursery:
        for gateway in plan.gateways:
            server = GatewayServer(gateway, now=now, api_key=api_key, truth=truth)
            nursery.start_soon(server.run, listening[gateway.name])
