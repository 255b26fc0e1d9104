"""Venues that are asked themselves, in the whole service: the real library, real sockets, a real log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import cast

import pytest
import trio

from recon.config import Settings
from recon.service import pipeline
from recon.simulator.fault import Fault, FaultKind
from recon.simulator.habits import CROSSING
from recon.simulator.plan import GatewayPlan, Plan
from recon.simulator.scenarios import plan_settings
from recon.simulator.server import GatewayServer, listen, urls_of
from recon.simulator.ticks import to_datetime
from recon.simulator.venue.venue_books import VenueBooks
from recon.simulator.venues import kraken
from recon.venues import agent, trade_cursor
from recon.venues.ccxt_client import CcxtClient
from tests.conftest import TestDatabase
from tests.service.test_serving import ask, deposited, serving, until
from tests.support.fake_kraken import KEY, SECRET, FakeKraken, Traded, fake_kraken
from tests.support.fake_venue import hurried
from tests.support.ws_servers import gateway as served

pytestmark = [pytest.mark.postgres, pytest.mark.trio]
pytest.importorskip("ccxt")

ACCOUNT = "KRAKEN/JOHN"
#: Seconds of the simulated day, and until the venue is asked: after its end, when nothing moves any more.
DAY_SECONDS = 16.0
ASKED_AFTER = 22.0
LOST_AFTER = 6.0


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKraken]:
    monkeypatch.setattr(pipeline, "CcxtClient", lambda settings: hurried(CcxtClient(settings)))
    with fake_kraken() as served_venue:
        yield served_venue


def asking(venue: FakeKraken, **more: object) -> dict[str, object]:
    return {"exchange": "kraken", "api_key": KEY, "secret": SECRET, "url": venue.url, "every": "1m", **more}


async def test_each_answer_is_an_event_that_is_judged_and_a_venue_that_fails_stops_nothing_else(
    database: TestDatabase, venue: FakeKraken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "FIRST_SECONDS", 3.0)
    venue.balances = lambda: {"XXBT": "4.25", "SOL": "7"}
    with served(deposited) as server:
        venues = {ACCOUNT: asking(venue), "KRAKEN/OTHER": asking(venue, api_key="a-wrong-key-1234")}
        document = {
            "gateways": {"g": {"urls": [server.url], "venues": venues}},
            "accounts": {"settlement_window": "200ms"},
        }
        async with serving(Settings.model_validate(document), database) as board:
            judged = "SELECT unit FROM recon.source_checks WHERE verdict IN ('agreed', 'break')"
            await until(lambda: ask(database, judged))
            refused = "SELECT FROM recon.venue_answers WHERE account = 'KRAKEN/OTHER'"
            await until(lambda: ask(database, refused))
            parts = {part.part: (part.state, part.detail) for part in board.parts()}
            assert parts[f"venue {ACCOUNT}"] == ("waiting", "kraken answered")
            state, detail = parts["venue KRAKEN/OTHER"]
            assert (state, "the venue refuses the key" in detail) == ("retrying", True)
            assert parts["recorder"][0] == "recording"
        assert {part.state for part in board.parts()} == {"stopped"}
    answers = ask(
        database, "SELECT account, question, amounts, problem IS NULL FROM recon.venue_answers ORDER BY account"
    )
    assert answers == [(ACCOUNT, "balances", 2, True), ("KRAKEN/OTHER", "balances", 0, False)]
    checks = ask(database, "SELECT unit, source, verdict, reported FROM recon.source_checks ORDER BY unit")
    assert checks == [
        ("SOL", "venue", "not_judged", Decimal(7)),
        # The EMS had told 1.25, and then 4.25 without a word of why: the venue bears the break of its reports out.
        ("XXBT", "venue", "break", Decimal("4.25")),
    ]
    text = "SELECT count(*) FROM recon.events WHERE convert_from(raw, 'UTF8') ~ 'kr-key|a-wrong-key'"
    assert ask(database, text) == [(0,)]
    assert {path for path in venue.asked if "private" in path} <= {"/0/private/BalanceEx", "/0/private/GetApiKeyInfo"}


def _plan() -> Plan:
    faults = (
        Fault(kind=FaultKind.LOST_FILL, after=LOST_AFTER, account=ACCOUNT, symbol="XBT/USD"),
        Fault(kind=FaultKind.WRONG_BALANCE, after=8.0, account=ACCOUNT, asset="XETH", amount=Decimal("-0.75")),
    )
    gateway = GatewayPlan(
        name="sim", seed=7, duration=DAY_SECONDS, accounts=(kraken(ACCOUNT, 0.7, CROSSING),), faults=faults
    )
    return Plan(name="venues", seed=7, gateways=(gateway,), duration=DAY_SECONDS)


class Simulated:
    """A simulated gateway whose EMS lies, and its venue, which tells the truth."""

    def __init__(self, venue: FakeKraken, **asked: object) -> None:
        self.plan = _plan()
        self.simulator = GatewayServer(self.plan.gateways[0], now=lambda: datetime.now(UTC))
        self.venue = venue
        self.asked = asked
        venue.balances = lambda: {code: str(amount) for code, amount in self.books().balances.items()}

    def books(self) -> VenueBooks:
        day = self.simulator._day
        assert day is not None
        return day.gateway.books()[ACCOUNT]

    def trades(self) -> list[Traded]:
        """Return one trade for each order that filled, all at the time of the fill that the EMS lost."""
        day = self.simulator._day
        assert day is not None
        at, pairs = day.start + timedelta(seconds=LOST_AFTER), {"XBT/USD": "XXBTZUSD", "ETH/USD": "XETHZUSD"}
        return [
            Traded(
                id=f"T-{order.exchange_id}",
                quantity=str(order.filled),
                price=str(round(order.cash / order.filled, 8)),
                at=at,
                order_id=order.exchange_id,
                side=order.side.lower(),
                pair=pairs[order.symbol],
                cash=str(order.cash),
            )
            for order in self.books().orders
            if order.filled
        ]

    def is_over(self) -> bool:
        day = self.simulator._day
        return day is not None and day.now() > to_datetime(day.gateway.ends_at)

    @asynccontextmanager
    async def serving(self, database: TestDatabase, **rules: object) -> AsyncIterator[None]:
        """Run the simulator and the service."""
        listening = await listen(self.plan, "127.0.0.1", [0])
        document = plan_settings(self.plan, urls_of(listening))
        gateway = cast("dict[str, dict[str, object]]", document["gateways"])["sim"]
        gateway["venues"] = {ACCOUNT: asking(self.venue, **self.asked)}
        document["accounts"] = {"settlement_window": "1s", **rules}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(self.simulator.run, listening["sim"]))
            async with serving(Settings.model_validate(document), database):
                yield
            nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_a_venue_that_tells_the_truth_differs_where_the_ems_lies_and_agrees_elsewhere(
    database: TestDatabase, venue: FakeKraken, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fill that the EMS never told, and a balance that it tells wrongly; the account demands its venue's word."""
    monkeypatch.setattr(agent, "FIRST_SECONDS", ASKED_AFTER)
    async with Simulated(venue).serving(database, require_source="venue"):
        await until(lambda: ask(database, "SELECT FROM recon.venue_answers"))
        waits = "SELECT FROM recon.source_checks WHERE verdict = 'pending'"
        await until(lambda: ask(database, "SELECT FROM recon.source_checks") and not ask(database, waits))
        rows = ask(database, "SELECT unit, verdict, break_id IS NOT NULL, drift FROM recon.source_checks")
        shown = dict(cast("list[tuple[str, str]]", ask(database, "SELECT asset, verdict FROM recon.balances")))
    checks = {unit: (verdict, has_break) for unit, verdict, has_break, _ in rows}
    assert checks["XXBT"] == checks["ZUSD"] == ("break", True), "the fill that the EMS never told"
    others = {unit: check for unit, check in checks.items() if unit not in {"XXBT", "ZUSD"}}
    assert set(others.values()) == {("agreed", False)}, "what the EMS tells wrongly of XETH, the venue tells rightly"
    assert "XETH" in others
    assert (shown["XETH"], shown["XXBT"]) == ("break", "break")
    assert {verdict for unit, verdict in shown.items() if unit in others and unit != "XETH"} == {"agreed"}


