"""The public SQL surface: its columns, their comments, its readers, and hostile frames in the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg.types.json import set_json_loads
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from recon.db.engine import create_engine
from recon.db.raw import driver_connection
from recon.log.events import NewEvent
from recon.simulator.scenarios import clean_plan, demo_plan
from tests.conftest import TestDatabase
from tests.support.database_days import fold, write_day, write_events

pytestmark = pytest.mark.postgres

#: The columns that analysts rely on; more may follow.
PUBLIC = {
    "closes": "gateway account business_day seq state clean covered_throughout accept_gaps reasons opens_at"
    " cut_off known_seq head digest signed_by signed_at text second_by second_at second_seq"
    " second_text restates restated_by document",
    "close_lines": "gateway account business_day seq state unit_kind unit opening movements moved expected reported"
    " reported_at timing drift verdict open_breaks oldest_age breaks source source_at"
    " covered_throughout",
    "events": "gateway seq recorded_at received_at kind account session readable payload raw",
    "orders": "gateway account order_key client_order_id exchange_order_id symbol symbol_coinapi side price"
    " amount_order amount_filled amount_open avg_px status first_seq last_seq updated_at",
    "fills": "gateway account order_key ordinal symbol side price price_known amount cash cash_asset filled_at seq"
    " source",
    "entries": "gateway account unit_kind unit entry_no seq occurred_at recorded_at cause certainty amount running"
    " order_key ordinal break_id",
    "units": "gateway account unit_kind unit coinapi venue_account edition",
    "positions": "gateway account symbol symbol_coinapi quantity long short opening fills expected explained reported"
    " drift unexplained in_flight avg_entry_price reported_avg_entry_price verdict observed_at cut_seq last_seq",
    "balances": "gateway account asset asset_coinapi balance opening fills expected explained reported available locked"
    " drift unexplained in_flight rate_usd verdict observed_at cut_seq last_seq",
    "breaks": "id case_id gateway account unit_kind unit cause certainty state amount amount_usd opened_at closed_at"
    " after_seq until_seq occurrences",
    "findings": "gateway account seq kind about message",
    "coverage": "gateway account from_seq until_seq from_time until_time state reason recovery lasted",
    "gateways": "name state session connected_at last_event_at head_seq projected_seq lag_events",
    "accounts": "gateway account state reason last_alive_at clock_skew since open_orders_unaccounted"
    " unaccounted_orders venue_account catch_up stamp_resolution venue_ahead",
    "catch_ups": "gateway account from_seq until_seq from_time until_time lasted reason state history outcome"
    " open_questions requests orders_settled orders_found fills_found ended_seq ended_at took",
    "fees_learned": "gateway account fee_asset side order_class market rate source since until edges bits",
    "firm_balances": "asset asset_coinapi balance balance_usd expected reported drift unexplained accounts same_account"
    " verdict observed_at open_breaks",
    "firm_positions": "symbol symbol_coinapi exchange quantity expected reported drift unexplained accounts"
    " same_account verdict observed_at open_breaks",
}
PUBLIC["open_breaks"] = PUBLIC["breaks"]
HOSTILE = (
    b"",
    b"\xff\xfe\x00",
    b"\x00",
    b'{"type":"BALANCE_UPDATE","exchange_id":"BINANCE","asset_id_exchange":"a\\u0000b","balance":1}',
    b'{"type":"BALANCE_UPDATE","exchange_id":"x\\ud800y","balance":1}',
    b'{"type":"BALANCE_UPDATE","exchange_id":"BINANCE","asset_id_exchange":"BTC","balance":NaN}',
    b'{"type":"BALANCE_UPDATE","exchange_id":"BINANCE","asset_id_exchange":"BTC","balance":1e999999999}',
    b'{"type":"POSITION_UPDATE","exchange_id":"\'; DROP TABLE x; --","quantity":"1"}',
    b"[" * 100_000 + b"]" * 100_000,
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    b'"' + b"x" * 2_000_000 + b'"',
    b"null",
    b"1" * 5_000,
    "{“not”: json}".encode(),
)


def _as_sent(document: str | bytes) -> bytes:
    return document.encode() if isinstance(document, str) else document


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        # As text: Postgres reads JSON that is nested more deeply than Python's own parser can follow.
        set_json_loads(_as_sent, driver_connection(connection))
        yield connection


def _views(connection: Connection) -> list[str]:
    return list(
        connection.scalars(
            text("SELECT table_name FROM information_schema.views WHERE table_schema = 'recon' ORDER BY 1")
        )
    )


def _rows(connection: Connection, view: str) -> list[RowMapping]:
    return list(connection.execute(text(f"SELECT * FROM recon.{view}")).mappings())  # noqa: S608 - names of our own


def _hostile(session: str) -> list[NewEvent]:
    now = datetime.now(UTC)
    return [NewEvent("frame", payload, now, session=session) for payload in HOSTILE] + [
        NewEvent("BALANCE_UPDATE", payload, now, account="BINANCE", session=session) for payload in HOSTILE
    ]


def test_columns_are_as_published(analyst: Connection) -> None:
    for view, columns in PUBLIC.items():
        found = list(
            analyst.scalars(
                text(
                    "SELECT column_name FROM information_schema.columns"
                    " WHERE table_schema = 'recon' AND table_name = :view ORDER BY ordinal_position"
                ),
                {"view": view},
            )
        )
        expected = columns.split()
        assert found[: len(expected)] == expected, view


def test_schema_holds_views_alone_and_each_view_and_column_says_what_it_means(analyst: Connection) -> None:
    assert set(PUBLIC) <= set(_views(analyst))
    others = analyst.scalars(
        text(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'recon' AND c.relkind <> 'v'"
        )
    ).all()
    assert others == []
    silent = analyst.execute(
        text(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " WHERE n.nspname = 'recon' AND (coalesce(col_description(c.oid, a.attnum), '') = ''"
            " OR coalesce(obj_description(c.oid, 'pg_class'), '') = '')"
        )
    ).all()
    assert silent == []


def test_every_view_can_be_selected_whole_with_hostile_frames_in_the_log(
    database: TestDatabase, analyst: Connection
) -> None:
    write_day(database.service_url, clean_plan(3, duration=15.0))
    write_events(database.service_url, "sim", _hostile("session-1"))
    write_events(
        database.service_url,
        "sim",
        [NewEvent("session.closed", b'{"reason":"x","detail":"\\u0000"}', datetime.now(UTC), session="session-1")],
    )
    fold(database.service_url, "sim")

    selected = {view: _rows(analyst, view) for view in _views(analyst)}

    readable = {row["readable"] for row in selected["events"]}
    assert readable == {True, False}
    for row in selected["events"]:
        assert (row["payload"] is None) == (not row["readable"]), row["seq"]
        assert row["payload"] is None or row["payload"] == bytes(row["raw"]), row["seq"]
    raws = [bytes(row["raw"]) for row in selected["events"] if row["kind"] == "frame"]
    assert set(HOSTILE) <= set(raws)
    for view in ("orders", "fills", "entries", "balances", "positions", "findings", "coverage", "gateways", "accounts"):
        assert selected[view], view
    (gateway,) = selected["gateways"]
    assert gateway["state"] == "disconnected"
    assert gateway["lag_events"] == 0
    assert gateway["head_seq"] == len(selected["events"])


def test_what_was_reported_is_always_accounted_for(database: TestDatabase, analyst: Connection) -> None:
    gateways = write_day(database.service_url, demo_plan(7, 30.0))
    rows = [*_rows(analyst, "positions"), *_rows(analyst, "balances")]
    known = [row for row in rows if row["reported"] is not None and row["opening"] is not None]
    assert len(known) > 10
    for row in known:
        parts = (row["opening"], row["fills"], row["explained"], row["unexplained"])
        assert row["reported"] == sum(parts, Decimal(0)), dict(row)
        assert row["expected"] == row["opening"] + row["fills"]
        assert row["drift"] == row["reported"] - row["expected"]
        held = row["balance"] if "balance" in row else row["quantity"]
        after_cut = held - row["expected"] - row["explained"] - row["in_flight"]
        assert after_cut == 0 or row["in_flight"] != 0, "rounding alone is explained, and only after cash entries"
    verdicts = {row["verdict"] for row in rows}
    assert {"agreed", "break"} <= verdicts
    assert verdicts <= {"unobserved", "unmodelled", "stale", "break", "pending", "agreed"}
    broken = {(row["gateway"], row["account"], row["unit"]) for row in _rows(analyst, "open_breaks")}
    must = {
        (fault.gateway, fault.account, unit)
        for gateway in gateways
        for fault in gateway.truth
        if fault.must_flag and fault.ends_at is None
        for unit in fault.units
    }
    assert must
    assert must <= broken
    shown = {
        (row["gateway"], row["account"], row["symbol"] if "symbol" in row else row["asset"])
        for row in rows
        if row["open_breaks"]
    }
    assert shown == broken
    entries = _rows(analyst, "entries")
    assert {row["running"] is not None for row in entries} == {True}
    last: dict[tuple[str, ...], Decimal] = {}
    for row in sorted(entries, key=lambda row: row["entry_no"]):
        key = (row["gateway"], row["account"], row["unit_kind"], row["unit"])
        assert row["running"] == last.get(key, Decimal(0)) + row["amount"], dict(row)
        last[key] = row["running"]


@pytest.mark.parametrize("log_time", [timedelta(minutes=-5), timedelta(), timedelta(hours=-1)])
def test_a_dead_service_makes_everything_stale_but_not_unseen(
    database: TestDatabase, analyst: Connection, log_time: timedelta
) -> None:
    """Also where log time is ahead of the database's clock, because that was set back."""
    write_day(database.service_url, clean_plan(4, duration=12.0), ends_at=datetime.now(UTC) + log_time)
    _let_pass(database, minutes=5)
    rows = [*_rows(analyst, "positions"), *_rows(analyst, "balances")]
    assert {row["verdict"] for row in rows} <= {"stale", "unobserved", "unmodelled"}
    stale = [row for row in rows if row["verdict"] == "stale"]
    assert stale
    assert all("30 s" in row["reason"] for row in stale)
    assert [row["state"] for row in _rows(analyst, "gateways")] == ["silent"]


