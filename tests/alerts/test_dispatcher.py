"""The dispatcher under a virtual clock, on real deliveries: retries, crashes, shutdown; and once for real."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import httpx
import pytest
import trio
from sqlalchemy import Connection, Engine, text
from standardwebhooks import Webhook
from trio.testing import MockClock

from recon.alerts import delivery_store, signal_store
from recon.alerts import dispatcher as module
from recon.alerts.channels import Sender
from recon.alerts.channels.webhook import WebhookSender, WebhookTarget
from recon.alerts.dispatcher import GRACE_SECONDS, POLL_SECONDS, SEND_SECONDS, Dispatcher
from recon.alerts.message import Message
from recon.alerts.retry import FIRST_SLOW_PAUSE, LAST_PAUSE, MAX_ATTEMPTS
from recon.db.engine import create_engine
from recon.db.transactions import Database, InlineDatabase, ThreadedDatabase
from recon.db.wakeup import listen
from recon.errors import DatabaseError, DeliveryError
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, Row, Step, rows
from tests.support.senders import MemorySender, Reaction, refusal
from tests.support.webhook_receiver import Answer, Receiver

pytestmark = pytest.mark.postgres

OPS = "webhook:ops"
SOON = 30.0
T = TypeVar("T")


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def now() -> datetime:
    return T0 + timedelta(seconds=trio.current_time())


def queue(engine: Engine, *steps: Step, gateway: str = GATEWAY) -> None:
    with engine.begin() as connection:
        signal_store.append(connection, [step.signal(gateway) for step in steps])
        delivery_store.enqueue(connection, [step.delivery(OPS, gateway) for step in steps])


def state(engine: Engine) -> list[Row]:
    with engine.connect() as connection:
        return rows(connection, OPS)


def make(database: Database, sender: Sender, draw: float = 1.0) -> Dispatcher:
    return Dispatcher(database, channel=OPS, sender=sender, now=now, draw=lambda: draw)


@asynccontextmanager
async def running(dispatcher: Dispatcher) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dispatcher.run)
        yield
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_what_waits_is_delivered_at_the_start_and_what_comes_when_woken(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender()
    dispatcher = make(InlineDatabase(engine), sender)
    queue(engine, Step())
    async with running(dispatcher):
        await trio.sleep(POLL_SECONDS * 1.5)
        assert [at for at, _ in sender.seen] == [0.0]
        queue(engine, Step(event="cleared", seq=150))
        dispatcher.wake()
        await trio.sleep(POLL_SECONDS / 10)
        queue(engine, Step(break_id="b2", seq=160))
        await trio.sleep(POLL_SECONDS)
    assert [at for at, _ in sender.seen] == [0.0, POLL_SECONDS * 1.5, pytest.approx(POLL_SECONDS * 2.5 + 0)]
    assert [message.event for message in sender.taken] == ["break.opened", "break.cleared", "break.opened"]
    assert all(row.delivered_at is not None for row in state(engine))


@pytest.mark.trio
async def test_woken_while_it_delivers_it_looks_again(engine: Engine, autojump_clock: MockClock) -> None:
    sender = MemorySender([Reaction(seconds=1)])
    dispatcher = make(InlineDatabase(engine), sender)
    queue(engine, Step())

    def come_another() -> None:
        sender.on_taken = lambda: None
        queue(engine, Step(event="cleared", seq=150), gateway=GATEWAY)
        dispatcher.wake()

    sender.on_taken = come_another
    async with running(dispatcher):
        await trio.sleep(1.01)
    assert len(sender.taken) == 2


@pytest.mark.trio
async def test_a_refused_message_is_tried_with_doubling_pauses_until_it_is_taken(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender([Reaction(error=refusal()) for _ in range(4)])
    queue(engine, Step())
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(40)
    assert [at for at, _ in sender.seen] == [0.0, 2.0, 6.0, 14.0, 30.0]
    assert len({(message.id, message.body) for _, message in sender.seen}) == 1
    (row,) = state(engine)
    assert (row.attempts, row.delivered_at, row.failed_at) == (5, T0 + timedelta(seconds=30), None)


@pytest.mark.trio
async def test_the_pause_survives_a_restart(engine: Engine, autojump_clock: MockClock) -> None:
    first = MemorySender([Reaction(error=refusal(retry_after=60))])
    queue(engine, Step())
    async with running(make(InlineDatabase(engine), first)):
        await trio.sleep(1)
    second = MemorySender()
    async with running(make(InlineDatabase(engine), second)):
        await trio.sleep(70)
    (at, message) = second.seen[0]
    assert 60 <= at < 60 + 2 * POLL_SECONDS
    assert message.id == first.seen[0][1].id
    assert message.attempt == 2


@pytest.mark.trio
async def test_what_only_a_person_can_mend_is_tried_slowly(engine: Engine, autojump_clock: MockClock) -> None:
    sender = MemorySender([Reaction(error=refusal(slow=True))])
    queue(engine, Step())
    async with running(make(InlineDatabase(engine), sender, draw=0.0)):
        await trio.sleep(FIRST_SLOW_PAUSE.total_seconds())
    times = [at for at, _ in sender.seen]
    assert len(times) == 2
    assert times[1] >= FIRST_SLOW_PAUSE.total_seconds() / 2


@pytest.mark.trio
async def test_the_last_attempt_gives_up_and_shows_it(
    engine: Engine, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = MemorySender([Reaction(error=refusal())])
    queue(engine, Step(), Step(event="cleared", seq=150))
    with engine.begin() as connection:
        connection.execute(text("UPDATE recon_store.deliveries SET attempts = :n"), {"n": MAX_ATTEMPTS - 1})
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(3 * LAST_PAUSE.total_seconds() / 60)
    gone, cleared = state(engine)
    assert (gone.failed_at, gone.delivered_at, gone.last_error) == (T0, None, "webhook 'ops' answered 503")
    assert cleared.delivered_at is not None
    assert [message.event for _, message in sender.seen] == ["break.opened", "break.cleared"]
    assert "alerts given up" in capsys.readouterr().out


@pytest.mark.trio
async def test_a_mute_receiver_is_left_after_the_bound(engine: Engine, autojump_clock: MockClock) -> None:
    sender = MemorySender([Reaction(seconds=float("inf"))])
    queue(engine, Step())
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(SEND_SECONDS + 5)
    assert [at for at, _ in sender.seen] == [0.0, SEND_SECONDS + 2]
    assert "did not take the message within" in (state(engine)[0].last_error or "")


class FailingDatabase:
    """A database that fails as told when it is asked for one of its functions, before or after doing it."""

    def __init__(self, inner: Database, function: Callable[..., object], errors: list[Exception]) -> None:
        self._inner = inner
        self._function = function
        self._errors = errors

    async def run(self, work: Callable[[Connection], T], *, deadline: float) -> T:
        assert isinstance(work, partial)
        if work.func is self._function and self._errors:
            await trio.lowlevel.checkpoint()
            raise self._errors.pop(0)
        return await self._inner.run(work, deadline=deadline)


def away() -> DatabaseError:
    error = DatabaseError("the server is restarting")
    error.transient = True
    return error


@pytest.mark.trio
async def test_a_crash_between_sending_and_noting_sends_the_same_message_again(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender()
    queue(engine, Step())
    crashing = FailingDatabase(InlineDatabase(engine), delivery_store.mark_delivered, [RuntimeError("power cut")])
    with pytest.raises(RuntimeError, match="power cut"):
        await make(crashing, sender).run()
    queue(engine, Step(break_id="b2", case_id="c2", seq=130))
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(delivery_store.LEASE.total_seconds() + 2 * POLL_SECONDS)
    first, other, again = sender.taken
    assert (again.id, again.body) == (first.id, first.body)
    assert other.entries == (Step(break_id="b2", case_id="c2", seq=130).signal().id,)
    delivered = [row.id for row in state(engine) if row.delivered_at is not None]
    assert delivered == [first.id, other.id]


@pytest.mark.trio
async def test_an_outcome_waits_for_a_database_that_is_away_and_nothing_is_sent_twice(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender()
    queue(engine, Step())
    failing = FailingDatabase(InlineDatabase(engine), delivery_store.mark_delivered, [away(), away()])
    async with running(make(failing, sender)):
        await trio.sleep(delivery_store.LEASE.total_seconds() * 2)
    assert len(sender.taken) == 1
    assert state(engine)[0].delivered_at == T0


@pytest.mark.trio
async def test_a_database_that_is_away_is_waited_for_and_one_that_refuses_ends_the_task(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender()
    queue(engine, Step())
    failing = FailingDatabase(InlineDatabase(engine), delivery_store.claim, [away(), away()])
    async with running(make(failing, sender)):
        await trio.sleep(2.5 * POLL_SECONDS)
    assert [at for at, _ in sender.seen] == [2 * POLL_SECONDS]
    refusing = FailingDatabase(InlineDatabase(engine), delivery_store.claim, [DatabaseError("permission denied")])
    with pytest.raises(DatabaseError, match="permission denied"):
        await make(refusing, sender).run()


@pytest.mark.trio
async def test_an_attempt_under_way_is_seen_through_at_shutdown(engine: Engine, autojump_clock: MockClock) -> None:
    sender = MemorySender([Reaction(seconds=GRACE_SECONDS - 1)])
    queue(engine, Step(), Step(break_id="b2", case_id="c2", seq=130))
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(0.5)
    assert trio.current_time() == GRACE_SECONDS - 1
    assert len(sender.taken) == 1, "and no new one is begun"
    assert [row.delivered_at is not None for row in state(engine)] == [True, False]


@pytest.mark.trio
async def test_an_attempt_that_does_not_end_is_cut_off_and_due_at_the_next_start(
    engine: Engine, autojump_clock: MockClock
) -> None:
    sender = MemorySender([Reaction(seconds=float("inf"))])
    queue(engine, Step())
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(0.5)
    assert trio.current_time() == 0.5 + GRACE_SECONDS
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(0.1)
    assert [message.id for message in sender.taken] == [sender.seen[0][1].id]


@pytest.mark.trio
async def test_a_failure_of_one_message_does_not_hold_up_the_others(engine: Engine, autojump_clock: MockClock) -> None:
    sender = MemorySender([Reaction(error=refusal())])
    queue(engine, Step(), Step(break_id="b2", case_id="c2", seq=130))
    async with running(make(InlineDatabase(engine), sender)):
        await trio.sleep(0.1)
    assert [message.case_id for message in sender.taken] == ["c2"]


@pytest.mark.trio
async def test_a_fault_of_the_sender_is_not_taken_for_a_refusal(engine: Engine, autojump_clock: MockClock) -> None:
    class Faulty:
        async def send(self, message: Message) -> None:
            raise LookupError(f"a fault of ours with {message.id}")

    queue(engine, Step())
    with pytest.raises(LookupError, match="a fault of ours"):
        await make(InlineDatabase(engine), Faulty()).run()
    assert state(engine)[0].attempts == 1, "it counts, so that it cannot go on for ever"


@pytest.mark.trio
async def test_for_real_signed_retried_notified_and_silent_about_secrets(
    engine: Engine,
    database: TestDatabase,
    there: Receiver,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.05)
    caplog.set_level(logging.DEBUG)
    secret = "whsec_" + base64.b64encode(b"nobody may read this").decode()
    target = WebhookTarget("ops", f"{there.url}/T0KEN?key=T0KEN", secret)

    def real_now() -> datetime:
        return datetime.now(UTC)

    sender = WebhookSender(target, client, real_now)
    dispatcher = Dispatcher(
        ThreadedDatabase(engine),
        channel=OPS,
        sender=sender,
        now=real_now,
        draw=lambda: 0.0,
    )
    there.answer(Answer(503))
    heard: list[str] = []

    def told(_: str, payload: str) -> None:
        heard.append(payload)
        dispatcher.wake()

    with trio.fail_after(SOON):
        async with trio.open_nursery() as nursery:
            stands = trio.Event()
            nursery.start_soon(partial(listen, database.service_url, [signal_store.NOTIFY_CHANNEL], told, stands.set))
            nursery.start_soon(dispatcher.run)
            await stands.wait()
            await trio.to_thread.run_sync(partial(queue, engine, Step()))
            # A table has no event to wait for.
            while not (found := state(engine)) or found[0].delivered_at is None:  # noqa: ASYNC110
                await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
    first, second = there.received
    for received in (first, second):
        body = Webhook(secret).verify(received.body, received.headers)
        assert body["data"]["alerts"][0]["id"] == Step().signal().id
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == found[0].id
    assert [json.loads(one)["id"] for one in heard] == [Step().signal().id]
    said = caplog.text + capsys.readouterr().out + (found[0].last_error or "")
    assert "503 Service Unavailable" in said
    for hidden in ("T0KEN", secret, secret.removeprefix("whsec_"), "v1,"):
        assert hidden not in said


def test_the_lease_outlasts_an_attempt_and_its_settling() -> None:
    longest = SEND_SECONDS + module.OUTCOME_SECONDS + 3 * module.TRANSACTION_SECONDS
    assert longest < delivery_store.LEASE.total_seconds()
    assert issubclass(module._StoppedError, DeliveryError)
