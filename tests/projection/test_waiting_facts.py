"""Facts that wait for a second person on Postgres: the same books however the log is cut."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from recon.ledger.facts.external_fact import MANUAL
from recon.testing import GatewayDriver
from tests.conftest import TestDatabase
from tests.projection.test_decisions import folded_alike
from tests.reconciliation.test_second_person import RATE, SHARED, stolen, tell
from tests.support.decisions_driver import report
from tests.support.facts_driver import BY, decide_facts, fact_effects, waiting_facts

pytestmark = pytest.mark.postgres


def waiting_day() -> GatewayDriver:
    """A day with facts that wait, are approved together, are rejected, are told again, and go through."""
    driver = stolen()
    for number in range(4):
        tell(driver, "-1", f"L-{number}", ago=number)
    report(driver, "3", 10, rate=RATE)
    tell(driver, "-3", f"{MANUAL}1", by=SHARED)
    tell(driver, "-0.01", f"{MANUAL}2", by=SHARED)
    report(driver, "3", 10, rate=RATE)
    first, second, third, fourth, shared = waiting_facts(driver)
    decide_facts(driver, "approve_facts", [first, third])
    decide_facts(driver, "reject_facts", [second], by=BY)
    decide_facts(driver, "approve_facts", [shared], by=BY)
    tell(driver, "-1", "L-3", ago=30)
    report(driver, "3", 10, rate=RATE)
    decide_facts(driver, "approve_facts", [fourth, shared])
    report(driver, "3", 40, rate=RATE)
    return driver


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_waits_is_found_again_however_the_log_is_cut(database: TestDatabase, engine: Engine, seed: int) -> None:
    driver = waiting_day()
    assert len(fact_effects(driver)) == 5
    gateway = driver.ledger.gateway
    folded_alike(database, engine, gateway, driver.log, seed)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT external_id, effect, approved_by FROM recon.facts").all()
        waiting = connection.exec_driver_sql("SELECT external_id, reason, login FROM recon.waiting_facts").all()
    assert {row.external_id: row.effect for row in rows} == fact_effects(driver)
    assert {row.approved_by for row in rows} == {"bob", None}
    assert [row.external_id for row in waiting] == [fact.fact.external_id for fact in waiting_facts(driver)]
