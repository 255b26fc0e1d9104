"""Decisions folded on Postgres: the same however the log is cut, restarted or rebuilt; and what the views show."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from recon.db.engine import libpq_url
from recon.ledger.rule_changes import rules_digest
from recon.ledger.rules import AccountRules, Rules, Tolerance
from recon.log import events
from recon.log.events import Event
from recon.projection.rebuild import rebuild
from recon.projection.store.digest import digest_of
from recon.testing import GatewayDriver, OrderScript, balance_row
from recon.testing.log import rules_payload
from recon.times import microseconds
from tests.conftest import TestDatabase
from tests.projection.test_rebuild import fold_all
from tests.reconciliation.test_lifecycle import STEPS, Deciding
from tests.support.decisions_driver import ALICE, BOB, driver_with_break, record_decision, report
from tests.support.properties import steady

pytestmark = pytest.mark.postgres

_CALL = "SELECT recon_store.append_any(%s, %s, 1, %s, %s, %s, %s, %s, %s, %b)"


def write(database: TestDatabase, gateway: str, log: Sequence[Event]) -> None:
    """Append a log as it is, with the people that it names; only a superuser can."""
    with psycopg.connect(libpq_url(database.superuser_url)) as raw:
        for event in log:
            us = microseconds(event.recorded_at)
            columns = ([event.kind], [event.account], [event.session], [us], [False], [event.payload])
            raw.execute(_CALL, (gateway, uuid4(), us, *columns))


def folded_alike(database: TestDatabase, engine: Engine, gateway: str, log: Sequence[Event], seed: int) -> int:
    """Fold a log in pieces with the working set forgotten now and then, and again as a whole; return the edition."""
    write(database, gateway, log)
    assert fold_all(engine, gateway, random.Random(seed), forget=0.4) == len(log)
    with engine.connect() as connection:
        first = digest_of(connection, gateway, 1)
    result = rebuild(database.service_url, gateway)
    assert (result.digest, result.same) == (first, True)
    return result.edition


def busy() -> GatewayDriver:
    """A day with every kind of decision."""
    driver, known = driver_with_break("3")
    record_decision(driver, "assign", known, assignee="carol")
    record_decision(driver, "propose", known, cause="withdrawal", entry="-2", evidence=["tx 1"], text="ledger")
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest if known.proposal else "")
    report(driver, "7", 8)
    record_decision(driver, "accept", known, until=(driver.now + timedelta(seconds=15)).isoformat(), amount="1.5")
    report(driver, "7", 30)
    record_decision(driver, "propose", known, cause="fee")
    record_decision(driver, "approve", known, digest=known.proposal.digest if known.proposal else "")
    record_decision(driver, "reopen", known, by=BOB, text="it was not")
    driver.report(OrderScript("lost", [("1", "100")], amount="2", placed_at=driver.now).report(1))
    driver.close_session()
    driver.wait(2, silent=[driver.account])
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "8", rate_usd=100), balance_row("ETH", "50"), balance_row("USDT", "99900"))
    driver.wait(3)
    record_decision(driver, "settle_order", account=driver.account, order="c:lost", outcome="canceled")
    driver.orders()
    lax = Rules(AccountRules(tolerance=Tolerance(usd=AccountRules().material_usd)))
    document = rules_payload(lax)
    driver.event(events.RULES_PROPOSED, document)
    report(driver, "8", 6)
    record_decision(driver, "approve_rules", by=ALICE, rules_digest=rules_digest(document))
    report(driver, "9", 30)
    record_decision(driver, "propose", known, cause="withdrawal", evidence=["tx 2"])
    return driver


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_decision_is_folded_alike(database: TestDatabase, engine: Engine, seed: int) -> None:
    driver = busy()
    edition = folded_alike(database, engine, "prod-eu", driver.log, seed)
    with engine.connect() as connection:
        history = connection.execute(
            text(
                "SELECT id, event, state, actor, reason FROM recon_store.break_history WHERE edition = :edition"
                " ORDER BY seq, number"
            ),
            {"edition": edition},
        ).all()
        findings = connection.scalars(text("SELECT kind FROM recon.findings ORDER BY seq, number")).all()
    told = [(e.break_.id, e.event, e.break_.state, e.actor, e.reason) for e in driver.reconciler.transitions]
    assert sorted(map(tuple, history)) == sorted(told)
    assert findings == [each.kind for each in driver.findings()]
    assert {"order_settled", "rules_wait", "rules_approved"} <= set(findings)
    assert {"reduced", "expired", "approve", "reopen"} <= {event for _, event, *_ in told}


def test_the_views_show_the_life(database: TestDatabase, engine: Engine) -> None:
    driver = busy()
    write(database, "prod-eu", driver.log)
    fold_all(engine, "prod-eu", random.Random(3))
    (known,) = driver.breaks("BTC")
    assert known.proposal is not None
    with engine.connect() as connection:
        shown = connection.execute(text("SELECT * FROM recon.open_breaks")).mappings().one()
        cases = connection.execute(text("SELECT * FROM recon.cases")).mappings().all()
        decisions = connection.execute(text("SELECT * FROM recon.decisions ORDER BY seq")).mappings().all()
        unit = connection.execute(text("SELECT * FROM recon.balances WHERE asset = 'BTC'")).mappings().one()
    assert (shown["id"], shown["state"], shown["assignee"]) == (known.id, "proposed", "carol")
    assert shown["origin_at"] < shown["opened_at"]
    assert shown["proposal"]["digest"] == known.proposal.digest
    assert shown["proposal"]["login"] == ALICE
    assert "tx 1" in [each["text"] for each in shown["evidence"]]
    assert (shown["amount"], shown["explained_amount"], shown["accepted_until"]) == (-3, 0, None)
    assert [(case["case_id"], case["open_breaks"], case["state"]) for case in cases] == [(known.case_id, 1, "proposed")]
    assert cases[0]["accounts"] == [driver.account]
    assert [row["action"] for row in decisions][:3] == ["assign", "propose", "approve"]
    assert decisions[1]["breaks"] == [known.id]
    assert (decisions[2]["login"], decisions[2]["authenticated"]) == (BOB, True)
    assert unit["open_breaks"] == 1
    assert unit["reported"] == unit["opening"] + unit["fills"] + unit["explained"] + unit["unexplained"]


_examples = count(1)


@settings(steady(6), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS, st.data())
def test_whatever_people_decide_a_rebuild_gives_the_same(
    database: TestDatabase, engine: Engine, steps: list[str], data: st.DataObject
) -> None:
    flow = Deciding(data)
    for number, what in enumerate(["drift", "poll", *["wait", "poll"] * 8, *steps]):
        flow.step(what, number)
    number = next(_examples)
    folded_alike(database, engine, f"prod-{number}", flow.driver.log, number)
