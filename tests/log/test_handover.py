"""What is handed over is what the log returns, follows without a hole, and never takes more memory than its bound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
import pytest
from sqlalchemy import Connection, Engine

from recon.db.engine import create_engine
from recon.log.append import Appended, append
from recon.log.buffer import OVERHEAD_BYTES
from recon.log.events import FRAME, SESSION_OPENED, Event, NewEvent
from recon.log.handover import Handover
from recon.log.read import holds, page
from tests.conftest import TestDatabase
from tests.support.recorder_probe import Recording, connected, running

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
#: Bytes of an event that carries no payload.
EMPTY = OVERHEAD_BYTES
#: Payloads of every sort, most of which cannot be read as JSON.
HOSTILE = [
    b'{"type":"BALANCE_UPDATE","balance":1.50E+3,"n":1,"n":2}',
    b"",
    b"\xff\xfe",
    b"nul \x00 inside",
    rb'"\u0000"',
    rb'"\ud800"',
    rb'"\ud83d\ude00"',
    b"[" * 20_000,
    b"  {}\n",
    b"NaN",
    b"1e200000",
    rb'{"u":"\u00e9","n":1e200000}',
    "ü€😀".encode(),
    b'"' + b"x" * 3_000_000 + b'"',
]


def batch_of(first: int, *payloads: bytes) -> tuple[Appended, list[NewEvent]]:
    """Return a batch as an append at a log position would have answered it."""
    last = first + len(payloads) - 1
    appended = Appended(first, last, T0, False, T0, str(last).encode())
    return appended, [NewEvent(FRAME, payload, T0) for payload in payloads]


def taken(handover: Handover, after: int, limit: int = 1000) -> list[int]:
    handed = handover.after(after, limit)
    return [] if handed is None else [event.seq for event in handed.events]


def test_events_are_handed_in_order_from_the_next_position_on() -> None:
    handover = Handover()
    handover.put(*batch_of(11, b"1", b"2", b"3"))
    handover.put(*batch_of(14, b"4", b"5"))
    assert taken(handover, 9) == []
    assert taken(handover, 10) == [11, 12, 13, 14, 15]
    assert taken(handover, 10, 2) == [11, 12]
    handed = handover.after(12, 2)
    assert handed is not None
    assert [(event.seq, event.payload) for event in handed.events] == [(13, b"3"), (14, b"4")]
    assert (handed.seq, handed.digest) == (15, b"15")
    assert taken(handover, 15) == []
    assert handover.held_bytes == 0


def test_what_does_not_follow_is_left_to_the_log_until_all_that_is_held_is_passed() -> None:
    handover = Handover()
    handover.put(*batch_of(1, b"1"))
    handover.put(*batch_of(3, b"3"))
    assert taken(handover, 0) == [1]
    assert taken(handover, 1) == []
    handover.put(*batch_of(4, b"4"))
    assert taken(handover, 2) == []
    assert taken(handover, 3) == [4]


def test_it_holds_no_more_than_its_bound_however_large_an_event_is() -> None:
    handover = Handover(max_bytes=2 * EMPTY + 10)
    handover.put(*batch_of(1, b"x" * (EMPTY + 11)))
    assert (taken(handover, 0), handover.held_bytes) == ([], 0)
    handover.put(*batch_of(2, b"x" * 5))
    handover.put(*batch_of(3, b"x" * 6))
    assert (taken(handover, 1), handover.held_bytes) == ([2], EMPTY + 5)
    assert taken(handover, 2) == []
    handover.put(*batch_of(4, b"", b""))
    assert (taken(handover, 3), handover.held_bytes) == ([4, 5], 2 * EMPTY)
    handover.clear()
    assert (taken(handover, 3), handover.held_bytes) == ([], 0)


def test_what_a_former_database_has_appended_is_left_to_the_log() -> None:
    appended, events = batch_of(1, b"1")
    handover = Handover()
    handover.put(msgspec.structs.replace(appended, last_digest=b""), events)
    assert handover.held_bytes == 0


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as opened:
        yield opened


@pytest.fixture
def raw(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with connected(database.service_url) as opened:
        yield opened


def handed_of(handover: Handover, after: int = 0) -> list[Event]:
    handed = handover.after(after)
    assert handed is not None
    return handed.events


@pytest.mark.postgres
@pytest.mark.parametrize("repeated", [False, True])
def test_a_handed_event_is_what_the_log_returns(
    raw: psycopg.Connection, connection: Connection, repeated: bool
) -> None:
    """Whatever its payload, its marks and its times, also where an earlier attempt had appended it."""
    events = [
        NewEvent(FRAME, payload, T0 + timedelta(microseconds=number), f"A/{number}", "s", redacted=number % 2 == 0)
        for number, payload in enumerate(HOSTILE)
    ]
    events += [NewEvent(SESSION_OPENED, b"{}", T0 - timedelta(days=9999), "nul\0account"), NewEvent("tick", b"1", T0)]
    handover = Handover(1 << 30)
    for number, batch in enumerate((events[:9], events[9:]), start=1):
        answers = [
            append(raw, gateway="g", writer=UUID(int=1), batch=number, now=T0, events=batch)
            for _ in range(1 + repeated)
        ]
        assert answers[-1].repeated == repeated
        handover.put(answers[-1], batch)
    logged = page(connection, "g", 0)
    assert handed_of(handover) == logged
    handed = handover.after(0)
    assert handed is not None
    assert holds(connection, "g", handed.seq, handed.digest)
    assert {event.readable for event in logged} == {True, False}
    assert logged[-2].account is None


@pytest.mark.postgres
def test_the_log_confirms_what_it_holds_alone(raw: psycopg.Connection, connection: Connection) -> None:
    """A database may lose commits, as after a failover to a copy that was behind; others append there meanwhile."""
    batch = [NewEvent(FRAME, b"1", T0), NewEvent(FRAME, b"2", T0)]
    digest = append(raw, gateway="g", writer=UUID(int=1), batch=1, now=T0, events=batch).last_digest
    append(raw, gateway="g", writer=UUID(int=2), batch=1, now=T0, events=batch[:1])
    assert holds(connection, "g", 2, digest)
    for gateway, seq in (("g", 1), ("g", 3), ("g", 4), ("other", 2)):
        assert not holds(connection, gateway, seq, digest)


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_recorder_hands_over_what_it_appended(database: TestDatabase, engine: Engine) -> None:
    handover = Handover()
    recording = Recording(database.service_url, rules=b"{}", batch_events=100, handover=handover)
    recording.put(*map(str, range(250)))
    async with running(recording):
        await recording.until_landed(251)
        with engine.connect() as connection:
            logged = page(connection, "g", 0)
    assert handed_of(handover)[:251] == logged
    with engine.connect() as connection:
        assert handed_of(handover, 250) == page(connection, "g", 250)


@pytest.mark.postgres
@pytest.mark.trio
async def test_a_new_lease_begins_a_new_hand_over(database: TestDatabase) -> None:
    handover = Handover()
    for first in (1, 3):
        recording = Recording(database.service_url, handover=handover)
        async with running(recording):
            assert handover.held_bytes == 0
            recording.put("1", "2")
            await recording.until_landed(first + 1)
        assert taken(handover, first - 1)[:2] == [first, first + 1]
