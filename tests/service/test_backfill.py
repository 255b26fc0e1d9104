"""The whole service across gaps: what they hid is fetched over REST, on real sockets, into a real log."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import trio

from recon.config import Settings
from recon.simulator.scenarios import catch_up_plan, plan_settings
from recon.simulator.server import listen, urls_of
from recon.simulator.server import serve as simulate
from tests.conftest import TestDatabase
from tests.service.test_serving import ask, serving, until
from tests.support.managed_cloud import managed_cloud
from tests.support.wire_messages import report, row_of

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: The shortest day that the plan allows, in seconds.
DAY_SECONDS = 27.0


async def test_what_a_gap_hid_is_fetched_or_its_stretch_says_that_it_cannot_be(database: TestDatabase) -> None:
    """`logged` keeps an order log, `unlogged` none; on both an order is born and filled while sight is lost."""
    plan = catch_up_plan(3, DAY_SECONDS)
    listening = await listen(plan, "127.0.0.1", [0] * len(plan.gateways))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(simulate, plan, listening, now=lambda: datetime.now(UTC)))
        document = plan_settings(plan, urls_of(listening))
        document["accounts"] = {"settlement_window": "5s"}  # a busy machine delays messages, as no gateway does
        for gateway in document["gateways"].values():  # type: ignore[attr-defined]  # a table of tables
            gateway["recovery"] = {"enabled": True, "history": True, "cross_check": "5s"}
        async with serving(Settings.model_validate(document), database) as board:
            ended = (
                "SELECT DISTINCT gateway FROM recon.events WHERE kind = 'catch_up.ended' AND payload ->> 'why' = 'gap'"
            )
            await until(lambda: len(ask(database, ended)) == 2)
            states = "SELECT gateway, account FROM recon.accounts WHERE state <> 'covered'"
            await until(lambda: not ask(database, states))
            parts = {(part.gateway, part.part): part.state for part in board.parts()}
            assert parts["logged", "recovery"] in {"watching", "asking"}
        nursery.cancel_scope.cancel()
    rows = ask(
        database, "SELECT gateway, state, history, open_questions FROM recon.catch_ups ORDER BY gateway, account"
    )
    rows = [row for row in rows if row[1] != "waiting"]  # the stop of the service is a gap, too
    assert {(gateway, state, history) for gateway, state, history, _ in rows} == {
        ("logged", "whole", "read"),
        ("unlogged", "open", "not configured"),
    }
    assert all(not questions for gateway, _, _, questions in rows if gateway == "logged")
    found = "SELECT FROM recon.catch_ups WHERE gateway = 'logged' AND orders_found > 0 AND fills_found > 0"
    assert ask(database, found), "the order that was born and filled while nobody could hear of it"
    opened = "SELECT FROM recon.breaks WHERE gateway = 'logged'"
    assert ask(database, opened) == []
    told = ask(database, "SELECT DISTINCT payload -> 'ask' ->> 'what' FROM recon.events WHERE kind = 'rest.answer'")
    assert {what for (what,) in told} >= {"orders", "history", "balances", "positions"}
    text = ask(database, "SELECT count(*) FROM recon.events WHERE convert_from(raw, 'UTF8') LIKE '%9a55567a%'")
    assert text == [(0,)], "the key that the order log shows is blotted out"


async def test_the_managed_cloud_end_to_end_with_a_failover_that_hides_the_end_of_an_order(
    database: TestDatabase, tmp_path: Path
) -> None:
    """Discovery, a client certificate, TLS; the first site goes down, and the second has no word of the order."""
    with managed_cloud(tmp_path, accounts=("KRAKEN/JOHN",)) as cloud:
        first, second = cloud.sites
        first.orders["KRAKEN/JOHN"] = [row_of(report())]
        filled = report(status="FILLED", amount_filled=0.045, amount_open=0, fills=[])
        for site in cloud.sites:
            site.rest |= {"/v1/orders": (200, []), "/v1/orders/history": (200, []), "/v1/positions": (200, [])}
            site.rest["/v1/orders/status/mm-17"] = (200, filled)
        settings = Settings.model_validate({"gateways": {"cloud": cloud.settings()}})
        async with serving(settings, database):
            await until(lambda: ask(database, "SELECT FROM recon.accounts WHERE state = 'covered'"))
            assert ask(database, "SELECT status FROM recon.orders") == [("PARTIALLY_FILLED",)]
            await trio.to_thread.run_sync(first.stop)
            await until(lambda: ask(database, "SELECT FROM recon.catch_ups WHERE state = 'whole'"))
            await until(lambda: ask(database, "SELECT FROM recon.accounts WHERE state = 'covered'"))
    assert ask(database, "SELECT status, amount_filled FROM recon.orders") == [("FILLED", Decimal("0.045"))]
    caught_up = "SELECT history, orders_settled FROM recon.catch_ups WHERE state = 'whole'"
    ((history, settled),) = ask(database, caught_up)
    assert (history, settled) == ("read", 1)
    assert first.opened == 1
    assert second.opened >= 1
    assert all(serial for serial in (*first.serials, *second.serials)), "each session showed its certificate"
    asked = {request.path.partition("?")[0] for request in second.requests}
    assert "/v1/orders/status/mm-17" in asked
    seen = ask(database, "SELECT count(*) FROM recon.events WHERE convert_from(raw, 'UTF8') LIKE '%3f1e7a02%'")
    assert seen == [(0,)], "the key is nowhere"
