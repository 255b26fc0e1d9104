"""The log's promises, on a real Postgres: one order, a chained digest, named batches, nothing but append."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine, libpq_url
from recon.errors import AppendRefused
from recon.log import read
from recon.log.append import MAX_BATCH_EVENTS, append, batches
from recon.log.events import NewEvent
from recon.log.verify import verify
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
WRITER = UUID(int=1)


def event(text: str = '{"a": 1}', **fields: object) -> NewEvent:
    values: dict[str, object] = {"kind": "frame", "payload": text.encode(), "received_at": T0, **fields}
    return NewEvent(**values)  # type: ignore[arg-type]


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def raw(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as connection:
        yield connection


def put(raw: psycopg.Connection, batch: int, *events: NewEvent, writer: UUID = WRITER, now: datetime = T0):  # type: ignore[no-untyped-def]
    return append(raw, gateway="g", writer=writer, batch=batch, now=now, events=events)


def test_numbers_are_contiguous_and_bytes_come_back_unchanged(raw: psycopg.Connection, engine: Engine) -> None:
    hostile = [b"\xff\xfe", b"", b'{"n": 1.50E+3, "n": 2}', b'"\\u0000"', b"[" * 20_000, b'"\\ud800"', "ü".encode()]
    put(raw, 1, event(account="KRAKEN/JOHN", session="s"), *[NewEvent("frame", p, T0) for p in hostile])
    put(raw, 2, event(account="nul\0account"))
    with engine.connect() as connection:
        found = read.page(connection, "g", 0)
    assert [e.seq for e in found] == list(range(1, 10))
    assert [e.payload for e in found[1:8]] == hostile
    assert [e.readable for e in found] == [True, False, False, True, False, False, False, False, True]
    assert (found[0].account, found[0].session, found[8].account) == ("KRAKEN/JOHN", "s", None)


def test_a_retried_batch_returns_its_earlier_result(raw: psycopg.Connection, engine: Engine) -> None:
    first = put(raw, 1, event("1"), event("2"))
    again = put(raw, 1, event("1"), event("2"))
    assert (again.first_seq, again.last_seq, again.recorded_at) == (first.first_seq, first.last_seq, first.recorded_at)
    assert (first.repeated, again.repeated) == (False, True)
    put(raw, 2, event("3"))
    assert put(raw, 1, event("1"), event("2")).last_seq == 2
    with engine.connect() as connection:
        assert read.head(connection, "g") == 3


@pytest.mark.parametrize("batch", [0, 3])
def test_a_batch_out_of_order_is_refused(raw: psycopg.Connection, batch: int) -> None:
    put(raw, 1, event())
    with pytest.raises(AppendRefused):
        put(raw, batch, event(), event())


def test_the_same_batch_with_another_content_is_refused(raw: psycopg.Connection) -> None:
    put(raw, 1, event())
    with pytest.raises(AppendRefused, match="another content"):
        put(raw, 1, event(), event())


def test_log_time_never_goes_back_and_is_at_most_a_minute_ahead(raw: psycopg.Connection) -> None:
    put(raw, 1, event(), now=T0)
    assert put(raw, 2, event(), now=T0 - timedelta(hours=1)).recorded_at == T0
    ahead = put(raw, 3, event(), now=datetime.now(UTC) + timedelta(hours=1))
    assert ahead.recorded_at == ahead.clock + timedelta(minutes=1)


def test_log_time_runs_on_where_the_database_s_clock_was_set_back(raw: psycopg.Connection) -> None:
    """A log that is an hour ahead of the database's clock; the database's clock cannot be set in a test."""
    latest = put(raw, 1, event(), now=datetime.now(UTC) + timedelta(hours=1)).recorded_at
    for batch in range(2, 63):
        latest = put(raw, batch, event(), now=latest + timedelta(minutes=1)).recorded_at
    assert latest > datetime.now(UTC) + timedelta(minutes=61)
    assert put(raw, 63, event(), now=latest + timedelta(seconds=1)).recorded_at == latest + timedelta(seconds=1)
    assert put(raw, 64, event(), now=latest + timedelta(days=1)).recorded_at == latest + timedelta(seconds=61)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO recon_store.log_events SELECT * FROM recon_store.log_events",
        "UPDATE recon_store.log_events SET payload = ''",
        "DELETE FROM recon_store.log_events",
        "TRUNCATE recon_store.log_events",
        "INSERT INTO recon_store.log_batches SELECT * FROM recon_store.log_batches",
        "DELETE FROM recon_store.log_batches",
    ],
)
def test_the_service_role_can_only_append(raw: psycopg.Connection, statement: str) -> None:
    put(raw, 1, event())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement)


@pytest.mark.parametrize("statement", ["UPDATE {} SET gateway = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["recon_store.log_events", "recon_store.log_batches"])
def test_not_even_the_owner_changes_the_log(
    raw: psycopg.Connection, database: TestDatabase, statement: str, table: str
) -> None:
    put(raw, 1, event())
    with (
        psycopg.connect(libpq_url(database.owner_url)) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only appended to"),
    ):
        owner.execute(statement.format(table).encode())


def test_eight_writers_and_a_follower_miss_nothing(database: TestDatabase, engine: Engine) -> None:
    writers, rounds = 8, 40
    seen: list[int] = []
    done = threading.Event()

    def write(number: int) -> None:
        with psycopg.connect(libpq_url(database.service_url), autocommit=True) as connection:
            for batch in range(1, rounds + 1):
                mine = [event(str(number)) for _ in range(1 + (number + batch) % 3)]
                put(connection, batch, *mine, writer=UUID(int=number))

    def follow() -> None:
        last = False
        while True:
            with engine.connect() as connection:
                seen.extend(e.seq for e in read.page(connection, "g", seen[-1] if seen else 0))
            if last:
                return
            last = done.is_set()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, writers + 1)]
    follower = threading.Thread(target=follow)
    for thread in [*threads, follower]:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    follower.join()
    total = sum(1 + (number + batch) % 3 for number in range(1, writers + 1) for batch in range(1, rounds + 1))
    assert seen == list(range(1, total + 1))
    with engine.connect() as connection:
        assert verify(connection, "g").seq == total


def test_a_batch_retried_while_its_first_attempt_waits_for_the_lock_lands_once(
    database: TestDatabase, raw: psycopg.Connection, engine: Engine
) -> None:
    put(raw, 1, event("held"), writer=uuid4())
    url = libpq_url(database.service_url)
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as first:
        append(holder, gateway="g", writer=uuid4(), batch=1, now=T0, events=[event("holder")])
        attempts = [
            threading.Thread(target=put, args=(connection, 1, event("once")), kwargs={"writer": WRITER})
            for connection in (first, raw)
        ]
        for attempt in attempts:
            attempt.start()
        holder.commit()
        for attempt in attempts:
            attempt.join()
    with engine.connect() as connection:
        assert [e.payload for e in read.page(connection, "g", 0)] == [b"held", b"holder", b"once"]


def test_batches_keep_order_and_bounds() -> None:
    events = [NewEvent("frame", b"x" * 3_000_000, T0)] * 7
    assert [len(batch) for batch in batches(events)] == [2, 2, 2, 1]
    assert [len(batch) for batch in batches([event()] * (MAX_BATCH_EVENTS + 1))] == [MAX_BATCH_EVENTS, 1]