def test_nothing_is_stale_only_because_log_time_is_behind(database: TestDatabase, analyst: Connection) -> None:
    write_day(database.service_url, clean_plan(4, duration=12.0), ends_at=datetime.now(UTC) - timedelta(hours=1))
    rows = [*_rows(analyst, "positions"), *_rows(analyst, "balances")]
    assert "stale" not in {row["verdict"] for row in rows}
    assert [row["state"] for row in _rows(analyst, "gateways")] == ["connected"]


def _let_pass(database: TestDatabase, *, minutes: int) -> None:
    """Let everything be appended so long ago by the database's clock."""
    with create_engine(database.superuser_url, "tests", pooled=False).begin() as connection:
        connection.execute(text("ALTER TABLE recon_store.log_events DISABLE TRIGGER USER"))
        earlier = text("UPDATE recon_store.log_events SET appended_at = appended_at - make_interval(mins => :minutes)")
        connection.execute(earlier, {"minutes": minutes})


def test_only_the_current_edition_is_shown(database: TestDatabase, analyst: Connection) -> None:
    write_day(database.service_url, clean_plan(5, duration=12.0))
    shown = {view: len(_rows(analyst, view)) for view in _views(analyst)}
    analyst.rollback()
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        for table in (
            "editions",
            "units",
            "comparisons",
            "accounts",
            "orders",
            "fills",
            "entries",
            "coverage",
            "catch_ups",
            "observations",
        ):
            columns = list(
                connection.scalars(
                    text(
                        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'recon_store'"
                        " AND table_name = :table ORDER BY ordinal_position"
                    ),
                    {"table": table},
                )
            )
            copied = [
                "edition + 1" if c == "edition" else "'building'" if (table, c) == ("editions", "state") else f'"{c}"'
                for c in columns
            ]
            statement = f"INSERT INTO recon_store.{table} SELECT {', '.join(copied)} FROM recon_store.{table}"  # noqa: S608
            connection.execute(text(statement))
    assert {view: len(_rows(analyst, view)) for view in _views(analyst)} == shown


