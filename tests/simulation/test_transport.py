from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import trio
from trio.testing import MockClock

from recon.simulator.day import Gateway
from recon.simulator.rest.server import RestAnswer, RestApi
from recon.simulator.rest_habits import RestHabits, Trouble
from recon.simulator.scenarios import catch_up_plan
from tests.support.observers import START
from tests.support.rest_transport import RestApiTransport

pytestmark = pytest.mark.trio


def client(rest: RestHabits, **more: float | None) -> httpx.AsyncClient:
    gateway = Gateway(catch_up_plan(1, 60.0).gateways[0], START)
    gateway.connect()
    began = trio.current_time()
    api = RestApi(gateway, rest)

    def answer(method: str, target: str) -> RestAnswer:
        gateway.advance(START + timedelta(seconds=trio.current_time() - began))
        return api.answer(method, target)

    return httpx.AsyncClient(
        transport=RestApiTransport(answer), base_url="http://sim/", timeout=httpx.Timeout(5.0, **more)
    )


async def test_answers_come_as_of_virtual_time(autojump_clock: MockClock) -> None:
    async with client(RestHabits()) as http:
        first = await http.get("/v1/balances", params={"exchange_id": "KRAKEN/JOHN"})
        await trio.sleep(20)
        second = await http.get("/v1/balances", params={"exchange_id": "KRAKEN/JOHN"})
    assert first.status_code == second.status_code == 200
    assert first.json()[0]["data"] != second.json()[0]["data"]
    assert second.headers["content-type"].startswith("application/json")


async def test_a_slow_answer_takes_its_time(autojump_clock: MockClock) -> None:
    async with client(RestHabits(always=Trouble.SLOW, slow_for=4.0)) as http:
        asked = trio.current_time()
        assert (await http.get("/v1/orders")).status_code == 200
        assert trio.current_time() - asked == pytest.approx(4.0)


async def test_an_answer_slower_than_the_client_s_patience_is_a_timeout(autojump_clock: MockClock) -> None:
    for rest in (RestHabits(always=Trouble.SLOW, slow_for=9.0), RestHabits(always=Trouble.HUNG)):
        async with client(rest) as http:
            asked = trio.current_time()
            with pytest.raises(httpx.ReadTimeout):
                await http.get("/v1/orders")
            assert trio.current_time() - asked == pytest.approx(5.0)


async def test_without_a_timeout_a_hang_ends_with_the_caller(autojump_clock: MockClock) -> None:
    async with client(RestHabits(always=Trouble.HUNG), read=None) as http:
        with trio.move_on_after(100.0) as scope:
            await http.get("/v1/orders")
    assert scope.cancelled_caught


async def test_a_cut_answer_gives_what_came_and_then_breaks_off(autojump_clock: MockClock) -> None:
    async with client(RestHabits(always=Trouble.CUT)) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/v1/balances")
        answer = await http.send(http.build_request("GET", "/v1/balances"), stream=True)
        assert answer.status_code == 200
        came = bytearray()

        async def read() -> None:
            async for chunk in answer.aiter_bytes():
                came.extend(chunk)

        with pytest.raises(httpx.RemoteProtocolError):
            await read()
        await answer.aclose()
        assert 0 < len(came) < int(answer.headers["content-length"])
