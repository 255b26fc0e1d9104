"""REST on the port of the WebSocket, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio
from websockets.sync.client import connect

from recon.simulator.fault import Fault, FaultKind
from recon.simulator.plan import Plan
from recon.simulator.rest import http as http_module
from recon.simulator.rest_habits import HISTORY, RestHabits, Trouble
from recon.simulator.scenarios import clean_plan
from tests.simulator.test_server import KEY, PATIENCE, client, received, refusal, serving

pytestmark = pytest.mark.trio


def plan_with(rest: RestHabits | None, *faults: Fault) -> Plan:
    plan = clean_plan(3, duration=30.0, fills_per_second=5.0, faults=faults)
    return replace(plan, gateways=(replace(plan.gateways[0], rest=rest),))


def asking(url: str, **more: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url.replace("ws://", "http://"), timeout=PATIENCE, trust_env=False, **more)


def first_client(url: str) -> None:
    with connect(url) as socket:
        socket.recv(timeout=PATIENCE)


async def raw(url: str, *sent: bytes) -> bytes:
    """Send bytes and return all that comes until the server is done."""
    parts = urlsplit(url)
    async with await trio.open_tcp_stream(str(parts.hostname), parts.port or 80) as stream:
        for each in sent:
            await stream.send_all(each)
            await trio.sleep(0.05)  # so that it comes in pieces
        got = b""
        with suppress(trio.BrokenResourceError):  # a server that has heard enough does not read the rest
            async for chunk in stream:
                got += chunk
    return got


EXPECTING = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"


async def test_both_are_served_on_one_port_at_once() -> None:
    async with serving(plan_with(RestHabits())) as url, client(url) as socket, asking(url) as http:
        for _ in range(5):
            (group, *_) = (await http.get("/v1/balances", params={"exchange_id": "KRAKEN/JOHN"})).json()
            assert group["exchange_id"] == "KRAKEN/JOHN"
            assert json.loads(await socket.get_message())["type"]
        orders = await http.get("/v1/orders")
        assert orders.status_code == 200
        rows = (await http.get(f"{HISTORY}?time_start=2020-01-01&time_end=2100-01-01")).json()
        assert {row["apikey"] for row in rows}
        status = await http.get(f"/v1/orders/status/{rows[0]['clientOrderId']}")
        assert status.json()["client_order_id"] == rows[0]["clientOrderId"]
        assert (await http.post("/v1/orders", json={"exchange_id": "BINANCE"})).status_code == 405


async def test_before_the_day_there_is_nothing_to_tell() -> None:
    async with serving(plan_with(RestHabits())) as url, asking(url) as http:
        assert (await http.get("/v1/orders")).status_code == 503
        assert (await http.get("/health/ready")).status_code == 200
        assert (await http.get("/health/live")).text == "Healthy"
        await received(url, lambda got: len(got) > 3)
        assert (await http.get("/v1/orders")).status_code == 200


async def test_without_rest_all_is_404() -> None:
    async with serving(plan_with(None)) as url, asking(url) as http:
        await received(url, lambda got: len(got) > 3)
        assert (await http.get("/v1/orders")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"X-CoinAPI-Key": KEY}, "", 200),
        ({}, f"?apikey={KEY}", 200),
        ({"X-CoinAPI-Key": "wrong"}, "", 401),
        ({}, "", 401),
    ],
)
async def test_rest_needs_the_key_that_the_upgrade_needs(headers: dict[str, str], query: str, status: int) -> None:
    async with serving(plan_with(RestHabits()), api_key=KEY) as url, asking(url) as http:
        await trio.to_thread.run_sync(first_client, f"{url}?apikey={KEY}")
        assert (await http.get(f"/v1/orders{query}", headers=headers)).status_code == status
        assert (await http.get("/health/ready")).status_code == 200
        assert await refusal(url) == 401


async def test_an_answer_that_breaks_off_does_so_on_the_wire() -> None:
    async with serving(plan_with(RestHabits(always=Trouble.CUT))) as url, asking(url) as http:
        await received(url, lambda got: len(got) > 3)
        for _ in range(3):
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get("/v1/balances")


async def test_an_answer_can_hang_or_be_slow() -> None:
    async with (
        serving(plan_with(RestHabits(always=Trouble.HUNG, always_at=("/v1/orders",)))) as url,
        asking(url) as http,
    ):
        await received(url, lambda got: len(got) > 3)
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/v1/orders", timeout=0.3)
        assert (await http.get("/v1/balances")).status_code == 200
    async with serving(plan_with(RestHabits(always=Trouble.SLOW, slow_for=0.6))) as url, asking(url) as http:
        await received(url, lambda got: len(got) > 3)
        asked = trio.current_time()
        assert (await http.get("/v1/balances")).status_code == 200
        assert trio.current_time() - asked >= 0.6


async def test_a_code_that_is_no_standard_comes_through() -> None:
    async with serving(plan_with(RestHabits(always=Trouble.UNREACHABLE))) as url, asking(url) as http:
        await received(url, lambda got: len(got) > 3)
        answer = await http.get("/v1/balances")
        assert (answer.status_code, answer.headers["content-type"]) == (490, "appliction/json")


async def test_a_shut_gateway_is_not_ready() -> None:
    fault = Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=0.8, lasting=5.0)
    async with serving(plan_with(RestHabits(), fault)) as url, asking(url) as http:
        await received(url, lambda _: False)
        assert (await http.get("/health/ready")).status_code == 503
        assert (await http.get("/v1/orders")).status_code == 503


async def test_many_requests_one_after_the_other_on_one_connection() -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    closing = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with serving(plan_with(None)) as url:
        got = await raw(url, request, request + request, closing)
    assert got.count(b"HTTP/1.1 200 ") == got.count(b"Healthy") == 4


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([b"GET /health/", b"live HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n\r\n"], 200),
        ([b"HEAD /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"], 200),
        ([b"\x00\x01 this is no request\r\n\r\n"], 400),
        ([b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (3 * http_module.MAX_HEAD_BYTES) + b"\r\n\r\n"], 431),
        ([b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", b"b" * 70_000], 413),
        ([EXPECTING, b"{}"], 100),
    ],
    ids=["in pieces", "head", "no HTTP", "a large head", "a large body", "expecting"],
)  # fmt: skip
async def test_heads_and_bodies_are_bounded(sent: Sequence[bytes], status: int) -> None:
    async with serving(plan_with(None)) as url:
        got = await raw(url, *sent)
    assert got.startswith(b"HTTP/1.1 %d " % status)


async def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "IDLE_SECONDS", 0.2)
    async with serving(plan_with(None)) as url:
        got = await raw(url, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.endswith(b"Healthy")


async def test_requests_a_connection_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "MAX_REQUESTS", 2)
    async with serving(plan_with(None)) as url:
        got = await raw(url, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert got.count(b"Healthy") == 2