@pytest.mark.slow
async def test_the_trades_of_a_venue_show_the_fill_that_the_ems_never_told_and_double_none(
    database: TestDatabase, venue: FakeKraken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "FIRST_SECONDS", ASKED_AFTER)
    monkeypatch.setattr(trade_cursor, "SETTLED", timedelta(0))
    simulated = Simulated(venue, ask=["trades"])
    broken = "SELECT unit FROM recon.open_breaks WHERE unit IN ('XXBT', 'ZUSD') ORDER BY unit"
    async with simulated.serving(database):
        await until(lambda: len(ask(database, broken)) == 2)
        while not simulated.is_over():  # noqa: ASYNC110 - the day is the simulator's
            await trio.sleep(0.1)
        known = {order for (order,) in ask(database, "SELECT exchange_order_id FROM recon.orders")}
        # What filled before the session is part of the opening; its true time would say so.
        venue.trades = [trade for trade in simulated.trades() if trade.order_id in known]
        count = len(venue.trades)
        facts = "SELECT external_id FROM recon.facts UNION ALL SELECT external_id FROM recon.waiting_facts"
        await until(lambda: len(ask(database, facts)) == count)
        effects = ask(database, "SELECT effect, count(*) FROM recon.facts GROUP BY effect")
        waiting = ask(database, "SELECT amount, side, login, reason FROM recon.waiting_facts")
    assert effects == [("matched", count - 1)], "what the EMS told is not booked a second time"
    ((amount, side, login, reason),) = waiting
    assert (amount, side, login) == ("0.02", "BUY", "venue kraken"), "the fill that the EMS never told"
    assert "no USD value" in str(reason), "ZUSD has no rate, so a person decides"
    assert ask(database, "SELECT FROM recon.entries WHERE fact IS NOT NULL") == []
