"""Events that the recorder hands over are folded once, as from the log, whatever fails; the log is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

import pytest
import trio
from sqlalchemy import Connection, Engine

from recon.db.engine import create_engine
from recon.db.transactions import Database, ThreadedDatabase
from recon.log.append import Appended, append
from recon.log.events import FRAME, Event, NewEvent
from recon.log.handover import Handover
from recon.log.read import page, refusals
from recon.projection import projector as projectors
from recon.projection.fold import DecodedEvent, Fold
from recon.projection.projector import Projector
from recon.projection.reading import Reading
from recon.projection.rebuild import rebuild
from recon.status import StatusReporter
from recon.times import LogTime
from tests.conftest import TestDatabase
from tests.projection.test_projector import Flaky
from tests.support.flood import GATEWAY, Writer, checkpoint, new_events
from tests.support.recorder_probe import connected

pytestmark = [pytest.mark.postgres, pytest.mark.trio]

#: Seconds that a test waits for something that takes milliseconds.
PATIENCE = 150.0
ORDERS = 60
BATCH = 50


class Pair:
    """What a recorder hands over, and the projector that it is for."""

    def __init__(self, database: TestDatabase, engine: Engine, failures: Sequence[str] = ()) -> None:
        self.url = database.service_url
        self.handover = Handover()
        over: Database = ThreadedDatabase(engine)
        status = StatusReporter(lambda: datetime.now(UTC), lambda _: None)
        self.projector = Projector(
            Flaky(over, list(failures)), GATEWAY, status=status, handover=self.handover, draw=lambda: 0.0
        )
        self._writer = uuid4()
        self._batches = 0

    def record(self, events: Sequence[NewEvent]) -> int:
        """Append events in batches and hand them over, as a recorder does; return the head."""
        head = 0
        with connected(self.url) as raw:
            for first in range(0, len(events), BATCH):
                self._batches += 1
                batch = events[first : first + BATCH]
                named = {"gateway": GATEWAY, "writer": self._writer, "batch": self._batches}
                appended = append(raw, **named, now=batch[-1].received_at, events=batch)  # type: ignore[arg-type]
                self.handover.put(appended, batch)
                head = appended.last_seq
        return head

    async def fold(self, seq: int) -> None:
        """Project until a log position is folded."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.projector.run)
            with trio.fail_after(PATIENCE):
                while self.projector.seq < seq:  # noqa: ASYNC110 - a step that reads nothing tells nobody
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the positions of the events that were read from the log."""
    found: list[int] = []

    def noted(connection: Connection, gateway: str, after: int, limit: int = 1000, /) -> list[Event]:
        events = page(connection, gateway, after, limit)
        found.extend(event.seq for event in events)
        return events

    monkeypatch.setattr(projectors, "Reading", partial(Reading, pages=noted))
    return found


def assert_as_from_the_log(pair: Pair, head: int) -> None:
    """All is folded, and folding the log alone comes to the same books."""
    assert checkpoint(pair.url) == head
    result = rebuild(pair.url, GATEWAY)
    assert (result.same, result.events) == (True, head)


async def test_what_was_handed_over_is_not_read_back(
    database: TestDatabase, engine: Engine, read_back: list[int]
) -> None:
    pair = Pair(database, engine)
    events = new_events(ORDERS)
    await pair.fold(pair.record(events[:120]))
    head = pair.record(events[120:])
    await pair.fold(head)
    assert read_back == []
    assert_as_from_the_log(pair, head)


async def test_what_others_append_in_between_is_read(
    database: TestDatabase, engine: Engine, read_back: list[int]
) -> None:
    pair, other = Pair(database, engine), Writer(database.service_url)
    events = new_events(ORDERS)
    first = pair.record(events[:100])
    strange = other.append([NewEvent(FRAME, b"{}", events[100].received_at)])
    after = pair.record(events[100:150])
    await pair.fold(after)
    assert read_back == list(range(strange, after + 1))
    assert strange == first + 1
    head = pair.record(events[150:])
    await pair.fold(head)
    assert read_back[-1] == after
    assert_as_from_the_log(pair, head)


async def test_an_instance_that_takes_over_folds_what_the_other_has_recorded(
    database: TestDatabase, engine: Engine, read_back: list[int]
) -> None:
    """What the first still holds is behind the checkpoint when it comes back, and is dropped."""
    first, second = Pair(database, engine), Pair(database, engine)
    events = new_events(ORDERS)
    await first.fold(first.record(events[:60]))
    first.record(events[60:120])
    middle = second.record(events[120:180])
    await second.fold(middle)
    assert read_back == list(range(61, middle + 1))
    head = first.record(events[180:])
    await first.fold(head)
    assert read_back[-1] == head
    assert first.handover.held_bytes == 0
    assert_as_from_the_log(first, head)


@pytest.mark.parametrize("way", ["before", "after"])
async def test_a_step_that_fails_around_its_commit_is_folded_once(
    database: TestDatabase, engine: Engine, read_back: list[int], way: str
) -> None:
    """Where it is undone, it is repeated from the log alone."""
    pair = Pair(database, engine, [way, way])
    head = pair.record(new_events(ORDERS))
    await pair.fold(head)
    assert sorted(set(read_back)) == (list(range(1, head + 1)) if way == "before" else [])
    assert_as_from_the_log(pair, head)


async def test_what_the_log_has_lost_is_not_folded(database: TestDatabase, engine: Engine) -> None:
    pair = Pair(database, engine)
    events = new_events(ORDERS)
    head = pair.record(events[:50])
    lost = events[50:80]
    pair.handover.put(Appended(head + 1, head + 30, lost[-1].received_at, False, datetime.now(UTC), b"lost"), lost)
    await pair.fold(head)
    pair.projector.hint()
    await pair.projector.finish()
    assert checkpoint(pair.url) == head
    head = pair.record(events[50:])
    await pair.fold(head)
    assert_as_from_the_log(pair, head)


async def test_a_rebuild_switches_editions_between_two_steps(
    database: TestDatabase, engine: Engine, read_back: list[int]
) -> None:
    pair = Pair(database, engine)
    events = new_events(ORDERS)
    await pair.fold(pair.record(events[:100]))
    assert rebuild(pair.url, GATEWAY).switched
    head = pair.record(events[100:])
    await pair.fold(head)
    assert read_back == []
    assert_as_from_the_log(pair, head)


@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_handed_event_that_fails_is_refused_only_if_it_fails_from_the_log_too(
    database: TestDatabase, engine: Engine, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    pair = Pair(database, engine)
    head = pair.record(new_events(ORDERS))
    handed = pair.handover.after(0)
    assert handed is not None
    monkeypatch.setattr(
        pair.handover, "after", lambda seq, _: handed if seq == 0 and pair.handover.held_bytes else None
    )
    bad = handed.events[40]
    apply = Fold._apply

    def failing(self: Fold, item: DecodedEvent, at: LogTime, previous_us: int) -> None:
        if item.event is bad if in_memory else item.event.seq == bad.seq:
            raise ZeroDivisionError
        apply(self, item, at, previous_us)

    monkeypatch.setattr(Fold, "_apply", failing)
    await pair.fold(head + (not in_memory))
    with engine.connect() as connection:
        refused = refusals(connection, GATEWAY, 0)
    assert [seq for seq, _ in refused] == ([] if in_memory else [head + 1])
    assert_as_from_the_log(pair, head + len(refused))
