"""What recon does not see, on a real Postgres: told once whoever looks, in order, and nothing forgotten by a crash."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from recon.alerts import delivery_store
from recon.alerts.delivery_store import Failure
from recon.alerts.message import Message
from recon.alerts.policy.fold import decide
from recon.alerts.policy.rules import Policy
from recon.alerts.route import Desk, route
from recon.alerts.watch.store import Plan, look, remembered
from recon.config import Settings
from recon.db.engine import create_engine
from recon.log.events import RULES, RULES_PROPOSED, SESSION_CLOSED, SESSION_FAILED, SESSION_OPENED, NewEvent
from recon.log.lease import Lease
from recon.service.alerting import measured
from recon.service.pipeline import rules_payload
from recon.service.watcher import plan_of
from tests.conftest import TestDatabase
from tests.support.database_days import fold

pytestmark = pytest.mark.postgres

GATEWAY = "g"
OPS, DESK = "webhook:ops", "webhook:desk"
SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29r"


QUICK = Desk(decide, Policy((DESK, OPS), group_wait=timedelta()), measured)


def plan(watchdog: str = "0s") -> Plan:
    hook = {"url": "http://127.0.0.1:1/", "secret": SECRET, "watchdog": watchdog}
    gateways = {GATEWAY: {"urls": ["ws://127.0.0.1:1/"]}}
    return plan_of(Settings.model_validate({"gateways": gateways, "webhooks": {"ops": hook, "desk": hook}}))


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


class Story:
    """A gateway's log, and looks at it at given seconds."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine, self._url = engine, url
        self.start = datetime.now(UTC)
        self._lease = Lease(url, GATEWAY, uuid4(), "test")
        assert self._lease.try_acquire()
        self._batch = 0

    def session(self, kind: str, reason: str = "refused") -> None:
        self._append(kind, json.dumps({"url": "ws://x/", "reason": reason}).encode())

    def _append(self, kind: str, payload: bytes) -> None:
        self._batch += 1
        now = datetime.now(UTC)
        self._lease.append(batch=self._batch, now=now, events=[NewEvent(kind, payload, now, None, "s", redacted=False)])
        fold(self._url, GATEWAY)

    def rules(self, kind: str, settlement_window: str) -> None:
        gateways = {GATEWAY: {"urls": ["ws://127.0.0.1:1/"]}}
        accounts = {"settlement_window": settlement_window}
        settings = Settings.model_validate({"gateways": gateways, "accounts": accounts})
        self._append(kind, rules_payload(settings, GATEWAY))

    def look(self, *seconds: float, planned: Plan | None = None) -> int:
        queued = 0
        for second in seconds:
            with self.engine.begin() as connection:
                queued += look(connection, planned or plan(), self.start + timedelta(seconds=second))
        return queued

    def claim(self, channel: str = OPS, second: float = 0) -> Message | None:
        """Have the policy take what was told, and claim the next message."""
        with self.engine.begin() as connection:
            route(connection, QUICK, datetime.now(UTC))
            now = datetime.now(UTC) + timedelta(seconds=second)
            return delivery_store.claim(connection, channel=channel, now=now).message

    def taken(self, channel: str = OPS) -> Message:
        message = self.claim(channel)
        assert message is not None
        self.deliver(message)
        return message

    def deliver(self, message: Message) -> None:
        with self.engine.begin() as connection:
            delivery_store.mark_delivered(connection, message, now=datetime.now(UTC))

    def events(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.scalars(text("SELECT event FROM recon_store.signals ORDER BY number")))

    def close(self) -> None:
        self._lease.close()


@pytest.fixture
def story(engine: Engine, database: TestDatabase) -> Iterator[Story]:
    made = Story(engine, database.service_url)
    yield made
    made.close()


def alert_of(message: Message) -> dict[str, object]:
    (alert,) = json.loads(message.body)["data"]["alerts"]
    assert isinstance(alert, dict)
    return alert


def test_a_gateway_that_fails_is_told_on_every_channel_once_and_its_end_after_it(story: Story) -> None:
    story.session(SESSION_FAILED)
    assert story.look(0, 5, 10) == 0
    assert story.look(15, 20, 25) == 1
    down = story.claim()
    assert down is not None
    desk = story.taken(DESK)
    assert (down.event, desk.event) == ("gateway.down", "gateway.down")
    story.session(SESSION_OPENED)
    assert story.look(*range(30, 85, 5)) == 1, "the session is open, and stalled: no account was named"
    assert story.look(85, 90) == 1
    assert sorted(story.events()) == ["gateway.down", "gateway.down.over", "gateway.stalled"]
    stalled = story.taken()
    assert story.claim() is None, "the end waits for the beginning"
    assert stalled.event == "gateway.stalled"
    story.deliver(down)
    over = story.taken()
    assert (over.event, over.kind) == ("gateway.down.over", "recovery")
    assert (alert_of(down)["detail"], alert_of(over)["over"]) == ("failing: refused", True)
    assert alert_of(down)["look"] == ["recon status --gateway g"]


