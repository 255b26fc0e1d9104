"""The probe: 0 while recon sees everything, 2 with a line for whatever it does not see, 1 for what is only bad."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from recon.db.engine import create_engine
from recon.log.events import SESSION_FAILED, TICK
from tests.cli.conftest import Recon, Result
from tests.cli.recorded_service import GATEWAY, RecordedService
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3


def problem(result: Result) -> str:
    """Return the one line that a probe printed."""
    (line,) = result.out.splitlines()
    return line


def test_it_is_well_while_everything_is_seen(recon: Recon, service: RecordedService) -> None:
    service.accounts(A="covered", B="covered")
    result = recon("probe")
    assert (result.status, result.out, result.err) == (
        OK,
        "OK: recon sees 1 gateway with 2 accounts, and 0 channels of alerts\n",
        "",
    )
    assert recon("probe", "--json").json() == {"state": "ok", "problems": [], "reason": None}


def test_a_gateway_that_refuses_is_critical(recon: Recon, service: RecordedService) -> None:
    service.append(SESSION_FAILED, b'{"url":"ws://x/","reason":"refused"}', folded=True)
    result = recon("probe")
    assert result.status == CRITICAL
    assert problem(result).startswith(f"CRITICAL gateway {GATEWAY}: nothing has been seen since")
    assert problem(result).endswith("it is failing: refused")
    told = recon("probe", "--json")
    assert told.status == CRITICAL
    assert told.json()["state"] == "critical"
    assert told.json()["problems"][0]["about"] == f"gateway {GATEWAY}"


def test_a_gateway_that_is_silent_is_critical_also_if_it_never_named_an_account(
    recon: Recon, service: RecordedService
) -> None:
    service.append(TICK, at=service.now + timedelta(seconds=20), folded=True)
    assert problem(recon("probe")).endswith("but no account was named")
    service.accounts(A="gap")
    result = recon("probe")
    assert result.status == CRITICAL
    assert problem(result).startswith(f"CRITICAL account A of {GATEWAY}: nothing has been seen since")


def test_a_killed_service_is_critical_at_once(recon: Recon, service: RecordedService) -> None:
    service.accounts(A="covered")
    service.die()  # what Postgres does with the connections of a killed process
    result = recon("probe")
    assert result.status == CRITICAL
    assert "no service records it" in problem(result)


def test_books_that_stand_still_are_critical(recon: Recon, service: RecordedService) -> None:
    service.accounts(A="covered")
    service.append(TICK, at=datetime.now(UTC), folded=False)
    assert recon("probe").status == OK, "an event that was just appended is folded in a moment"


def test_an_event_that_waits_for_long_is_critical(
    recon: Recon, database: TestDatabase, service: RecordedService
) -> None:
    service.accounts(A="covered")
    with create_engine(database.superuser_url, "test", pooled=False).begin() as connection:
        connection.execute(text("UPDATE recon_store.editions SET seq = seq - 1"))
        connection.execute(text("ALTER TABLE recon_store.log_events DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE recon_store.log_events SET recorded_at = recorded_at - interval '15 s'"))
    result = recon("probe")
    assert result.status == CRITICAL
    assert problem(result).endswith("the books are 1 event behind the log")


def test_a_database_that_is_away_is_critical(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_DATABASE__URL", "postgresql://recon_service:wr0ng@127.0.0.1:1/recon")
    result = recon("probe")
    assert result.status == CRITICAL
    assert problem(result).startswith("CRITICAL database: ")
    assert "wr0ng" not in result.out + result.err


def test_what_is_heard_but_not_complete_and_a_part_that_fails_are_warnings(
    recon: Recon, service: RecordedService
) -> None:
    service.accounts(A="unresolved")
    service.part("watcher", "retrying", "the database is away")
    result = recon("probe")
    assert result.status == WARNING
    told = "".join(result.out)
    assert "WARNING watcher: it is retrying since" in told
    assert f"WARNING account A of {GATEWAY}: it is not covered, but unresolved" in told
    service.die()
    assert recon("probe").out.splitlines()[0].startswith("CRITICAL"), "the worst comes first"


DELIVERY = """
    INSERT INTO recon_store.deliveries (gateway, channel, id, kind, event, cases, signals, reason, at, created_at, body,
        attempts, delivered_at, failed_at, last_error)
    VALUES ('', 'webhook:ops', :id, 'notice', :event, '{}', '{}', 'told', now(), now() - CAST(:age AS interval), '{}',
        3, now() - CAST(:delivered AS interval), CASE WHEN :lost THEN now() END, 'answered 500')
"""


GONE = """
    INSERT INTO recon_store.channels (channel, failures, gone_at, last_error) VALUES ('webhook:ops', 1, now(), 'x')
"""


def delivery(engine: Engine, **columns: object) -> None:
    values = {"id": uuid4().hex, "event": "break.opened", "age": "5 min", "delivered": None, "lost": False}
    with engine.begin() as connection:
        connection.execute(text(DELIVERY), values | columns)


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = {"url": "http://127.0.0.1:1/", "secret": "whsec_bm9ib2R5IG1heSBrbm93IHRoaXM=", "watchdog": "5m"}
    monkeypatch.setenv("RECON_WEBHOOKS", json.dumps({"ops": hook}))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, "messages: 1 not delivered in time"),
        ({"lost": True}, "messages: 1 given up"),
        ({"event": "recon.watchdog", "delivered": "12 min", "age": "20 min"}, "no watchdog message is delivered"),
    ],
)
def test_alerts_that_do_not_arrive_are_a_warning(
    recon: Recon,
    service: RecordedService,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    webhook: None,
    columns: dict[str, object],
    told: str,
) -> None:
    service.accounts(A="covered")
    monkeypatch.setenv("RECON_ALERTMANAGER", json.dumps({"main": {"url": "http://127.0.0.1:1/"}}))
    assert recon("probe").out == "OK: recon sees 1 gateway with 1 account, and 2 channels of alerts\n"
    delivery(engine, delivered="1 s")
    delivery(engine, age="1 s")
    assert recon("probe").status == OK, "one is delivered, and one has only just begun"
    delivery(engine, **columns)
    result = recon("probe")
    assert result.status == WARNING
    assert problem(result).startswith("WARNING channel webhook:ops: ")
    assert told in problem(result)


def test_a_receiver_that_is_gone_is_named_with_what_to_do(
    recon: Recon, service: RecordedService, engine: Engine, webhook: None
) -> None:
    service.accounts(A="covered")
    delivery(engine, age="1 s")
    with engine.begin() as connection:
        connection.execute(text(GONE))
    told = problem(recon("probe"))
    for words in ("answered 410 Gone", "check its url", "recon alerts retry --channel webhook:ops", "1 not delivered"):
        assert words in told


def test_settings_that_cannot_be_used_are_unknown(recon: Recon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_GATEWAYS", "[]")
    result = recon("probe")
    assert result.status == UNKNOWN
    assert result.out.startswith("UNKNOWN settings: ")
