"""However a break ends its receivers hear of it: the alerts of real breaks, explained, resolved, accepted, reopened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from recon.alerts import delivery_store, signal_store
from recon.alerts.break_alert import NOTIFIED, signals_of
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Policy, Route
from recon.alerts.route import Desk, route
from recon.alerts.signal import NewSignal
from recon.db.engine import create_engine
from recon.reconciliation.model.break_ import Break
from recon.service.alerting import measured
from recon.testing import GatewayDriver
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY
from tests.support.decisions_driver import BOB, driver_with_break, record_decision, report, state_of
from tests.support.facts_driver import record_fact
from tests.support.trading_account import trading

OPS = "webhook:ops"


def alerts(driver: GatewayDriver) -> list[NewSignal]:
    """What is told of breaks; what people do with them is for the policy."""
    signals = signals_of(GATEWAY, driver.reconciler.transitions)
    return [each for each in signals if each.signal.event in NOTIFIED]


def events(driver: GatewayDriver) -> list[str]:
    return [each.signal.event for each in alerts(driver)]


def said(alert: NewSignal) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(alert.document)
    return decoded


def resolved(driver: GatewayDriver, known: Break) -> None:
    record_decision(driver, "propose", known, cause="withdrawal", evidence=["tx 1"])
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest if known.proposal else "")
    assert state_of(known) == "resolved"


def test_a_break_that_people_resolve_and_open_again_is_told_of_each_time() -> None:
    driver, known = driver_with_break("1")
    resolved(driver, known)
    record_decision(driver, "reopen", known, by=BOB, text="it was not")
    assert events(driver) == ["break.opened", "break.resolved", "break.reopened"]
    opened, ended, again = map(said, alerts(driver))
    assert (opened["actor"], ended["actor"], again["actor"]) == (None, BOB, BOB)
    assert (ended["state"], ended["cause"], ended["certainty"]) == ("resolved", "withdrawal", "exact")
    assert ended["closed_at"] is not None
    assert isinstance(ended["books"], dict)
    assert ended["books"]["unexplained"] == "0"
    assert "it was not" in str(again["reason"])
    assert (again["state"], again["closed_at"]) == ("open", None)


def test_a_fact_that_explains_is_told_of_and_a_part_of_it_is_not() -> None:
    driver, known = driver_with_break("3")
    record_fact(driver, "withdrawal", "BTC", "-2", "L-1", ago=40)
    assert (state_of(known), events(driver)) == ("open", ["break.opened"])
    record_fact(driver, "withdrawal", "BTC", "-1", "L-2", ago=40)
    assert events(driver) == ["break.opened", "break.explained"]
    assert "told by statement as L-2" in str(said(alerts(driver)[-1])["reason"])


def test_what_is_explained_before_it_is_a_break_alerts_nobody() -> None:
    driver = trading()
    driver.poll("USDT", "100000", 60)
    driver.poll("USDT", "101000", 12)
    record_fact(driver, "deposit", "USDT", "1000", "L-1", ago=12)
    assert len(driver.transitions("explained")) == 1
    assert alerts(driver) == []


def test_an_acceptance_that_ends_is_told_of_with_its_reason() -> None:
    driver, known = driver_with_break("1")
    record_decision(driver, "assign", known, assignee="carol")
    record_decision(driver, "accept", known, until=(driver.now + timedelta(seconds=15)).isoformat())
    report(driver, "9", 30)
    assert events(driver) == ["break.opened", "break.acceptance_expired"]
    ended = said(alerts(driver)[-1])
    assert (ended["state"], ended["assignee"], ended["actor"]) == ("open", "carol", None)
    assert ended["reason"] == "what it was accepted until has come"


def delivered(connection: Connection, driver: GatewayDriver) -> Iterator[str]:
    while (message := delivery_store.claim(connection, channel=OPS, now=driver.now).message) is not None:
        delivery_store.mark_delivered(connection, message, now=driver.now)
        yield message.event


@pytest.mark.postgres
def test_receivers_hear_a_life_in_its_order_and_each_step_once(database: TestDatabase) -> None:
    driver, known = driver_with_break("1")
    resolved(driver, known)
    record_decision(driver, "reopen", known, text="it was not")
    resolved(driver, known)
    ids = [alert.id for alert in alerts(driver)]
    assert len(set(ids)) == len(ids) == 4
    signals = signals_of(GATEWAY, driver.reconciler.transitions)
    everything = Route("everything", (), send="page")
    desk = Desk(decide, Policy((OPS,), (everything,), group_wait=timedelta()), measured)
    with create_engine(database.service_url, "test", pooled=False).begin() as connection:
        told = []
        for signal in signals:
            assert signal_store.append(connection, [signal]) == 1
            route(connection, desk, driver.now)
            told += list(delivered(connection, driver))
        lasting = [event for event in told if event != "break.approval_wanted"]
        assert lasting == ["break.opened", "break.resolved", "break.reopened", "break.resolved"]
        assert signal_store.append(connection, signals) == 0
