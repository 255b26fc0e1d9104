"""The signals on a real Postgres: stored once, in the deriving transaction, and numbered within their case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from recon.alerts import signal_store
from recon.alerts.signal import NewSignal
from recon.db.engine import create_engine, libpq_url
from tests.conftest import TestDatabase
from tests.support.alert_rows import GATEWAY, T0, Step

pytestmark = pytest.mark.postgres

BASE, QUOTE = Step(), Step(break_id="b2", unit="XXBT", amount="0.001")
OTHER = Step(break_id="b3", case_id="c2", unit="XETH", seq=119)


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


def append(engine: Engine, *signals: NewSignal) -> int:
    with engine.begin() as connection:
        return signal_store.append(connection, signals)


def waiting(engine: Engine) -> list[str]:
    with engine.begin() as connection:
        return [signal.id for signal in signal_store.unrouted(connection, 100)]


def test_every_new_signal_is_notified_once(engine: Engine, listener: psycopg.Connection) -> None:
    assert append(engine, BASE.signal(), QUOTE.signal()) == 2
    assert [(one["type"], one["unit"], one["amount"]) for one in heard(listener)] == [
        ("break.opened", "ZUSD", "-10.50"),
        ("break.opened", "XXBT", "0.001"),
    ]
    assert append(engine, Step(event="assign", seq=130).signal()) == 1
    assert heard(listener) == [], "that somebody has it is for the policy"


def test_a_replay_stores_and_tells_nothing_again(engine: Engine, listener: psycopg.Connection) -> None:
    signal, fresh = BASE.signal(), Step(event="cleared", seq=150).signal()
    assert append(engine, signal, signal) == 1
    assert len(heard(listener)) == 1
    assert append(engine, signal, fresh) == 1
    assert [one["id"] for one in heard(listener)] == [fresh.id]
    assert waiting(engine) == [signal.id, fresh.id]


def test_nothing_is_stored_or_notified_where_the_deriving_transaction_fails(
    engine: Engine, listener: psycopg.Connection
) -> None:
    def derive(connection: Connection) -> None:
        signal_store.append(connection, [BASE.signal()])
        raise LookupError("the fold failed")

    with pytest.raises(LookupError), engine.begin() as connection:
        derive(connection)
    assert heard(listener) == []
    assert waiting(engine) == []
    assert append(engine, BASE.signal()) == 1


def test_a_signal_comes_back_as_it_was(engine: Engine) -> None:
    made = [BASE.signal(), OTHER.signal(), Step(event="propose", seq=140, actor="alice").signal()]
    append(engine, *made)
    with engine.begin() as connection:
        found = signal_store.unrouted(connection, 100)
        assert found == [each.signal for each in made]
        described = signal_store.described(connection, [(GATEWAY, made[0].id), (GATEWAY, "gone")])
    assert described == {made[0].id: (made[0].signal, made[0].document.decode())}


def test_the_signals_of_a_case_are_numbered_without_gaps(engine: Engine) -> None:
    append(engine, BASE.signal(), QUOTE.signal(), OTHER.signal())
    append(engine, BASE.signal(), Step(event="cleared", seq=150).signal())
    append(engine, BASE.signal("prod-us"))
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT gateway, case_id, case_seq FROM recon.alerts ORDER BY gateway, case_id, case_seq")
        )
        assert [tuple(row) for row in found] == [
            (GATEWAY, "c1", 1), (GATEWAY, "c1", 2), (GATEWAY, "c1", 3), (GATEWAY, "c2", 1), ("prod-us", "c1", 1),
        ]  # fmt: skip


def test_what_is_routed_is_taken_no_more_and_is_remembered_by_its_moment(engine: Engine) -> None:
    append(engine, BASE.signal(), OTHER.signal())
    append(engine, Step(event="cleared", seq=150).signal())
    with engine.begin() as connection:
        first, second, third = signal_store.unrouted(connection, 100)
        signal_store.mark_routed(connection, [first, second], T0)
        assert signal_store.unrouted(connection, 100) == [third]
        signal_store.mark_routed(connection, [third], T0 + timedelta(seconds=1))
        assert signal_store.batches(connection, T0, T0 + timedelta(hours=1)) == [
            (T0, [first, second]),
            (T0 + timedelta(seconds=1), [third]),
        ]
        assert signal_store.batches(connection, T0, T0) == [(T0, [first, second])]


def test_the_last_position_of_a_subject_is_known(engine: Engine) -> None:
    append(engine, BASE.signal(), Step(event="cleared", seq=150).signal())
    with engine.connect() as connection:
        assert signal_store.last_seq(connection, GATEWAY, "b1") == 150
        assert signal_store.last_seq(connection, GATEWAY, "b2") == -1


def test_the_largest_names_still_notify(engine: Engine, listener: psycopg.Connection) -> None:
    append(engine, Step(account="€" * 5000, unit="\x01" * 3000).signal())
    (said,) = heard(listener)
    assert said["clipped"] is True


def test_the_analyst_may_not_look_into_the_tables_themselves(database: TestDatabase) -> None:
    analyst = create_engine(database.analyst_url, "test", pooled=False)
    for table in ("signals", "deliveries", "router", "silences"):
        with analyst.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"SELECT FROM recon_store.{table}"))
