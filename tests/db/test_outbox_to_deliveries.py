"""Revision 0007: what waited in the outbox is delivered on, what was given up is kept, and nothing is told again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from recon.alerts import delivery_store, signal_store
from recon.db.engine import create_engine
from recon.db.migrate import downgrade, migrate
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, Step

pytestmark = pytest.mark.postgres

OPS = "webhook:ops"
_INSERT = """
    INSERT INTO recon_store.outbox (gateway, id, channel, event, break_id, case_id, seq, occurred_at, document,
        message_id, attempts, delivered_at, failed_at)
    VALUES (:gateway, :id, :channel, :event, :break_id, :case_id, :seq, :at, CAST(:document AS json), :message,
        :attempts, :delivered, :failed)
"""


def test_alerts_that_wait_are_delivered_on(database: TestDatabase) -> None:
    legs = [Step(), Step(break_id="b2", unit="XXBT", seq=121)]
    fresh, lost = Step(break_id="b3", case_id="c3", seq=130), Step(break_id="b4", case_id="c4", seq=140)
    downgrade(database.owner_url, "0006")
    with create_engine(database.owner_url, "test", pooled=False).begin() as connection:
        for step in (*legs, fresh, lost):
            signal = step.signal()
            row = {
                "gateway": GATEWAY, "id": signal.id, "event": signal.signal.event, "break_id": step.break_id,
                "case_id": step.case_id, "seq": step.seq, "at": T0, "document": signal.document.decode(),
            }  # fmt: skip
            known = {"channel": "notify", "message": None, "attempts": 1, "delivered": T0, "failed": None}
            tried = {"message": "msg_legs", "attempts": 2} if step in legs else {"message": None, "attempts": 0}
            failed = T0 if step is lost else None
            connection.execute(text(_INSERT), row | known)
            connection.execute(text(_INSERT), row | tried | {"channel": OPS, "delivered": None, "failed": failed})
    migrate(database.owner_url)
    with create_engine(database.service_url, "test", pooled=False).begin() as connection:
        assert signal_store.append(connection, [step.signal() for step in (*legs, fresh, lost)]) == 0
        assert signal_store.unrouted(connection, 10) == [], "what was told is not told by the policy again"
        now = datetime.now(UTC) + timedelta(days=1)
        messages = []
        while (message := delivery_store.claim(connection, channel=OPS, now=now).message) is not None:
            delivery_store.mark_delivered(connection, message, now=now)
            messages.append(message)
        assert [(each.id, each.attempt, len(each.entries)) for each in messages] == [
            ("msg_legs", 3, 2),
            (f"msg_{fresh.signal().id}", 1, 1),
        ]
        body = json.loads(messages[0].body)
        assert (body["type"], body["data"]["count"]) == ("break.opened", 2)
        assert [alert["unit"] for alert in body["data"]["alerts"]] == ["ZUSD", "XXBT"]
        states = connection.scalars(text("SELECT state FROM recon.deliveries ORDER BY state")).all()
        assert states == ["delivered", "delivered", "failed"]
    downgrade(database.owner_url, "0006")
    with create_engine(database.owner_url, "test", pooled=False).begin() as connection:
        kept = "SELECT count(*) FROM recon_store.outbox WHERE channel = 'notify' AND delivered_at IS NOT NULL"
        assert connection.scalar(text(kept)) == 4
