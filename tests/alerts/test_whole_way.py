"""From the signal to the receiver, in virtual time: whoever is killed, and whatever receivers do, all is told in order.

Each run is one seed: cases with lives of their own, a policy that changes at restarts, a service that is killed before
and after transactions or does not hear of a commit, receivers that fail, stall, answer 429 and 410, drop connections
and restart, and a person who silences and asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import trio
from sqlalchemy import Engine, text
from trio.testing import MockClock

from recon.alerts import dispatcher, router
from recon.alerts.policy.history import replay
from recon.db.engine import create_engine
from recon.reads.alert_history import given_since
from tests.conftest import TestDatabase
from tests.support.alert_world import World, numbers_of

pytestmark = pytest.mark.postgres

#: So rarely that what is told does not rest on it.
RARELY = 60.0
FEW, MANY = range(12), range(1000, 1500)


@pytest.fixture
def engine(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", RARELY)
    monkeypatch.setattr(router, "POLL_SECONDS", RARELY)
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


def play(engine: Engine, seed: int) -> World:
    world = World(engine, seed)
    trio.run(world.play, clock=MockClock(autojump_threshold=0))
    return world


def check(world: World) -> int:
    """All that must hold of a run; return how many messages came twice."""
    repeated = 0
    with world.engine.connect() as connection:
        stored = connection.execute(
            text("SELECT channel, id, body::text, signals, kind, at FROM recon.deliveries")
        ).all()
        fired = set(connection.scalars(text("SELECT id FROM recon.signals WHERE kind IN ('fires', 'again')")))
        signals = connection.scalar(text("SELECT count(*) FROM recon.signals"))
        given = given_since(connection, datetime(2000, 1, 1, tzinfo=UTC))
    assert signals == len(world.script), "each signal is stored once"
    for channel, receiver in world.receivers.items():
        bodies = {message.id: message.body for message in receiver.taken}
        assert bodies == {row.id: row.body for row in stored if row.channel == channel}, "all is delivered, unchanged"
        repeated += len(receiver.taken) - len(bodies)
        for case, numbers in numbers_of(receiver.taken).items():
            assert numbers == list(range(1, len(numbers) + 1)), f"{case} is told in order, without a hole"
    last = max((row.at for row in stored), default=world.start)
    derived = {
        (message.channel, message.id)
        for decision in replay(given.history, max(last, *(at for at, _ in given.history.looks)), given.state)
        for message in decision.messages
    }
    assert derived == {(row.channel, row.id) for row in stored}, "what was told can be derived again"
    told = {signal for row in stored for signal in row.signals}
    if not world.silenced:
        assert fired <= told, "whatever fired was told"
    return repeated


def test_nothing_is_lost_doubled_or_out_of_order_whoever_is_killed(engine: Engine) -> None:
    lives = repeated = 0
    for seed in FEW:
        try:
            world = play(engine, seed)
            repeated += check(world)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        lives += world.lives
    assert lives > 2 * len(FEW), "services were killed"
    assert repeated > 0, "and receivers broke off after they had taken a message"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_lost_doubled_or_out_of_order_over_many_seeds(engine: Engine) -> None:
    for seed in MANY:
        try:
            check(play(engine, seed))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
