from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from recon.errors import SimulationError
from recon.simulator import server as server_module
from recon.simulator.fault import Fault, FaultKind
from recon.simulator.faults.truth import TruthFile
from recon.simulator.plan import Plan
from recon.simulator.scenarios import clean_plan, demo_plan
from recon.simulator.server import listen, serve, urls_of

pytestmark = pytest.mark.trio

#: Seconds after which a wait is given up; a bound on hanging, not on speed.
PATIENCE = 120.0
KEY = "k3y-of-the-test"


def now() -> datetime:
    return datetime.now(UTC)


def plan_with(*faults: Fault, rate: float = 5.0) -> Plan:
    return clean_plan(3, duration=30.0, fills_per_second=rate, faults=faults)


@asynccontextmanager
async def serving(plan: Plan, **more: Any) -> AsyncIterator[str]:
    listening = await listen(plan, "127.0.0.1", [0])
    urls = urls_of(listening)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve, plan, listening, now=now, **more))
        with trio.fail_after(PATIENCE):
            yield urls["sim"]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[WebSocketConnection]:
    """Connect on a stream of our own: the library leaves its own open where the server drops or refuses."""
    parts = urlsplit(url)
    stream = await trio.open_tcp_stream(str(parts.hostname), parts.port or 80)
    async with stream, trio.open_nursery() as nursery:
        yield await wrap_client_stream(nursery, stream, str(parts.hostname), parts.path)
        nursery.cancel_scope.cancel()


async def refusal(url: str) -> int:
    """Return the status of a refused upgrade."""
    with pytest.RaisesGroup(ConnectionRejected) as refused:
        async with client(url):
            pass
    (error,) = refused.value.exceptions
    assert isinstance(error, ConnectionRejected)
    return error.status_code


async def admitted(url: str) -> None:
    """Wait until the server lets a client in again."""
    while True:
        try:
            async with client(url):
                return
        except* ConnectionRejected:
            await trio.sleep(0.05)


