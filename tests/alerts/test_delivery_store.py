"""The deliveries on a real Postgres: one message once per channel, in order per case, and nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from recon.alerts import delivery_store
from recon.alerts.delivery_store import Claim, Delivery, Failure
from recon.alerts.message import Message
from recon.alerts.retry import CIRCUIT_FAILURES, FIRST_REST, LAST_REST, MAX_ATTEMPTS
from recon.db.engine import create_engine
from tests.conftest import TestDatabase
from tests.support.alert_rows import T0, Step, delivery_of, rows

pytestmark = pytest.mark.postgres

OPS, DESK = "webhook:ops", "webhook:desk"
LATER = T0 + timedelta(minutes=1)
OPENED, CLEARED = Step(), Step(event="cleared", seq=150)


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def queue(engine: Engine, *deliveries: Delivery) -> None:
    with engine.begin() as connection:
        delivery_store.enqueue(connection, deliveries)


def claim(engine: Engine, now: datetime = T0, channel: str = OPS) -> Claim:
    with engine.begin() as connection:
        return delivery_store.claim(connection, channel=channel, now=now)


def claimed(engine: Engine, now: datetime = T0) -> Message:
    message = claim(engine, now).message
    assert message is not None
    return message


def delivered(engine: Engine, message: Message, now: datetime = T0) -> None:
    with engine.begin() as connection:
        delivery_store.mark_delivered(connection, message, now=now)


def failed(engine: Engine, message: Message, failure: Failure, now: datetime = T0) -> None:
    with engine.begin() as connection:
        delivery_store.mark_failed(connection, message, failure, now=now, draw=lambda: 1.0)


def again(at: datetime | None, **more: float | bool) -> Failure:
    return Failure("answered 503\0", at, **more)  # type: ignore[arg-type]


def test_a_message_is_queued_once_and_comes_as_it_was(engine: Engine) -> None:
    made = OPENED.delivery(OPS)
    queue(engine, made, made)
    queue(engine, made)
    message = claimed(engine)
    assert (message.id, message.body, message.entries) == (made.id, made.body, tuple(made.signals))
    assert (message.event, message.case_id, message.kind, message.attempt) == ("break.opened", "c1", "firing", 1)
    assert claim(engine).message is None


def test_a_message_never_settled_comes_again_unchanged(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS))
    first = claimed(engine)
    assert claim(engine, T0 + timedelta(seconds=1)) == Claim(None, T0 + delivery_store.LEASE)
    second = claimed(engine, T0 + delivery_store.LEASE)
    assert (second.id, second.body) == (first.id, first.body)
    assert (first.attempt, second.attempt) == (1, 2)


def test_what_failed_waits_for_its_time(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS))
    failed(engine, claimed(engine), again(LATER))
    assert claim(engine, LATER - timedelta(seconds=1)) == Claim(None, LATER)
    delivered(engine, claimed(engine, LATER))
    assert claim(engine, LATER + timedelta(days=9)) == Claim(None)
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert (row.delivered_at, row.failed_at, row.attempts, row.last_error) == (T0, None, 2, "answered 503")


def test_cleared_waits_for_opened_and_goes_on_when_that_was_given_up(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS), CLEARED.delivery(OPS))
    opened = claimed(engine)
    assert claim(engine).message is None, "cleared is not said before opened was heard"
    failed(engine, opened, again(None))
    assert claimed(engine).event == "break.cleared"
    with engine.connect() as connection:
        gone = rows(connection, OPS)[0]
    assert (gone.failed_at, gone.delivered_at, gone.next_attempt_at) == (T0, None, None)


def test_a_message_of_several_cases_waits_for_each_and_each_for_it(engine: Engine) -> None:
    other = Step(break_id="b2", case_id="c2", seq=130)
    free = Step(break_id="b3", case_id="c3", seq=140)
    both = delivery_of([CLEARED.signal(), other.signal()], OPS, "summary")
    queue(engine, OPENED.delivery(OPS), both, other.but(event="cleared", seq=160).delivery(OPS), free.delivery(OPS))
    opened = claimed(engine)
    assert claimed(engine).case_id == "c3"
    assert claim(engine).message is None
    delivered(engine, opened)
    summary = claimed(engine)
    assert (summary.kind, summary.gateway, summary.case_id) == ("summary", "", "")
    assert claim(engine).message is None
    delivered(engine, summary)
    assert claimed(engine).case_id == "c2"


def test_a_late_failure_does_not_disturb_a_later_attempt(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS))
    first = claimed(engine)
    second = claimed(engine, T0 + delivery_store.LEASE)
    failed(engine, first, again(None))
    with engine.connect() as connection:
        assert rows(connection, OPS)[0].failed_at is None
    delivered(engine, first, LATER)
    failed(engine, second, again(None))
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert (row.delivered_at, row.failed_at) == (LATER, None), "delivered is delivered, whoever did it"


def test_an_attempt_that_crashes_us_every_time_ends(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS))
    now, attempts = T0, 0
    while claim(engine, now).message is not None:
        attempts += 1
        now += delivery_store.LEASE
    assert attempts == MAX_ATTEMPTS
    with engine.connect() as connection:
        (row,) = rows(connection, OPS)
    assert row.failed_at is not None
    assert row.last_error == "the last attempt was never settled"


def test_two_services_never_take_the_same_message(engine: Engine) -> None:
    made = [Step(break_id=f"b{n}", case_id=f"c{n}", seq=n).delivery(OPS) for n in range(1, 61)]
    queue(engine, *made)
    taken: list[list[Message]] = [[], [], [], []]

    def work(mine: list[Message]) -> None:
        while (message := claim(engine).message) is not None:
            mine.append(message)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message.id for mine in taken for message in mine) == sorted(each.id for each in made)


def test_channels_do_not_touch_each_other(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS), OPENED.delivery(DESK))
    for _ in range(CIRCUIT_FAILURES):
        failed(engine, claimed(engine), again(T0))
    assert claim(engine).message is None, "one rests"
    assert claim(engine, channel=DESK).message is not None


def test_a_channel_that_keeps_failing_rests_longer_and_longer_until_one_message_is_taken(engine: Engine) -> None:
    queue(engine, *[Step(break_id=f"b{n}", case_id=f"c{n}", seq=n).delivery(OPS) for n in range(1, 40)])
    now, rests = T0, []
    for _ in range(CIRCUIT_FAILURES + 6):
        failed(engine, claimed(engine, now), again(now + timedelta(days=1)), now)
        found = claim(engine, now)
        if found.message is None:
            assert found.again_at is not None
            rests.append(found.again_at - now)
            now = found.again_at
        else:
            failed(engine, found.message, again(now + timedelta(days=1), counts=False), now)
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (FIRST_REST, LAST_REST)
    delivered(engine, claimed(engine, now), now)
    assert claim(engine, now).message is not None
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT failures FROM recon_store.channels")) == 0


def test_a_receiver_that_asks_for_time_gets_it_for_all_its_messages(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS), Step(break_id="b2", case_id="c2", seq=130).delivery(OPS))
    failed(engine, claimed(engine), again(LATER, requested=45.0))
    assert claim(engine) == Claim(None, T0 + timedelta(seconds=45))
    assert claimed(engine, T0 + timedelta(seconds=45)).case_id == "c2"


def test_a_receiver_that_is_gone_is_sent_nothing_until_a_person_acts(engine: Engine, database: TestDatabase) -> None:
    queue(engine, OPENED.delivery(OPS), Step(break_id="b2", case_id="c2", seq=130).delivery(OPS))
    failed(engine, claimed(engine), again(LATER, gone=True))
    assert claim(engine, T0 + timedelta(days=2)) == Claim(None)
    with engine.connect() as connection:
        shown = connection.execute(text("SELECT DISTINCT state, next_attempt_at, last_error FROM recon.deliveries"))
    assert [tuple(row) for row in shown] == [("channel_gone", None, "answered 503")]
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT recon_store.retry_deliveries('webhook:ops', NULL)")) == 1
    assert claimed(engine, T0 + timedelta(seconds=1)).attempt == 2, "at once, and not when it was put off to"


def test_what_was_given_up_is_kept_and_sent_again_under_its_id(engine: Engine) -> None:
    queue(engine, OPENED.delivery(OPS), OPENED.delivery(DESK))
    message = claimed(engine)
    failed(engine, message, again(None))
    with engine.begin() as connection:
        retry = text("SELECT recon_store.retry_deliveries(:channel, :id)")
        assert connection.scalar(retry, {"channel": DESK, "id": message.id}) == 0
        assert connection.scalar(retry, {"channel": None, "id": "another"}) == 0
        assert connection.scalar(retry, {"channel": OPS, "id": message.id}) == 1
    fresh = claimed(engine)
    assert (fresh.id, fresh.body, fresh.attempt) == (message.id, message.body, 1)


def test_messages_of_a_case_are_counted_by_channel(engine: Engine) -> None:
    with engine.begin() as connection:
        counted = delivery_store.number_cases(connection, OPS, [("g", "c2"), ("g", "c1"), ("g", "c2")], T0)
        assert counted == {("g", "c1"): 1, ("g", "c2"): 1}
        assert delivery_store.number_cases(connection, OPS, [("g", "c1")], LATER) == {("g", "c1"): 2}
        assert delivery_store.number_cases(connection, DESK, [("g", "c1")], LATER) == {("g", "c1"): 1}
        assert delivery_store.number_cases(connection, DESK, [], LATER) == {}
