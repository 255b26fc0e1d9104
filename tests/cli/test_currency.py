"""Whether `recon breaks` and `recon status` say that what they show is not current, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from recon.errors import NotCurrent
from recon.log.events import SESSION_FAILED, SESSION_OPENED, NewEvent
from recon.log.lease import Lease
from tests.cli.conftest import Recon
from tests.conftest import TestDatabase
from tests.support.database_days import fold

pytestmark = pytest.mark.postgres

NOT_CURRENT = NotCurrent.exit_status
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
def lease(url: str) -> Lease:
    held = Lease(url, GATEWAY, uuid4(), "test")
    assert held.try_acquire()
    return held


def test_while_a_service_records_and_folds_the_answer_is_0(recon: Recon, lease: Lease, url: str) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    for command in ("breaks", "status"):
        assert recon(command).status == 0
    assert recon("breaks").err == "no open breaks\n"
    assert recon("status", "--json").json()["not_current"] == []
    lease.close()


def test_once_the_recorder_has_gone_nothing_is_said_to_be_well(recon: Recon, lease: Lease, url: str) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    lease.close()  # what Postgres does with the connection of a killed process
    result = recon("breaks")
    assert (result.status, result.out) == (NOT_CURRENT, "")
    assert "no open breaks known, but this is not current" in result.err
    seen = now.strftime("%Y-%m-%d %H:%M:%S")
    assert f"gateway {GATEWAY}: nothing has been seen since {seen}" in result.err
    assert "no service records it" in result.err
    status = recon("status")
    assert status.status == NOT_CURRENT
    assert "no incomplete accounts known, but" in status.err
    ((told,),) = [recon("status", "--json").json()["not_current"]]
    assert told["gateway"] == GATEWAY
    assert recon("breaks", "--json").status == NOT_CURRENT


def test_a_gateway_that_cannot_be_reached_and_books_behind_are_not_current(
    recon: Recon, lease: Lease, url: str
) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[failed(now)])
    fold(url, GATEWAY)
    assert "it is failing: refused" in recon("breaks").err
    lease.append(batch=2, now=now, events=[opened(now)])
    assert recon("breaks").status == 0, "an event that was just appended is folded in a moment"
    lease.close()


def test_an_event_that_waits_long_to_be_folded_is_told(recon: Recon, lease: Lease, url: str) -> None:
    before = datetime.now(UTC) - timedelta(minutes=2)
    lease.append(batch=1, now=before, events=[opened(before)])
    result = recon("breaks")
    assert result.status == NOT_CURRENT
    assert "the books are 1 events behind the log" in result.err or "it is silent" in result.err
    lease.close()


def test_a_gateway_of_the_settings_counts_and_one_that_was_removed_does_not(
    recon: Recon, lease: Lease, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    lease.append(batch=1, now=now, events=[opened(now)])
    fold(url, GATEWAY)
    monkeypatch.setenv("RECON_GATEWAYS", json.dumps({"new": {"urls": ["ws://127.0.0.1:1/"]}}))
    lease.close()
    result = recon("breaks")
    assert result.status == NOT_CURRENT
    assert "gateway new: nothing has ever been seen: it was never recorded" in result.err
    assert GATEWAY not in result.err
