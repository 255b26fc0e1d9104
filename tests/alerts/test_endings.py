"""However a break ends its receivers hear of it: the alerts of real breaks, explained, resolved, accepted, reopened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from recon.alerts.outbox import claim, enqueue, mark_delivered
from recon.alerts.policy import Alert, alerts_of
from recon.db.engine import create_engine
from recon.reconciliation.model.break_ import Break
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY
from tests.support.decisions_driver import BOB, report, say, short_of, state_of
from tests.support.facts_driver import tell
from tests.support.gateway_driver import Desk
from tests.support.trading_account import trading

CHANNELS = ("webhook:ops",)


def alerts(desk: Desk) -> list[Alert]:
    return alerts_of(GATEWAY, desk.engine.transitions)


def events(desk: Desk) -> list[str]:
    return [alert.event for alert in alerts(desk)]


def said(alert: Alert) -> dict[str, object]:
    decoded: dict[str, object] = json.loads(alert.document)
    return decoded


def resolved(desk: Desk, known: Break) -> None:
    say(desk, "propose", known, cause="withdrawal", evidence=["tx 1"])
    say(desk, "approve", known, by=BOB, digest=known.proposal.digest if known.proposal else "")
    assert state_of(known) == "resolved"


def test_a_break_that_people_resolve_and_open_again_is_told_of_each_time() -> None:
    desk, known = short_of("1")
    resolved(desk, known)
    say(desk, "reopen", known, by=BOB, text="it was not")
    assert events(desk) == ["break.opened", "break.resolved", "break.reopened"]
    opened, ended, again = map(said, alerts(desk))
    assert (opened["actor"], ended["actor"], again["actor"]) == (None, BOB, BOB)
    assert (ended["state"], ended["cause"], ended["certainty"]) == ("resolved", "withdrawal", "exact")
    assert ended["closed_at"] is not None
    assert isinstance(ended["books"], dict)
    assert ended["books"]["unexplained"] == "0"
    assert "it was not" in str(again["reason"])
    assert (again["state"], again["closed_at"]) == ("open", None)


def test_a_fact_that_explains_is_told_of_and_a_part_of_it_is_not() -> None:
    desk, known = short_of("3")
    tell(desk, "withdrawal", "BTC", "-2", "L-1", ago=40)
    assert (state_of(known), events(desk)) == ("open", ["break.opened"])
    tell(desk, "withdrawal", "BTC", "-1", "L-2", ago=40)
    assert events(desk) == ["break.opened", "break.explained"]
    assert "told by statement as L-2" in str(said(alerts(desk)[-1])["reason"])


def test_what_is_explained_before_it_is_a_break_alerts_nobody() -> None:
    desk = trading()
    desk.poll("USDT", "101000", 7)
    tell(desk, "deposit", "USDT", "1000", "L-1", ago=8)
    assert len(desk.transitions("explained")) == 1
    assert alerts(desk) == []


def test_an_acceptance_that_ends_is_told_of_with_its_reason() -> None:
    desk, known = short_of("1")
    say(desk, "assign", known, assignee="carol")
    say(desk, "accept", known, until=(desk.now + timedelta(seconds=15)).isoformat())
    report(desk, "9", 30)
    assert events(desk) == ["break.opened", "break.acceptance_expired"]
    ended = said(alerts(desk)[-1])
    assert (ended["state"], ended["assignee"], ended["actor"]) == ("open", "carol", None)
    assert ended["reason"] == "what it was accepted until has come"


def delivered(connection: Connection, desk: Desk) -> Iterator[str]:
    while (message := claim(connection, gateway=GATEWAY, channel=CHANNELS[0], now=desk.now)) is not None:
        mark_delivered(connection, message, now=desk.now)
        yield message.event


@pytest.mark.postgres
def test_receivers_hear_a_life_in_its_order_and_each_step_once(database: TestDatabase) -> None:
    desk, known = short_of("1")
    resolved(desk, known)
    say(desk, "reopen", known, text="it was not")
    resolved(desk, known)
    ids = [alert.id for alert in alerts(desk)]
    assert len(set(ids)) == len(ids) == 4
    with create_engine(database.service_url, "test", pooled=False).begin() as connection:
        assert enqueue(connection, GATEWAY, alerts(desk), CHANNELS) == 4
        told = list(delivered(connection, desk))
        assert told == ["break.opened", "break.resolved", "break.reopened", "break.resolved"]
        assert enqueue(connection, GATEWAY, alerts(desk), CHANNELS) == 0
