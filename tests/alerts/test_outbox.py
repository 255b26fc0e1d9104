"""The outbox on a real Postgres: once per channel, never twice, nothing forgotten."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ProgrammingError

from recon.alerts import outbox, schema
from recon.alerts.break_alert import Alert
from recon.alerts.message import MAX_MESSAGE_ENTRIES, Message
from recon.alerts.retry import MAX_ATTEMPTS
from recon.db.engine import create_engine, libpq_url
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, Step, rows

pytestmark = pytest.mark.postgres

OPS = "webhook:ops"
DESK = "webhook:desk"
LATER = T0 + timedelta(minutes=1)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def listener(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as connection:
        connection.execute("LISTEN recon_breaks")
        yield connection


def heard(listener: psycopg.Connection) -> list[dict[str, object]]:
    # A round trip: whatever was committed before it has been sent to us before its answer.
    listener.execute("SELECT 1")
    return [json.loads(notification.payload) for notification in listener.notifies(timeout=0)]


def enqueue(engine: Engine, *alerts: Alert, channels: Sequence[str] = (OPS,), gateway: str = GATEWAY) -> int:
    with engine.begin() as connection:
        return outbox.enqueue(connection, gateway, alerts, channels)


def claim(engine: Engine, now: datetime = T0, channel: str = OPS, gateway: str = GATEWAY) -> Message | None:
    with engine.begin() as connection:
        return outbox.claim(connection, gateway=gateway, channel=channel, now=now)


def claimed(engine: Engine, now: datetime = T0) -> Message:
    message = claim(engine, now)
    assert message is not None
    return message


def delivered(engine: Engine, message: Message, now: datetime = T0) -> None:
    with engine.begin() as connection:
        outbox.mark_delivered(connection, message, now=now)


def failed(engine: Engine, message: Message, again: datetime | None, now: datetime = T0) -> None:
    with engine.begin() as connection:
        outbox.mark_failed(connection, message, now=now, next_attempt_at=again, error="answered 503\0")


def test_every_new_alert_is_notified_once_with_no_webhook_at_all(engine: Engine, listener: psycopg.Connection) -> None:
    assert enqueue(engine, Step().alert(), Step(break_id="b2", unit="XXBT").alert(), channels=()) == 2
    said = heard(listener)
    assert [(one["type"], one["unit"], one["amount"]) for one in said] == [
        ("break.opened", "ZUSD", "-10.50"),
        ("break.opened", "XXBT", "-10.50"),
    ]
    with engine.connect() as connection:
        assert all(row.delivered_at is not None for row in rows(connection, outbox.NOTIFY))
    assert claim(engine, LATER, channel=outbox.NOTIFY) is None


def test_a_replay_tells_nobody_again_not_even_a_channel_added_since(
    engine: Engine, listener: psycopg.Connection
) -> None:
    alert, fresh = Step().alert(), Step(event="cleared", seq=150).alert()
    assert enqueue(engine, alert, alert) == 1
    assert len(heard(listener)) == 1
    assert enqueue(engine, alert, fresh, channels=(OPS, DESK)) == 1
    assert [one["id"] for one in heard(listener)] == [fresh.id]
    with engine.connect() as connection:
        assert [row.id for row in rows(connection, OPS)] == [alert.id, fresh.id]
        assert [row.id for row in rows(connection, DESK)] == [fresh.id]


def test_nothing_is_queued_or_notified_where_the_deriving_transaction_fails(
    engine: Engine, listener: psycopg.Connection
) -> None:
    def derive(connection: Connection) -> None:
        outbox.enqueue(connection, GATEWAY, [Step().alert()], [OPS])
        raise LookupError("the fold failed")

    with pytest.raises(LookupError), engine.begin() as connection:
        derive(connection)
    assert heard(listener) == []
    assert claim(engine) is None
    assert enqueue(engine, Step().alert()) == 1


def test_alerts_of_one_case_and_event_go_together(engine: Engine) -> None:
    base, quote = Step(), Step(break_id="b2", unit="XXBT", amount="0.001")
    other = Step(break_id="b3", case_id="c2", unit="XETH", seq=119)
    enqueue(engine, *[step.alert() for step in (base, quote, other)])
    messages = [claimed(engine), claimed(engine)]
    assert [message.case_id for message in messages] == ["c2", "c1"]
    assert set(messages[1].entries) == {base.alert().id, quote.alert().id}
    assert claim(engine) is None
    body = json.loads(messages[1].body)
    assert body["type"] == "break.opened"
    assert {one["unit"]: one["amount"] for one in body["data"]["alerts"]} == {"ZUSD": "-10.50", "XXBT": "0.001"}


def test_an_alert_waits_a_moment_for_the_other_legs_of_its_case(engine: Engine) -> None:
    def gathered(gather: timedelta) -> Message | None:
        with engine.begin() as connection:
            return outbox.claim(connection, gateway=GATEWAY, channel=OPS, now=T0, gather=gather)

    enqueue(engine, Step(break_id="b1", seq=120).alert())
    assert gathered(timedelta(hours=1)) is None
    enqueue(engine, Step(break_id="b2", unit="XXBT", seq=123).alert())
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.outbox SET created_at = now() - interval '1 hour' WHERE seq = 120"))
    message = gathered(timedelta(minutes=1))
    assert message is not None
    assert len(message.entries) == 2, "the leg that came last goes with the first, however young it is"


def test_what_a_clock_set_back_put_into_the_future_does_not_wait(engine: Engine) -> None:
    enqueue(engine, Step().alert())
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.outbox SET created_at = now() + interval '3 days'"))
        assert outbox.claim(connection, gateway=GATEWAY, channel=OPS, now=T0, gather=timedelta(hours=1)) is not None


def test_a_backlog_is_cut_into_bounded_messages_each_entry_in_one(engine: Engine) -> None:
    alerts = [Step(break_id=f"b{n}", seq=n).alert() for n in range(1, 2 * MAX_MESSAGE_ENTRIES + 2)]
    enqueue(engine, *alerts)
    seen: list[str] = []
    while (message := claim(engine)) is not None:
        assert len(message.entries) <= MAX_MESSAGE_ENTRIES
        seen += message.entries
        delivered(engine, message)
    assert seen == [alert.id for alert in alerts]


def test_a_message_never_settled_comes_again_unchanged_though_more_waits_by_now(engine: Engine) -> None:
    enqueue(engine, Step().alert())
    first = claimed(engine)
    enqueue(engine, Step(break_id="b2", seq=130).alert())
    second = claimed(engine)
    assert second.entries == (Step(break_id="b2", seq=130).alert().id,)
    assert claim(engine, T0 + outbox.LEASE - timedelta(seconds=1)) is None
    again = claimed(engine, T0 + outbox.LEASE)
    assert (again.id, again.body, again.entries) == (first.id, first.body, first.entries)
    assert (first.attempt, again.attempt) == (1, 2)


def test_what_failed_waits_for_its_time(engine: Engine) -> None:
    enqueue(engine, Step().alert())
    message = claimed(engine)
    failed(engine, message, LATER)
    assert claim(engine, LATER - timedelta(seconds=1)) is None
    again = claimed(engine, LATER)
    assert again.id == message.id
    delivered(engine, again)
    assert claim(engine, LATER + timedelta(days=9)) is None
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert (row.delivered_at, row.failed_at, row.attempts, row.last_error) == (T0, None, 2, "answered 503")


def test_cleared_waits_for_opened_and_goes_on_when_that_was_given_up(engine: Engine) -> None:
    enqueue(engine, Step().alert(), Step(event="cleared", seq=150).alert())
    opened = claimed(engine)
    assert opened.event == "break.opened"
    assert claim(engine) is None, "cleared is not said before opened was heard"
    failed(engine, opened, None)
    assert claimed(engine).event == "break.cleared"
    with engine.connect() as connection:
        gone = rows(connection, OPS)[0]
    assert (gone.failed_at, gone.delivered_at, gone.next_attempt_at) == (T0, None, None)


def test_a_late_failure_does_not_disturb_a_later_attempt(engine: Engine) -> None:
    enqueue(engine, Step().alert())
    first = claimed(engine)
    second = claimed(engine, T0 + outbox.LEASE)
    failed(engine, first, None)
    with engine.connect() as connection:
        assert rows(connection, OPS)[0].failed_at is None
    delivered(engine, first, LATER)
    failed(engine, second, None)
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert (row.delivered_at, row.failed_at) == (LATER, None), "delivered is delivered, whoever did it"


def test_an_attempt_that_crashes_us_every_time_ends(engine: Engine) -> None:
    enqueue(engine, Step().alert())
    now, attempts = T0, 0
    while claim(engine, now) is not None:
        attempts += 1
        now += outbox.LEASE
    assert attempts == MAX_ATTEMPTS
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert row.failed_at is not None
    assert row.last_error == "the last attempt was never settled"


def test_two_services_never_take_the_same_message(engine: Engine) -> None:
    alerts = [Step(break_id=f"b{n}", case_id=f"c{n % 30}", seq=n).alert() for n in range(1, 91)]
    enqueue(engine, *alerts)
    taken: list[list[Message]] = [[], [], [], []]

    def work(mine: list[Message]) -> None:
        while (message := claim(engine)) is not None:
            mine.append(message)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = [entry for mine in taken for message in mine for entry in message.entries]
    assert sorted(entries) == sorted(alert.id for alert in alerts)
    assert sum(len(mine) for mine in taken) == 30


def test_gateways_and_channels_do_not_touch_each_other(engine: Engine) -> None:
    enqueue(engine, Step().alert(), channels=(OPS, DESK))
    enqueue(engine, Step().alert("prod-us"), gateway="prod-us")
    delivered(engine, claimed(engine))
    assert claim(engine) is None
    assert claim(engine, channel=DESK) is not None
    assert claim(engine, gateway="prod-us") is not None


def test_the_summary_counts_what_waits_was_delivered_and_was_given_up(engine: Engine) -> None:
    enqueue(engine, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n).alert() for n in range(1, 5)])
    delivered(engine, claimed(engine))
    failed(engine, claimed(engine), None)
    claimed(engine)
    with engine.connect() as connection:
        notify, ops = outbox.summary(connection)
        oldest = connection.scalar(text("SELECT min(created_at) FROM recon_store.outbox"))
    assert (notify.channel, notify.pending, notify.delivered, notify.oldest_pending_at) == (outbox.NOTIFY, 0, 4, None)
    assert (ops.gateway, ops.channel, ops.pending, ops.delivered, ops.failed) == (GATEWAY, OPS, 2, 1, 1)
    assert (ops.oldest_pending_at, ops.last_error) == (oldest, "answered 503")


def test_the_largest_names_still_notify(engine: Engine, listener: psycopg.Connection) -> None:
    enqueue(engine, Step(account="€" * 5000, unit="\x01" * 3000).alert())
    (said,) = heard(listener)
    assert said["clipped"] is True


def test_the_analyst_may_not_look_into_the_outbox_itself(database: TestDatabase) -> None:
    analyst = create_engine(database.analyst_url, "test", pooled=False)
    with analyst.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text("SELECT FROM recon_store.outbox"))


def test_the_table_is_as_the_code_reads_it(engine: Engine) -> None:
    found = inspect(engine).get_columns("outbox", schema="recon_store")
    dialect = engine.dialect
    assert {c["name"]: (c["type"].compile(dialect), c["nullable"]) for c in found} == {
        c.name: (c.type.compile(dialect), c.nullable) for c in schema.outbox.columns
    }