def test_an_analyst_reads_views_and_nothing_else(database: TestDatabase, analyst: Connection) -> None:
    for table in ("log_events", "units", "signals", "breaks"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            analyst.execute(text(f"SELECT * FROM recon_store.{table}"))  # noqa: S608
        analyst.rollback()
    analyst.execute(text("SET default_transaction_read_only = off"))
    analyst.commit()
    for statement in (
        "UPDATE recon.open_breaks SET state = 'cleared'",
        "DELETE FROM recon.events",
        "INSERT INTO recon.findings (gateway) VALUES ('x')",
        "CREATE VIEW recon.mine AS SELECT 1",
        "CREATE TABLE recon_store.mine ()",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|cannot (update|delete|insert)"):
            analyst.execute(text(statement))
        analyst.rollback()
    with create_engine(database.service_url, "tests", pooled=False).connect() as service:
        assert _views(service) == _views(analyst)
        for view in _views(service):
            _rows(service, view)


def test_the_log_is_found_without_reading_it(database: TestDatabase) -> None:
    """What is asked for at each look at the gateways goes by indexes, however long the log is."""
    write_day(database.service_url, clean_plan(6, duration=12.0))
    with create_engine(database.owner_url, "tests", pooled=False).connect() as owner:
        owner.execute(text("ANALYZE recon_store.log_events"))
        owner.execute(text("SET enable_seqscan = off"))
        owner.execute(text("SELECT * FROM recon.gateways")).all()
        # The log is read within functions, whose plans EXPLAIN does not show.
        scans, read = owner.execute(
            text(
                "SELECT sum(seq_scan), sum(idx_tup_fetch) FROM pg_stat_xact_user_tables"
                " WHERE schemaname = 'recon_store' AND starts_with(relname, 'log_events')"
            )
        ).one()
    assert scans == 0
    assert 0 < read <= 2
