"""The log in partitions: append-only in each, made ahead of need by the owner, never missed by the recorder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, text

from recon.db.engine import create_engine, libpq_url
from recon.db.migrate import migrate_to
from recon.db.roles import assert_service_role
from recon.db.version import known_versions
from recon.errors import DatabaseError, WrongRole
from recon.log import read
from recon.log.append import append
from recon.log.events import NewEvent
from recon.log.partitions import Ends, close_at, ends, make_partitions, partitions
from recon.log.verify import verify
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
#: Partitions of a few events, so that a test has several.
SIZE = 10
CHANGES = ("UPDATE {} SET kind = 'x'", "DELETE FROM {}", "TRUNCATE {}")


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def raw(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(database.owner_url), autocommit=True) as connection:
        yield connection


def put(raw: psycopg.Connection, count: int, gateway: str = "g", writer: UUID | None = None) -> int:
    """Append so many events by a writer of their own, and return the last position."""
    by = writer or UUID(int=hash((gateway, count)) & 0xFFFF)
    (number,) = raw.execute(
        "SELECT count(*) + 1 FROM recon_store.log_batches WHERE gateway = %s AND writer = %s", (gateway, by)
    ).fetchone() or (1,)
    events = [NewEvent("frame", b'{"n": %d}' % n, T0) for n in range(count)]
    return append(raw, gateway=gateway, writer=by, batch=number, now=T0, events=events).last_seq


def close(owner: psycopg.Connection, last: int) -> bool:
    row = owner.execute("SELECT recon_store.close_partition(%s)", (last,)).fetchone()
    assert row is not None
    return bool(row[0])


def shrink(owner: psycopg.Connection) -> None:
    """Have the log begin with a partition of SIZE events: the empty first one of ten million is made anew."""
    owner.execute("ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.log_events_from_1")
    owner.execute("DROP TABLE recon_store.log_events_from_1")
    owner.execute("ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.log_events_beyond")
    owner.execute("SELECT recon_store.attach_partition('log_events_beyond', 1, NULL)")
    assert close(owner, SIZE)


def held(owner: psycopg.Connection, gateway: str = "g") -> dict[str, list[int]]:
    """Return the positions of a gateway by the partition that holds them."""
    rows = owner.execute(
        "SELECT c.relname::text, array_agg(e.seq ORDER BY e.seq) FROM recon_store.log_events AS e"
        " JOIN pg_class AS c ON c.oid = e.tableoid WHERE e.gateway = %s GROUP BY 1",
        (gateway,),
    ).fetchall()
    return {name.removeprefix("log_events_"): seqs for name, seqs in rows}


def test_an_event_lies_in_the_partition_of_its_position_and_the_last_takes_all_that_follow(
    raw: psycopg.Connection, owner: psycopg.Connection, engine: Engine
) -> None:
    shrink(owner)
    close(owner, 2 * SIZE)
    put(raw, 27)
    put(raw, 4, "other")
    assert held(owner) == {
        "from_1": list(range(1, 11)),
        "from_11": list(range(11, 21)),
        "beyond": list(range(21, 28)),
    }
    assert held(owner, "other") == {"from_1": [1, 2, 3, 4]}, "one partition holds one stretch of every gateway"
    with engine.connect() as connection:
        found = [(each.name, each.first_seq, each.last_seq) for each in partitions(connection)]
        assert [event.seq for event in read.page(connection, "g", 5, 20)] == list(range(6, 26))
        assert verify(connection, "g").seq == 27
    assert found == [
        ("log_events_from_1", 1, 10),
        ("log_events_from_11", 11, 20),
        ("log_events_beyond", 21, None),
    ]


def test_what_came_beyond_the_last_partition_becomes_one_where_it_is(
    raw: psycopg.Connection, owner: psycopg.Connection, database: TestDatabase, engine: Engine
) -> None:
    shrink(owner)
    put(raw, 27)
    before = owner.execute("SELECT pg_relation_filepath('recon_store.log_events_beyond')").fetchone()
    assert make_partitions(database.owner_url, room=SIZE, size=SIZE) == [40]
    assert owner.execute("SELECT pg_relation_filepath('recon_store.log_events_from_11')").fetchone() == before
    put(raw, 20, writer=UUID(int=7))
    assert held(owner) == {
        "from_1": list(range(1, 11)),
        "from_11": list(range(11, 41)),
        "beyond": list(range(41, 48)),
    }
    with engine.connect() as connection:
        assert verify(connection, "g").seq == 47
    left = owner.execute("SELECT conname FROM pg_constraint WHERE conname = 'ck_log_events_until'").fetchall()
    assert left == [], "nothing that could refuse an event stays behind"


def test_partitions_are_made_until_there_is_room_and_not_again(
    owner: psycopg.Connection, raw: psycopg.Connection, database: TestDatabase, engine: Engine
) -> None:
    shrink(owner)
    put(raw, 3)
    assert make_partitions(database.owner_url, room=2 * SIZE, size=SIZE) == [20, 30]
    assert make_partitions(database.owner_url, room=2 * SIZE, size=SIZE) == []
    with engine.connect() as connection:
        assert ends(connection) == Ends(30, 3)
    assert not close(owner, 30), "another who makes one at the same time finds that it is there"


@pytest.mark.parametrize(
    ("ended", "head", "last"),
    [(0, 0, 10), (10, 10, 20), (20, 3, 30), (10, 11, 30), (10, 20, 30), (10, 21, 40), (10, 95, 110)],
)
def test_a_partition_with_events_ends_at_least_its_size_beyond_them(ended: int, head: int, last: int) -> None:
    assert close_at(Ends(ended, head), SIZE) == last
    assert head <= ended or last - head >= SIZE


def test_no_partition_is_changed_by_anybody(
    raw: psycopg.Connection, owner: psycopg.Connection, database: TestDatabase
) -> None:
    shrink(owner)
    put(raw, 15)
    close(owner, 2 * SIZE)
    put(raw, 10)
    tables = ["log_events", *(f"log_events_{name}" for name in held(owner))]
    assert len(tables) == 4
    for url in (database.owner_url, database.superuser_url, database.service_url, database.analyst_url):
        refused = "only appended to" if url in {database.owner_url, database.superuser_url} else "permission denied"
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            for table, change in product(tables, CHANGES):
                statement = sql.SQL(change).format(sql.Identifier("recon_store", table))
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match=refused):
                    connection.execute(statement)
    assert held(owner) == {"from_1": [*range(1, 11)], "from_11": [*range(11, 21)], "beyond": [*range(21, 26)]}


def test_only_the_owner_makes_partitions(database: TestDatabase) -> None:
    for url in (database.service_url, database.analyst_url):
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            for function in ("new_partition('x')", "close_partition(5)", "attach_partition('x', 1, 2)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT recon_store.{function}".encode())


def test_a_reader_who_stays_long_keeps_no_event_out(
    raw: psycopg.Connection, owner: psycopg.Connection, database: TestDatabase
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        put(raw, 1)
        if len(pauses) == 2:
            reader.rollback()

    shrink(owner)
    with psycopg.connect(libpq_url(database.service_url)) as reader:
        reader.execute("SELECT count(*) FROM recon_store.log_events")
        assert make_partitions(database.owner_url, room=2 * SIZE, size=SIZE, pause=pause) == [20, 30]
    assert len(pauses) == 2
    assert held(owner) == {"from_1": [1, 2]}


def test_one_who_never_gets_the_lock_takes_back_what_was_begun(
    raw: psycopg.Connection, owner: psycopg.Connection, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recon.log.partitions.LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr("recon.log.partitions.ATTEMPTS", 3)
    shrink(owner)
    put(raw, 25)
    close(owner, 2 * SIZE + SIZE)
    with psycopg.connect(libpq_url(database.service_url)) as reader:
        reader.execute("SELECT count(*) FROM recon_store.log_events")
        with pytest.raises(DatabaseError, match="read the log for too long"):
            make_partitions(database.owner_url, room=2 * SIZE, size=SIZE, pause=lambda _: None)
    put(raw, 9)
    assert put(raw, 40) == 74


def test_a_login_that_may_write_to_a_partition_does_not_serve(
    database: TestDatabase, owner: psycopg.Connection
) -> None:
    owner.execute("GRANT INSERT ON recon_store.log_events_beyond TO recon_service")
    with (
        create_engine(database.service_url, "tests", pooled=False).connect() as connection,
        pytest.raises(WrongRole, match="write to the log directly"),
    ):
        assert_service_role(connection)


def test_the_head_of_a_log_is_found_without_looking_at_its_earlier_partitions(
    raw: psycopg.Connection, owner: psycopg.Connection, engine: Engine
) -> None:
    shrink(owner)
    put(raw, 35)
    close(owner, 40)
    owner.execute("ANALYZE recon_store.log_events")
    query = "SELECT seq FROM recon_store.log_events WHERE gateway = 'g' ORDER BY seq DESC LIMIT 1"
    with engine.connect() as connection:
        plan = "\n".join(connection.scalars(text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}")))
    assert "Append" in plan
    assert "Merge Append" not in plan, "the partitions are read one after another, from the last one"
    assert plan.count("never executed") == 1


def test_a_page_is_read_in_the_partition_that_holds_it(
    raw: psycopg.Connection, owner: psycopg.Connection, engine: Engine
) -> None:
    shrink(owner)
    put(raw, 35)
    close(owner, 40)
    with engine.connect() as connection:
        read.page(connection, "g", 12, 5)
        query = text(
            "SELECT relname FROM pg_stat_xact_user_tables WHERE relname LIKE 'log_events_%' AND seq_scan + idx_scan > 0"
        )
        assert list(connection.scalars(query)) == ["log_events_from_11"]


def test_back_in_one_table_with_all_that_came_beyond_the_first_partition(
    raw: psycopg.Connection, owner: psycopg.Connection, database: TestDatabase, engine: Engine
) -> None:
    shrink(owner)
    put(raw, 25)
    close(owner, 30)
    put(raw, 25)
    before = known_versions()[known_versions().index("0021") - 1]
    migrate_to(database.owner_url, before)
    assert held(owner) == {"log_events": list(range(1, 51))}
    migrate_to(database.owner_url, known_versions()[-1])
    put(raw, 3)
    with engine.connect() as connection:
        assert verify(connection, "g").seq == 53
        assert [(each.first_seq, each.last_seq) for each in partitions(connection)] == [
            (1, 20_000_000),
            (20_000_001, None),
        ]
