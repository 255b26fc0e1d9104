"""The alert of a refused event: one message on each channel, with a stable id, within the bound of NOTIFY."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from recon.alerts import signal_store
from recon.alerts.break_alert import MAX_NOTICE_BYTES
from recon.alerts.refused import refused_signal
from recon.alerts.signal import NewSignal
from recon.db.engine import create_engine
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0_US


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def alert(seq: int = 7, *, account: str | None = "KRAKEN/JOHN", version: int = 6, kind: str = "tick") -> NewSignal:
    return refused_signal(GATEWAY, account, kind, "recon cannot fold it", version, seq, T0_US)


def test_its_id_is_of_the_event_and_the_version() -> None:
    assert alert().id == alert(kind="other").id
    assert len({alert().id, alert(8).id, alert(version=7).id}) == 3


def test_it_says_what_to_look_at() -> None:
    document = json.loads(alert().document)
    assert (document["type"], document["account"], document["log"]["seq"]) == ("event.refused", "KRAKEN/JOHN", 7)
    assert document["reason"] == "recon cannot fold it"
    assert f"recon events --gateway {GATEWAY} --refused" in document["look"]


def test_names_from_outside_do_not_break_the_bound_of_a_notification() -> None:
    hostile = alert(account="€" * 5000, kind="\x01" * 5000)
    assert len((hostile.notice or "").encode()) <= MAX_NOTICE_BYTES
    assert json.loads(hostile.notice or "")["seq"] == 7


@pytest.mark.postgres
def test_each_event_is_a_case_of_its_own_and_is_told_once(engine: Engine) -> None:
    with engine.begin() as connection:
        assert signal_store.append(connection, [alert(7), alert(8)]) == 2
    with engine.begin() as connection:
        assert signal_store.append(connection, [alert(7)]) == 0
        found = signal_store.unrouted(connection, 10)
    assert [(each.kind, each.case_id, each.seq) for each in found] == [("tells", "event-7", 7), ("tells", "event-8", 8)]
