"""What the owner or a superuser changes in a log behind recon's back, `verify` names by its position."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine

from recon.db.engine import create_engine, libpq_url
from recon.errors import IntegrityError
from recon.log.append import append
from recon.log.chain_check import MAX_DIFFERENCES
from recon.log.events import Head, NewEvent, canonical, chain, former_leaf, genesis
from recon.log.verify import logs, verify
from recon.times import microseconds
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
CHANGE: Final = "UPDATE recon_store.log_events SET {} WHERE seq = 5"


@pytest.fixture
def engine(database: TestDatabase) -> Iterator[Engine]:
    made = create_engine(database.service_url, "test")
    yield made
    made.dispose()


@pytest.fixture
def written(database: TestDatabase) -> TestDatabase:
    """A log of six batches by two writers, of two events each; the payload of every fourth event is unreadable."""
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as raw:
        for number in range(1, 7):
            put(raw, UUID(int=1 + number % 2), (number + 1) // 2, number)
    return database


def put(raw: psycopg.Connection, writer: UUID, batch: int, number: int) -> None:
    payloads = [b'{"n": %d, "text": "\\u00e9"}' % number, b"{" if number % 2 == 0 else b"{}"]
    events = [NewEvent("frame", payload, T0, "KRAKEN/JOHN", "s", redacted=number == 3) for payload in payloads]
    append(raw, gateway="g", writer=writer, batch=batch, now=T0 + timedelta(seconds=number), events=events)


def tamper(database: TestDatabase, *statements: str) -> None:
    """Change tables as their owner does, who can switch the triggers off."""
    with psycopg.connect(libpq_url(database.owner_url)) as owner:
        for table in ("log_events", "log_batches"):
            owner.execute(f"ALTER TABLE recon_store.{table} DISABLE TRIGGER USER".encode())
        for statement in statements:
            assert owner.execute(statement.encode()).rowcount != 0


def differences(engine: Engine, *, against: Head | None = None) -> list[str]:
    with engine.connect() as connection, pytest.raises(IntegrityError) as caught:
        verify(connection, "g", against=against)
    *found, advice = [line.removeprefix("gateway 'g': ") for line in str(caught.value).splitlines()]
    assert "restore it from a backup" in advice
    return found


def head_of(engine: Engine) -> Head:
    with engine.connect() as connection:
        return verify(connection, "g")


def test_a_log_that_nobody_changed_is_whole(written: TestDatabase, engine: Engine) -> None:
    head = head_of(engine)
    assert head.seq == 12
    with engine.connect() as connection:
        assert verify(connection, "g", against=head) == head
        assert verify(connection, "nobody", against=None).seq == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("payload = '{ }'", "event 5 does not fit its digest; it was changed"),
        ("kind = 'tick'", "event 5 does not fit its digest; it was changed"),
        ("account = 'KRAKEN/JANE'", "event 5 does not fit its digest; it was changed"),
        ("account = NULL", "event 5 does not fit its digest; it was changed"),
        ("session = 't'", "event 5 does not fit its digest; it was changed"),
        ("received_at = received_at - interval '1 microsecond'", "event 5 does not fit its digest; it was changed"),
        ("appended_at = appended_at + interval '1 hour'", "event 5 does not fit its digest; it was changed"),
        ("received_at = 'infinity'", "event 5 does not fit its digest; it was changed"),
        ("appended_at = '-infinity'", "event 5 does not fit its digest; it was changed"),
        ("appended_at = NULL", "event 5 does not fit its digest; it was changed"),
        ("redacted = false", "event 5 does not fit its digest; its mark 'redacted' was changed"),
        ("readable = false", "event 5 does not fit its digest; its mark 'readable' was changed"),
    ],
)
def test_each_column_of_an_event_is_covered(written: TestDatabase, engine: Engine, change: str, named: str) -> None:
    tamper(written, CHANGE.format(change))
    assert differences(engine) == [named]


def test_log_time_and_digest_are_covered(written: TestDatabase, engine: Engine) -> None:
    tamper(written, "UPDATE recon_store.log_events SET recorded_at = recorded_at + interval '1 hour' WHERE seq = 5")
    assert differences(engine) == [
        "event 5 does not fit its digest; it was changed",
        "the log time of event 6 is before that of event 5",
    ]
    tamper(written, "UPDATE recon_store.log_events SET digest = sha256(digest) WHERE seq = 12")
    assert "event 12 does not fit its digest; it was changed" in differences(engine)


def test_a_changed_event_does_not_hide_another(written: TestDatabase, engine: Engine) -> None:
    tamper(written, "UPDATE recon_store.log_events SET readable = NOT readable WHERE seq IN (2, 4, 9)")
    assert [found.split()[1] for found in differences(engine)] == ["2", "4", "9"]


def test_no_more_differences_are_named_than_anybody_reads(written: TestDatabase, engine: Engine) -> None:
    with psycopg.connect(libpq_url(written.service_url), autocommit=True) as raw:
        for number in range(7, 40):
            put(raw, UUID(int=9), number - 6, number)
    tamper(written, "UPDATE recon_store.log_events SET redacted = NOT redacted")
    assert len(differences(engine)) == MAX_DIFFERENCES


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["DELETE FROM recon_store.log_events WHERE seq = 5"], ["after event 4 comes 6; events are missing"]),
        (
            ["DELETE FROM recon_store.log_events WHERE seq > 10"],
            ["the batches reach to 12, the log ends at 10; events were cut off"],
        ),
        (
            ["DELETE FROM recon_store.log_events WHERE seq > 11"],
            ["the batches reach to 12, the log ends at 11; events were cut off"],
        ),
        (
            ["DELETE FROM recon_store.log_batches WHERE first_seq = 1"],
            [
                "events 1 to 2 are in no batch; batches were removed, or events were inserted",
                "batch 2 of events 5 to 6 does not follow its writer's last one; a batch was removed",
                "batch 3 of events 9 to 10 does not follow its writer's last one; a batch was removed",
            ],
        ),
        (
            ["DELETE FROM recon_store.log_batches WHERE first_seq = 11"],
            ["events 11 to 12 are in no batch; batches were cut off, or events were added"],
        ),
        (
            ["UPDATE recon_store.log_batches SET last_seq = 8 WHERE first_seq = 5"],
            ["the batch of events 7 to 8 does not follow the one that ends at 8"],
        ),
        (
            ["UPDATE recon_store.log_batches SET batch = 4 WHERE first_seq = 9"],
            ["batch 4 of events 9 to 10 does not follow its writer's last one; a batch was removed"],
        ),
    ],
)
def test_the_batches_cover_the_log(
    written: TestDatabase, engine: Engine, statements: list[str], named: list[str]
) -> None:
    tamper(written, *statements)
    assert differences(engine) == named


def test_a_tail_that_was_cut_off_with_its_batches_is_seen_by_the_editions(
    written: TestDatabase, engine: Engine
) -> None:
    head = head_of(engine)
    tamper(
        written,
        "INSERT INTO recon_store.editions (gateway, edition, fold_version, state, seq)"
        " VALUES ('g', 3, 6, 'current', 12)",
        "DELETE FROM recon_store.log_events WHERE seq > 8",
        "DELETE FROM recon_store.log_batches WHERE first_seq > 8",
    )
    cut = "edition 3 is folded up to 12, the log ends at 8; events were cut off"
    assert differences(engine) == [cut]
    exported = "the log ends at 8, the exported head was at 12; events are missing"
    assert differences(engine, against=head) == [exported, cut]


def test_an_exported_head_that_the_log_does_not_contain(written: TestDatabase, engine: Engine) -> None:
    head = head_of(engine)
    assert differences(engine, against=Head("g", 5, head.digest)) == [
        "event 5 has another digest than the exported head; history differs"
    ]
    assert differences(engine, against=Head("g", 13, head.digest)) == [
        "the log ends at 12, the exported head was at 13; events are missing"
    ]


READ: Final = (
    "SELECT seq, recorded_at, kind, account, session, received_at, payload FROM recon_store.log_events"
    " WHERE seq BETWEEN %s AND %s ORDER BY seq"
)


def rewrite_in_former_form(database: TestDatabase, first: int, last: int) -> None:
    """Give events the digests that a former version would have given them."""
    with psycopg.connect(libpq_url(database.superuser_url)) as raw:
        raw.execute("ALTER TABLE recon_store.log_events DISABLE TRIGGER USER")
        before = raw.execute("SELECT digest FROM recon_store.log_events WHERE seq = %s", (first - 1,)).fetchone()
        digest = genesis("g") if before is None else before[0]
        for seq, recorded, kind, account, session, received, payload in raw.execute(READ, (first, last)).fetchall():
            content = canonical(kind, account, session, microseconds(received), payload)
            digest = chain(digest, seq, microseconds(recorded), former_leaf(content))
            raw.execute(
                "UPDATE recon_store.log_events SET digest = %s, appended_at = NULL WHERE seq = %s", (digest, seq)
            )


def test_events_of_a_former_version_keep_their_form_and_readable_is_recomputed(
    database: TestDatabase, engine: Engine
) -> None:
    writer = UUID(int=1)
    with psycopg.connect(libpq_url(database.service_url), autocommit=True) as raw:
        for number in (1, 2):
            put(raw, writer, number, number)
        rewrite_in_former_form(database, 1, 4)
        put(raw, writer, 3, 3)
    assert head_of(engine).seq == 6
    tamper(database, "UPDATE recon_store.log_events SET readable = NOT readable WHERE seq IN (1, 4)")
    assert differences(engine) == [
        "event 1 is marked as unreadable, and its payload is JSON that can be read",
        "event 4 is marked as readable, and its payload is not JSON that can be read",
    ]


def test_an_event_of_this_version_cannot_take_the_former_form(written: TestDatabase, engine: Engine) -> None:
    """Nor does it free the marks of their digest: the tail no longer fits the head that was exported."""
    head = head_of(engine)
    rewrite_in_former_form(written, 12, 12)
    former = "event 12 has the digest of a former version, which does not cover its marks"
    history = "event 12 has another digest than the exported head; history differs"
    assert differences(engine, against=head) == [former, history]


def test_a_log_whose_gateway_is_hidden_is_found_all_the_same(written: TestDatabase, engine: Engine) -> None:
    tamper(written, "DELETE FROM recon_store.log_gateways", CHANGE.format("kind = 'x'"))
    with engine.connect() as connection:
        assert logs(connection) == ["g"]
    changed, hidden = differences(engine)
    assert "event 5 does not fit its digest" in changed
    assert "the gateway's own row was removed" in hidden
    # What is left of a log that was removed as a whole.
    tamper(written, "DELETE FROM recon_store.log_events")
    with engine.connect() as connection:
        assert logs(connection) == ["g"]
    assert differences(engine) == ["the batches reach to 12, the log ends at 0; events were cut off"]
