"""The alert of a refused event: one message on each channel, with a stable id, within the bound of NOTIFY."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from recon.alerts import outbox
from recon.alerts.break_alert import MAX_NOTICE_BYTES
from recon.alerts.refused import RefusedAlert, refused_alert
from recon.db.engine import create_engine
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, T0_US


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def alert(seq: int = 7, *, account: str | None = "KRAKEN/JOHN", version: int = 6, kind: str = "tick") -> RefusedAlert:
    return refused_alert(GATEWAY, account, kind, "recon cannot fold it", version, seq, T0_US)


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
    assert len(hostile.notice.encode()) <= MAX_NOTICE_BYTES
    assert json.loads(hostile.notice)["seq"] == 7


@pytest.mark.postgres
def test_each_event_is_one_message_and_is_told_once(engine: Engine) -> None:
    with engine.begin() as connection:
        assert outbox.enqueue(connection, GATEWAY, [alert(7), alert(8)], ["ops"]) == 2
    with engine.begin() as connection:
        assert outbox.enqueue(connection, GATEWAY, [alert(7)], ["ops"]) == 0
    told: list[int] = []
    for minute in range(3):
        with engine.begin() as connection:
            now = T0 + timedelta(minutes=minute)
            message = outbox.claim(connection, gateway=GATEWAY, channel="ops", now=now)
            if message is not None:
                assert message.event == "event.refused"
                told += [entry["log"]["seq"] for entry in json.loads(message.body)["data"]["alerts"]]
                outbox.mark_delivered(connection, message, now=now)
    assert told == [7, 8]