def test_a_crash_before_the_commit_forgets_nothing_and_one_after_it_repeats_nothing(story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(0)
    with story.engine.connect() as connection:
        assert look(connection, plan(), story.start + timedelta(seconds=15)) == 1
        connection.rollback()
    assert story.events() == []
    assert story.look(20) == 1
    assert story.look(*range(25, 1200, 25)) == 0, "a new process knows what the former told"


def test_what_is_long_over_is_forgotten(story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(*range(0, 20, 5))
    with story.engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.watch SET gateway = 'removed' WHERE kind = 'gateway.down'"))
        assert [gateway for gateway, *_ in remembered(connection)] == ["removed"]
    assert story.look(*range(20, 100, 5)) == 2, "the gateway anew, and the end of what was told of the removed one"
    story.look(*range(100, 640, 20))
    with story.engine.begin() as connection:
        assert [gateway for gateway, *_ in remembered(connection)] == [GATEWAY]


def test_two_instances_that_look_at_once_tell_once(story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(0)
    told: list[int] = []
    threads = [threading.Thread(target=lambda: told.append(story.look(15))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [0, 0, 0, 1]


def test_a_burst_of_accounts_is_one_message(story: Story) -> None:
    story.session(SESSION_OPENED)
    with story.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recon_store.accounts (gateway, edition, account, state, reason, data)"
                " SELECT 'g', 1, 'A' || n, CASE n WHEN 0 THEN 'covered' ELSE 'gap' END, 'no heartbeat', ''"
                " FROM generate_series(0, 60) AS n"
            )
        )
    assert story.look(0, 30) == 60
    message = story.taken()
    assert (message.event, len(message.entries)) == ("account.not_covered", 60)
    assert story.claim() is None


def test_an_overrun_is_told_at_once(story: Story) -> None:
    story.session(SESSION_OPENED)
    story.session(SESSION_CLOSED, "overrun")
    story.session(SESSION_OPENED)
    assert story.look(0) == 1
    assert alert_of(story.taken())["kind"] == "buffer.overrun"


def test_rules_that_wait_for_a_second_person_are_told_until_stricter_ones_take_their_place(story: Story) -> None:
    story.rules(RULES, "5s")
    story.session(SESSION_FAILED)
    assert story.look(*range(0, 70, 5)) == 1, "the gateway alone"
    story.rules(RULES_PROPOSED, "50s")
    assert story.look(*range(70, 140, 5)) == 1
    assert story.events() == ["gateway.down", "rules.waiting"]
    story.rules(RULES, "4s")
    assert story.look(*range(140, 210, 5)) == 1
    assert story.events()[-1] == "rules.waiting.over"


def test_material_facts_that_wait_are_told_until_somebody_decides(story: Story) -> None:
    story.session(SESSION_FAILED)
    story.look(*range(0, 70, 5))
    waits = text(
        "INSERT INTO recon_store.waiting_facts (gateway, edition, seq, account, external_id, digest, reason, state)"
        " VALUES ('g', 1, 1, 'A', 'L-1', 'd', 'it is material', 'waiting')"
    )
    with story.engine.begin() as connection:
        connection.execute(waits)
    assert story.look(*range(70, 140, 5)) == 1
    assert story.events() == ["gateway.down", "facts.waiting"]
    with story.engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.waiting_facts SET state = 'approved'"))
    assert story.look(*range(140, 210, 5)) == 1
    assert story.events()[-1] == "facts.waiting.over"


def test_that_nobody_looked_is_told_at_the_next_look(story: Story) -> None:
    story.session(SESSION_FAILED)
    assert story.look(0, 15) == 1
    assert story.look(300) == 1
    message = story.taken()
    assert message.event == "service.away"
    since = str(alert_of(message)["since"])
    assert datetime.fromisoformat(since) == story.start + timedelta(seconds=15)


def test_the_watchdog_says_what_recon_sees_and_a_newer_one_takes_the_place_of_an_undelivered_one(story: Story) -> None:
    story.session(SESSION_FAILED)
    often = plan("1m")
    assert story.look(0, planned=often) == 2, "one for each channel, at once"
    assert story.look(5, 10, 59, planned=often) == 1, "the gateway"
    first = story.claim()
    assert story.look(60, planned=often) == 2
    assert first is not None
    assert (first.event, story.taken().event) == ("recon.watchdog", "gateway.down")
    second = story.taken()
    assert first.id != second.id
    assert story.claim(second=3600) is None
    with story.engine.begin() as connection:
        lost = Failure("answered 503", None)
        delivery_store.mark_failed(connection, first, lost, now=datetime.now(UTC), draw=lambda: 0.0)
        failed = "SELECT count(*) FROM recon.deliveries WHERE state = 'failed'"
        assert connection.scalar(text(failed)) == 0, "no alert counts as lost"
    seen = alert_of(second)
    assert (seen["type"], seen["every_seconds"], seen["conditions_told"]) == ("recon.watchdog", 60, 1)
    gateway = json.loads(second.body)["data"]["alerts"][0]["gateways"][0]
    assert isinstance(gateway, dict)
    assert (gateway["gateway"], gateway["state"], gateway["log_seq"], gateway["accounts"]) == (GATEWAY, "failing", 1, 0)
    assert (gateway["open_cases"], gateway["age_seconds"] > 50) == (0, True)
    assert story.look(3 * 86_400, planned=often) >= 2
    with story.engine.connect() as connection:
        kept = "SELECT count(*) FROM recon_store.deliveries WHERE event = 'recon.watchdog' AND channel = :channel"
        assert connection.scalar(text(kept), {"channel": OPS}) == 1, "old ones are removed"
