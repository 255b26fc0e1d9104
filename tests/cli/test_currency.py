"""Whether `recon breaks` and `recon status` say that what they show is not current, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from recon.cli.currency import SHOWN_NOT_CURRENT
from recon.errors import NotCurrent
from recon.ledger.changes import LedgerChanges
from recon.log.events import SESSION_FAILED, SESSION_OPENED, NewEvent
from recon.log.lease import Lease
from tests.cli.conftest import Recon
from tests.cli.recorded_service import give_up
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog
from tests.support.database_days import fold
from tests.support.wire_messages import encoded

pytestmark = pytest.mark.postgres

GATEWAY = "prod-eu"


def opened(now: datetime) -> NewEvent:
    return NewEvent(SESSION_OPENED, b'{"url":"ws://x/"}', now, None, "s", redacted=False)


def failed(now: datetime) -> NewEvent:
    return NewEvent(SESSION_FAILED, b'{"url":"ws://x/","reason":"refused"}', now, None, "s", redacted=False)


@pytest.fixture
def url(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RECON_DATABASE__URL", database.service_url)
    return database.service_url


@pytest.fixture
def lease(url: str) -> Iterator[Lease]:
    held = Lease(url, GATEWAY, uuid4(), "test")
    assert held.try_acquire()
    yield held
    held.close()


def test_while_a_service_records_and_folds_the_answer_is_0(recon: Recon, lease: Lease, url: str) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    for command in ("breaks", "status"):
        assert recon(command).status == 0
    assert recon("breaks").err.startswith("no open breaks: ")
    assert recon("breaks").err.endswith(" accounts covered\n"), "what it rests on is said too"
    assert recon("status", "--json").json()["not_current"] == []
    lease.close()


def test_once_the_recorder_has_gone_nothing_is_said_to_be_well(recon: Recon, lease: Lease, url: str) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    give_up(lease, url)  # what Postgres does with the connection of a killed process
    result = recon("breaks")
    assert (result.status, result.out) == (SHOWN_NOT_CURRENT, "")
    assert result.err.index("not current: gateway") < result.err.index("no open breaks known"), "it is said first"
    assert "no open breaks known, but this is not current" in result.err
    seen = now.strftime("%Y-%m-%d %H:%M:%S")
    assert f"gateway {GATEWAY}: nothing has been seen since {seen}" in result.err
    assert "no service records it" in result.err
    status = recon("status", "--all")
    assert status.status == SHOWN_NOT_CURRENT
    assert "no incomplete accounts known, but" in status.err
    ((told,),) = [recon("status", "--json").json()["not_current"]]
    assert told["gateway"] == GATEWAY
    assert recon("breaks", "--json").status == SHOWN_NOT_CURRENT


def test_a_gateway_that_cannot_be_reached_and_books_behind_are_not_current(
    recon: Recon, lease: Lease, url: str
) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[failed(now)])
    fold(url, GATEWAY)
    assert "it is failing: refused" in recon("breaks").err
    lease.append(batch=2, now=datetime.now(UTC), events=[opened(now)])
    assert recon("breaks").status == 0, "an event that was just appended is folded in a moment"
    lease.close()


def test_events_of_recon_s_own_are_no_sign_of_a_gateway(recon: Recon, lease: Lease, url: str) -> None:
    now = datetime.now(UTC)
    before = now - timedelta(minutes=2)
    alive = encoded({"type": "SERVER_INFO", "exchange_id": "A", "server_name": "S"})
    heard = NewEvent("SERVER_INFO", alive, before, "A", "s", redacted=False)
    lease.append(batch=1, now=before, events=[opened(before), heard])
    lease.append(batch=2, now=now, events=[failed(now)])
    fold(url, GATEWAY)
    seen = before.strftime("%Y-%m-%d %H:%M:%S")
    assert f"gateway {GATEWAY}: nothing has been seen since {seen}" in recon("breaks").err
    lease.close()


def test_an_event_that_waits_long_to_be_folded_is_told(recon: Recon, lease: Lease, url: str) -> None:
    before = datetime.now(UTC) - timedelta(minutes=2)
    lease.append(batch=1, now=before, events=[opened(before)])
    result = recon("breaks")
    assert result.status == SHOWN_NOT_CURRENT
    assert "the books are 1 event behind the log" in result.err or "it is silent" in result.err
    lease.close()


def test_a_gateway_of_the_settings_counts_and_one_that_was_removed_does_not(
    recon: Recon, lease: Lease, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    monkeypatch.setenv("RECON_GATEWAYS", json.dumps({"new": {"urls": ["ws://127.0.0.1:1/"]}}))
    give_up(lease, url)
    result = recon("breaks")
    assert result.status == SHOWN_NOT_CURRENT
    assert "gateway new: nothing has ever been seen: it was never recorded" in result.err
    assert GATEWAY not in result.err


#: The commands that show state, and the key of their rows.
SHOWING = {
    "breaks": "breaks",
    "status": "open_breaks",
    "positions": "positions",
    "balances": "balances",
    "firm": "balances",
    "coverage": "accounts",
}


@pytest.mark.parametrize("command", SHOWING)
def test_every_command_that_shows_state_says_first_what_it_does_not_see(
    recon: Recon, lease: Lease, url: str, command: str
) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    document = recon(command, "--json").json()
    assert (document["current"], document["reason"], document["not_current"]) == (True, None, [])
    assert recon(command, "--require-current").status == 0
    assert "not current" not in recon(command).err
    give_up(lease, url)
    assert recon(command).err.startswith(f"not current: gateway {GATEWAY}: nothing has been seen since")
    document = recon(command, "--json").json()
    assert document["current"] is False
    assert f"gateway {GATEWAY}: nothing has been seen since" in document["reason"]
    assert document[SHOWING[command]] == []
    required = recon(command, "--require-current", "--json")
    assert (required.status, required.out) == (NotCurrent.exit_status, ""), "nothing is shown"
    assert NotCurrent.exit_status == 3
    assert "no service records it" in required.err


def test_an_account_that_is_not_heard_is_not_current_and_neither_are_orders_that_are_missing(
    recon: Recon, lease: Lease, url: str
) -> None:
    story = CoverageLog(url, seconds=100, ends_at=datetime.now(UTC), gateway=GATEWAY)
    accounts = {
        "COVERED": story.account("COVERED", alive=99),
        "GAP": story.account("GAP", state="gap", reason="no heartbeat", alive=60),
        "MUTE": story.account("MUTE", alive=60),
        "LOST": story.account("LOST", state="unresolved", reason="1 order", alive=99),
    }
    lease.append(batch=1, now=story.ends_at, events=[opened(story.ends_at)])
    fold(url, GATEWAY)
    story.write(LedgerChanges(accounts=accounts))
    found = recon("breaks", "--json").json()
    assert {row["account"]: row["reason"] for row in found["not_current"]} == {
        "GAP": "it is not covered, but gap: no heartbeat",
        "LOST": "it is not covered, but unresolved: 1 order",
        "MUTE": "it shows no sign of life",
    }
    told = recon("breaks", "--account", "LOST").err
    assert told.startswith(f"not current: account LOST of {GATEWAY}: it is not covered, but unresolved")
    assert recon("breaks", "--account", "COVERED").status == 0
    lease.close()
