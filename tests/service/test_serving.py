"""The whole service in one process: a simulated gateway, the log, the books, the alerts, the views."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import httpx
import pytest
import trio
from websockets.sync.server import ServerConnection

from recon.config import Settings
from recon.db.resolve import DatabaseHandle
from recon.errors import ConfigError
from recon.projection import projector
from recon.service.status import StatusBoard
from recon.service.wiring import serve
from recon.simulator.plan import Plan
from recon.simulator.scenarios import clean_plan, plan_settings
from recon.simulator.server import listen, urls_of
from recon.simulator.server import serve as simulate
from recon.web.app import ACT
from tests.conftest import TestDatabase
from tests.support.recorder_probe import connected
from tests.support.webhook_receiver import receiver
from tests.support.wire_messages import balance, encoded, row_of, server_info
from tests.support.ws_servers import Gateway as Server
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: Seconds after which a wait is given up; a bound on hanging, not on speed.
PATIENCE = 150.0


def handle_of(database: TestDatabase) -> DatabaseHandle:
    return DatabaseHandle(database.service_url, database.analyst_url, None)


def ask(database: TestDatabase, query: str) -> list[tuple[object, ...]]:
    with connected(database.analyst_url) as raw:
        return raw.execute(query).fetchall()


async def until(true: Callable[[], object]) -> None:
    """Look, every now and then, until it is true; what is looked at lies in the database."""
    with trio.fail_after(PATIENCE):
        while not await trio.to_thread.run_sync(true):  # noqa: ASYNC110 - a table has no event
            await trio.sleep(0.1)


@asynccontextmanager
async def serving(settings: Settings, database: TestDatabase) -> AsyncIterator[StatusBoard]:
    async with trio.open_nursery() as nursery:
        board: StatusBoard = await nursery.start(partial(serve, settings, handle_of(database)))
        yield board
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def simulated(plan: Plan) -> AsyncIterator[dict[str, str]]:
    listening = await listen(plan, "127.0.0.1", [0] * len(plan.gateways))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(simulate, plan, listening, now=lambda: datetime.now(UTC)))
        yield urls_of(listening)
        nursery.cancel_scope.cancel()


async def test_a_clean_day_ends_in_agreement_and_a_dead_gateway_harms_nobody(database: TestDatabase) -> None:
    plan = clean_plan(7, duration=5.0, fills_per_second=0.7)
    async with simulated(plan) as urls:
        document = plan_settings(plan, urls)
        gateways = document["gateways"]
        assert isinstance(gateways, dict)
        gateways["dead"] = {"urls": ["ws://127.0.0.1:1/"]}
        async with serving(Settings.model_validate(document), database) as board:
            await until(lambda: len(ask(database, "SELECT FROM recon.fills")) >= 8)
            rows = "SELECT verdict FROM recon.balances UNION ALL SELECT verdict FROM recon.positions"
            await until(lambda: {verdict for (verdict,) in ask(database, rows)} == {"agreed"})
            states = {(part.gateway, part.part): part.state for part in board.parts()}
            assert states["sim", "consumer"] == "open"
            assert states["dead", "consumer"] == "waiting"
            assert {state for (_, part), state in states.items() if part == "recorder"} == {"recording"}
    assert ask(database, "SELECT * FROM recon.breaks") == []
    assert {part.state for part in board.parts()} == {"stopped"}
    assert ask(database, "SELECT lag_events FROM recon.gateways WHERE name = 'sim'") == [(0,)]
    ends = ask(database, "SELECT DISTINCT state, reason FROM recon.accounts")
    assert ends == [("gap", "shutdown")], "books at rest know that they are"
    ((kind, payload),) = ask(
        database, "SELECT kind, payload FROM recon.events WHERE gateway = 'sim' ORDER BY seq DESC LIMIT 1"
    )
    assert (kind, payload["reason"]) == ("session.closed", "shutdown")  # type: ignore[index]  # it is JSON
    assert ask(database, "SELECT kind FROM recon.events WHERE seq = 1") == [("rules",), ("rules",)]
    with connected(database.service_url) as raw:
        stored = raw.execute("SELECT DISTINCT state FROM recon_store.service_parts").fetchall()
    assert stored == [("stopped",)]


async def test_the_recorder_wakes_its_projector_without_a_notification(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "POLL_SECONDS", 3600.0)
    plan = clean_plan(7, duration=2.0, fills_per_second=0.7)
    async with simulated(plan) as urls, serving(Settings.model_validate(plan_settings(plan, urls)), database):
        behind = "SELECT FROM recon.gateways WHERE head_seq < 20 OR lag_events > 0"
        await until(lambda: ask(database, "SELECT FROM recon.fills") and not ask(database, behind))


def deposited(server: Server, session: ServerConnection) -> None:
    """Tell of one balance again and again; after a second, somebody has paid 3 in."""
    session.send(encoded({"type": "ORDER_EXEC_REPORT_SNAPSHOT", "exchange_id": "KRAKEN/JOHN", "data": []}).decode())
    row = {"type": "BALANCE_SNAPSHOT", "exchange_id": "KRAKEN/JOHN", "data": [row_of(balance(balance=1.25))]}
    session.send(encoded(row).decode())
    turn = 0
    while not server.over.wait(0.1):
        turn += 1
        session.send(encoded(server_info(time=datetime.now(UTC).isoformat())).decode())
        session.send(encoded(balance(balance=1.25 if turn < 10 else 4.25)).decode())


async def test_a_deposit_becomes_a_break_and_an_alert_that_is_delivered(database: TestDatabase) -> None:
    with served(deposited) as server, receiver() as webhook, receiver() as shown:
        document = {
            "gateways": {"g": {"urls": [server.url]}},
            "accounts": {"settlement_window": "200ms"},
            "webhooks": {"ops": {"url": webhook.url, "secret": "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r", "watchdog": "0s"}},
            "alertmanager": {"main": {"url": shown.url}},
        }
        async with serving(Settings.model_validate(document), database):
            await until(lambda: webhook.received)
            await until(lambda: [each for each in shown.received if "recon.case" in each.body])
            opened = ask(database, "SELECT account, unit, amount FROM recon.open_breaks")
    assert opened == [("KRAKEN/JOHN", "XXBT", Decimal(3))]
    assert [json.loads(each.body)["type"] for each in webhook.received] == ["break.opened"]
    (alert,) = json.loads(webhook.received[0].body)["data"]["alerts"]
    assert (alert["unit"], alert["amount"]) == ("XXBT", "3")


#: Frames that no gateway should send; each must be in the log as it came.
HOSTILE: list[str | bytes] = [
    "",
    "not json",
    "[" * 20_000,
    '{"type": "BALANCE_UPDATE"',
    '"\\u0000"',
    '{"type": "BALANCE_UPDATE", "exchange_id": "a\\u0000b", "asset_id_exchange": "X", "balance": 1}',
    '{"type": "BALANCE_UPDATE", "exchange_id": "\\ud800", "asset_id_exchange": "X", "balance": 1}',
    '{"type": "ORDER_EXEC_REPORT_UPDATE", "exchange_id": 7, "data": {"a": [1, null]}}',
    encoded(balance(asset_id_exchange="H", balance="NaN")).decode(),
    encoded(balance(asset_id_exchange="H")).decode().replace("1.25", "1e999999"),
    encoded(balance(asset_id_exchange="H")).decode().replace("1.25", "9" * 5000),
    encoded(balance(exchange_id="K" * 5000)).decode(),
    encoded(balance(asset_id_exchange="'; DROP TABLE recon_store.log_events; --", balance=0.5)).decode(),
    b"\xff\xfe\x00\x01 binary",
    bytes(range(256)) * 40,
    json.dumps({"type": "SYMBOLS_SNAPSHOT", "exchange_id": "KRAKEN", "data": ["x" * 100] * 40_000}),
]


async def test_hostile_frames_are_all_in_the_log_and_every_view_can_be_selected_whole(database: TestDatabase) -> None:
    def script(server: Server, session: ServerConnection) -> None:
        session.send(encoded(server_info()).decode())
        for frame in HOSTILE:
            session.send(frame)
        session.send(encoded(balance(balance=7)).decode())
        server.hold(session)

    with served(script) as server:
        settings = Settings.model_validate({"gateways": {"g": {"urls": [server.url]}}})
        async with serving(settings, database) as board:
            balances = "SELECT asset FROM recon.balances WHERE account = 'KRAKEN/JOHN' AND asset = 'XXBT'"
            await until(lambda: ask(database, balances))
            assert {part.state for part in board.parts() if part.part == "projection"} == {"running"}
    with connected(database.service_url) as raw:
        own = "('rules', 'tick', 'session.opened', 'session.closed')"
        query = f"SELECT payload FROM recon_store.log_events WHERE kind NOT IN {own} ORDER BY seq"  # noqa: S608 - our own
        logged = [payload for (payload,) in raw.execute(query)]
    sent = [frame.encode() if isinstance(frame, str) else frame for frame in HOSTILE]
    assert logged[1:-1] == sent
    views = ask(database, "SELECT table_name FROM information_schema.views WHERE table_schema = 'recon'")
    assert len(views) >= 11
    for (view,) in views:
        # As text: the client's own JSON reader may refuse a number that Postgres takes.
        ask(database, f"SELECT v::text FROM recon.{view} AS v")  # noqa: S608 - a view of our own


async def test_it_takes_requests_over_http_where_it_is_wanted_and_stops_with_them(database: TestDatabase) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateways = {"dead": {"urls": ["ws://127.0.0.1:1/"]}}
    settings = Settings.model_validate({"gateways": gateways, "web": {"listen": f"127.0.0.1:{port}"}})

    def answered() -> bool:
        try:
            return httpx.post(f"http://127.0.0.1:{port}{ACT}", json={}).status_code == 401
        except httpx.TransportError:
            return False

    async with serving(settings, database) as board:
        await until(answered)
        assert {part.state for part in board.parts() if part.part == "web"} == {"running"}
    assert not answered()


async def test_settings_without_a_gateway_are_refused(database: TestDatabase) -> None:
    with pytest.raises(ConfigError, match="no gateway"):
        await serve(Settings(), handle_of(database))