async def received(url: str, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Read until there is enough, or the connection ends."""
    messages, _ = await received_until_closed(url, enough)
    return messages


async def received_until_closed(
    url: str, enough: Callable[[list[dict[str, Any]]], bool] = lambda _: False
) -> tuple[list[dict[str, Any]], int | None]:
    """Read until there is enough (None), or the connection ends (its code)."""
    messages: list[dict[str, Any]] = []
    async with client(url) as socket:
        try:
            while not enough(messages):
                frame = await socket.get_message()
                assert isinstance(frame, str)
                messages.append(json.loads(frame))
        except ConnectionClosed as closed:
            return messages, None if closed.reason is None else closed.reason.code
    return messages, None


def kinds(messages: Sequence[dict[str, Any]]) -> set[str]:
    return {message["type"] for message in messages}


async def test_another_library_s_client_gets_snapshots_then_updates_and_heartbeats() -> None:
    def read(url: str) -> list[str]:
        with connect(url) as socket:
            return [str(socket.recv(timeout=PATIENCE)) for _ in range(60)]

    async with serving(plan_with()) as url:
        frames = await trio.to_thread.run_sync(read, url)
    messages = [json.loads(frame) for frame in frames]
    assert all("SNAPSHOT" in kind or kind == "SERVER_INFO" for kind in [each["type"] for each in messages[:15]])
    assert {"ORDER_EXEC_REPORT_UPDATE", "BALANCE_UPDATE", "POSITION_UPDATE"} <= kinds(messages[15:])


async def test_several_clients_hear_the_same() -> None:
    heard: list[list[dict[str, Any]]] = []

    async def listen(url: str) -> None:
        heard.append(await received(url, lambda got: len(got) > 80))

    async with serving(plan_with()) as url, trio.open_nursery() as nursery:
        nursery.start_soon(listen, url)
        nursery.start_soon(listen, url)
    first, second = ({json.dumps(each) for each in got if "UPDATE" in each["type"]} for got in heard)
    assert len(first & second) > 20


async def test_requests_are_answered_to_the_one_who_asked() -> None:
    async with serving(plan_with()) as url, client(url) as socket:
        await socket.send_message('{"type":"ORDER_CANCEL_ALL_REQUEST","exchange_id":"BINANCE"}')
        while True:
            message = json.loads(await socket.get_message())
            if message["type"] == "MESSAGE_REJECT":
                break
    assert message["reject_reason"] == "METHOD_NOT_SUPPORTED"


@pytest.mark.parametrize("way", ["header", "query"])
async def test_the_key_opens(way: str) -> None:
    def read(url: str) -> str:
        headers = {"X-CoinAPI-Key": KEY} if way == "header" else {}
        target = url if way == "header" else f"{url}?apikey={KEY}"
        with connect(target, additional_headers=headers) as socket:
            return str(socket.recv(timeout=PATIENCE))

    async with serving(plan_with(), api_key=KEY) as url:
        assert json.loads(await trio.to_thread.run_sync(read, url))["type"]


@pytest.mark.parametrize("query", ["", "?apikey=wrong", "?apikey="])
async def test_without_the_key_the_upgrade_is_refused(query: str) -> None:
    def knock(url: str) -> int:
        with pytest.raises(InvalidStatus) as refused, connect(url + query):
            pass
        return refused.value.response.status_code

    async with serving(plan_with(), api_key=KEY) as url:
        assert await trio.to_thread.run_sync(knock, url) == 401


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def read(url: str) -> None:
        with connect(f"{url}?apikey={KEY}", logger=logging.getLogger("client-under-test-elsewhere")) as socket:
            socket.recv(timeout=PATIENCE)

    logging.getLogger("client-under-test-elsewhere").setLevel(logging.WARNING)
    async with serving(plan_with(), api_key=KEY) as url:
        await trio.to_thread.run_sync(read, url)
    assert KEY not in caplog.text


async def test_a_disconnect_drops_the_socket_refuses_for_a_while_and_is_in_the_truth(tmp_path: Path) -> None:
    fault = Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=1.5, account="KRAKEN/JOHN", symbol="XBT/USD", lasting=4.0)
    plan = plan_with(fault)
    path = tmp_path / "truth.json"
    async with serving(plan, truth=TruthFile(path, plan)) as url:
        assert json.loads(path.read_text())["gateways"]["sim"]["started_at"] is None
        first = await received(url, lambda _: False)
        assert await refusal(url) == 503
        await admitted(url)
        again = await received(url, lambda got: "ORDER_EXEC_REPORT_UPDATE" in kinds(got))
    document = json.loads(path.read_text())
    (planted,) = document["faults"]
    assert planted["kind"] == "disconnect_with_fills"
    assert planted["units"] == ["XXBT", "ZUSD"]
    assert planted["must_flag"] is True
    assert document["gateways"]["sim"]["ends_at"] > document["gateways"]["sim"]["started_at"]
    known = {message.get("client_order_id") for message in first if message.get("amount_order") == 0.02}
    assert not known & {message.get("client_order_id") for message in again}
    assert "BALANCE_SNAPSHOT" in kinds(again)


async def test_a_restart_closes_politely_and_comes_back_as_another_process() -> None:
    plan = plan_with(Fault(kind=FaultKind.RESTART, after=1.0, lasting=0.3))
    async with serving(plan) as url:
        messages, code = await received_until_closed(url)
        assert code == 1001
        infos = [message for message in messages if message["type"] == "SERVER_INFO"]
        assert not infos[-1]["is_running"]
        await admitted(url)
        (after, *_) = [
            m for m in await received(url, lambda got: "SERVER_INFO" in kinds(got)) if m["type"] == "SERVER_INFO"
        ]
    assert after["instance_guid"] != infos[0]["instance_guid"]
    assert after["is_running"]


async def test_a_stall_keeps_the_socket_open_and_silent_and_the_upgrade_waiting() -> None:
    """The heartbeats tell it: each bears the simulator's own time, so a busy machine does not blur the stall."""
    plan = plan_with(Fault(kind=FaultKind.SILENT_STALL, after=1.0, lasting=2.0))
    last: dict[str, datetime] = {}
    silence = timedelta(0)
    async with serving(plan) as url, client(url) as socket:
        while silence < timedelta(seconds=1.5):
            message = json.loads(await socket.get_message())
            if message["type"] == "SERVER_INFO":
                account, at = message["exchange_id"], datetime.fromisoformat(message["time"])
                silence = at - last.get(account, at)
                last[account] = at
    assert timedelta(seconds=2) <= silence <= timedelta(seconds=4)


async def test_an_upgrade_in_a_stall_is_answered_when_it_is_over() -> None:
    plan = plan_with(Fault(kind=FaultKind.SILENT_STALL, after=0.5, lasting=5.0))
    async with serving(plan) as url, client(url):
        await trio.sleep(0.9)
        asked = trio.current_time()
        got = await received(url, lambda got: len(got) == 15)
        assert trio.current_time() - asked > 0.5
        assert {"BALANCE_SNAPSHOT", "SERVER_INFO"} <= kinds(got)


async def test_clients_are_pinged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PING_SECONDS", 0.2)
    async with serving(plan_with()) as url:
        host, port = url.removeprefix("ws://").rstrip("/").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        got = b""
        while chunk := await stream.receive_some():  # it ends, because this client never pongs
            got += chunk
        assert b"\x89\x04" in got
        await stream.aclose()


async def test_a_slow_client_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_WAITING_FRAMES", 10)
    async with serving(plan_with()) as url:
        assert len(await received(url, lambda _: False)) <= 10  # fifteen snapshots are more than may wait


async def test_ports_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SimulationError, match="1 gateway, but was given 2 ports"):
        await listen(plan_with(), "127.0.0.1", [0, 0])


async def test_a_port_in_use_is_one_clear_error() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    with pytest.raises(
        SimulationError, match=f"port {port} on 127.0.0.1 cannot be opened: another program has taken it"
    ):
        await listen(plan_with(), "127.0.0.1", [port])
    with pytest.raises(
        SimulationError, match=f"port {port} on 127.0.0.1 cannot be opened: another program has taken it"
    ):  # and what it had opened is closed again
        await listen(demo_plan(1, 60), "127.0.0.1", [0, port])
    await listener.aclose()


async def test_what_is_no_websocket_is_let_go() -> None:
    async with serving(plan_with()) as url:
        host, port = url.removeprefix("ws://").rstrip("/").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(b"\x00\x01 this is no request\r\n\r\n")
        await stream.aclose()
        assert await received(url, lambda got: len(got) > 5)
