"""What the listener does as time passes, on a virtual clock, against gateways in memory: no machine is too slow."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
import trio
import trio_websocket
from trio.testing import MockClock, memory_stream_pair

from recon.ems.websocket import connection
from recon.ems.websocket.endpoint import Endpoint
from tests.support.listener import listening
from tests.support.wire_messages import balance, encoded, server_info

pytestmark = pytest.mark.trio

BALANCE = encoded(balance()).decode()
HOST = "ws://first.test/"
OTHER = "ws://second.test/"

Script = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]


class Gateways:
    """Gateways by host; each connection runs its host's script. A host without a script refuses connections."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.scripts: dict[str, Script] = {}
        #: When each host was dialled.
        self.dialled: list[tuple[float, str]] = []
        self._nursery = nursery

    async def dial(self, host: str, _port: int, _context: ssl.SSLContext | None) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self.dialled.append((trio.current_time(), host))
        if host not in self.scripts:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = memory_stream_pair()
        self._nursery.start_soon(self._serve, theirs, self.scripts[host])
        return ours

    async def _serve(self, stream: trio.abc.Stream, script: Script) -> None:
        try:
            async with trio.open_nursery() as nursery:
                request = await trio_websocket.wrap_server_stream(nursery, stream)
                session = await request.accept()
                await script(session)
                await session.aclose()
        except* (trio_websocket.HandshakeError, trio_websocket.ConnectionClosed, trio.BrokenResourceError):
            pass


@asynccontextmanager
async def gateways(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateways]:
    async with trio.open_nursery() as nursery:
        there = Gateways(nursery)
        monkeypatch.setattr(connection, "dial", there.dial)
        yield there
        nursery.cancel_scope.cancel()


def endpoint(*urls: str, heartbeat_bound: float = 10.0, failback_seconds: float = 300.0) -> Endpoint:
    return Endpoint(name="test", urls=urls, heartbeat_bound=heartbeat_bound, failback_seconds=failback_seconds)


async def silent(session: trio_websocket.WebSocketConnection) -> None:
    await trio.sleep_forever()


def says(message: str, *, every: float, times: int = 10**9) -> Script:
    async def script(session: trio_websocket.WebSocketConnection) -> None:
        for _ in range(times):
            await session.send_message(message)
            await trio.sleep(every)
        await trio.sleep_forever()

    return script


def opened_at(there: Gateways, host: str = HOST) -> list[float]:
    start = there.dialled[0][0]
    return [round(at - start, 3) for at, dialled in there.dialled if dialled == urlsplit(host).hostname]


async def test_a_silent_session_is_closed_as_stalled(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateways(monkeypatch) as there:
        there.scripts["first.test"] = says(BALANCE, every=1.0, times=1)
        async with listening(endpoint(HOST)) as ears:
            await ears.until(lambda: ears.of("session.closed"), seconds=100)
            assert 10.0 <= trio.current_time() - there.dialled[0][0] <= 15.0
    assert ears.reasons()[0] == "stalled"


async def test_a_session_with_traffic_does_not_stall(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateways(monkeypatch) as there:
        there.scripts["first.test"] = says(BALANCE, every=9.0)
        async with listening(endpoint(HOST)) as ears:
            await ears.until(lambda: len(ears.of("BALANCE_UPDATE")) == 50, seconds=1000)
            assert ears.of("session.closed") == []


async def test_a_silent_account_is_named_while_others_are_heard(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(session: trio_websocket.WebSocketConnection) -> None:
        await session.send_message(encoded(server_info(exchange_id="A")).decode())
        await says(encoded(server_info(exchange_id="B")).decode(), every=1.0)(session)

    async with gateways(monkeypatch) as there:
        there.scripts["first.test"] = script
        async with listening(endpoint(HOST)) as ears:
            await ears.until(lambda: any(status.silent == ("A",) for status in ears.statuses), seconds=100)
    assert {status.state for status in ears.statuses if status.silent} == {"open"}
    assert set(ears.heartbeats.take()) == {"B"}


async def test_a_site_that_takes_the_upgrade_but_says_nothing_is_not_returned_to(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateways(monkeypatch) as there:
        there.scripts["second.test"] = says(BALANCE, every=1.0)
        async with listening(endpoint(HOST, OTHER, failback_seconds=60.0)) as ears:
            await ears.until(lambda: ears.of("BALANCE_UPDATE"), seconds=100)
            there.scripts["first.test"] = silent
            await ears.until(lambda: len(opened_at(there)) == 4, seconds=1000)
            assert ears.state() == "open"
            assert ears.of("session.closed") == []
            there.scripts["first.test"] = says(BALANCE, every=1.0)
            await ears.until(lambda: ears.of("session.closed"), seconds=1000)
    assert ears.reasons()[0] == "returning"
