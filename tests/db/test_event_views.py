"""Typed views of the log: each kind of event has one, and a message is a row for each thing that it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import pytest
from sqlalchemy import Connection, RowMapping, text

from recon.db.engine import create_engine
from recon.ems.protocol.messages import INBOUND_TYPES
from recon.log.events import OWN_KINDS
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

D = Decimal
A: Final = "KRAKEN/JOHN"
MORNING: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
#: The view of each kind.
VIEWS: Final = {
    "ORDER_EXEC_REPORT_SNAPSHOT": "execution_reports",
    "ORDER_EXEC_REPORT_UPDATE": "execution_reports",
    "BALANCE_SNAPSHOT": "balance_messages",
    "BALANCE_UPDATE": "balance_messages",
    "POSITION_SNAPSHOT": "position_messages",
    "POSITION_UPDATE": "position_messages",
    "SYMBOLS_SNAPSHOT": "symbol_messages",
    "SERVER_INFO": "server_infos",
    "MESSAGE_REJECT": "reject_messages",
    "frame": "other_frames",
    "session.opened": "sessions",
    "session.closed": "sessions",
    "session.failed": "sessions",
    "tick": "heartbeats",
    "rules": "rule_changes",
    "rules.proposed": "rule_changes",
    "decision": "decisions",
    "fact": "fact_messages",
    "catch_up.begun": "catch_up_runs",
    "catch_up.ended": "catch_up_runs",
    "rest.answer": "rest_answers",
    "venue.answer": "venue_answers",
    "venue.trade": "fact_messages",
    "event.refused": "refused_events",
    "clock.jumped": "clock_jumps",
}
_APPEND: Final = text(
    "SELECT recon_store.append_any('eu', :writer, 1, :at, :kinds, :accounts, ARRAY['s1'], ARRAY[CAST(:at AS bigint)],"
    " ARRAY[false], :payloads)"
)


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


class Log:
    """Appends events of any kind, a second after each other."""

    def __init__(self, database: TestDatabase) -> None:
        self.engine = create_engine(database.superuser_url, "tests", pooled=False)
        self.seq = 0

    def add(self, kind: str, payload: Mapping[str, object] | str, *, account: str | None = A) -> None:
        self.seq += 1
        at = int((MORNING + timedelta(seconds=self.seq)).timestamp()) * 1_000_000
        content = payload if isinstance(payload, str) else json.dumps(payload)
        with self.engine.begin() as connection:
            connection.execute(
                _APPEND,
                {
                    "writer": str(UUID(int=self.seq)), "at": at, "kinds": [kind], "accounts": [account],
                    "payloads": [content.encode()],
                },
            )  # fmt: skip


@pytest.fixture
def log(database: TestDatabase) -> Log:
    return Log(database)


def rows(connection: Connection, query: str) -> list[RowMapping]:
    return list(connection.execute(text(query)).mappings())


def values(row: RowMapping) -> tuple[object, ...]:
    found: list[object] = list(row.values())
    return tuple(found)


def test_each_kind_of_event_has_one_view_of_its_own(log: Log, analyst: Connection) -> None:
    assert set(VIEWS) == INBOUND_TYPES | OWN_KINDS
    payload = {"heartbeats": {A: {"count": 1}}, "by": {"login": "alice"}, "data": [{}]}
    for kind in VIEWS:
        log.add(kind, payload)

    seen = {
        view: {row["seq"] for row in rows(analyst, f"SELECT seq FROM recon.{view}")}  # noqa: S608 - names of our own
        for view in set(VIEWS.values())
    }

    seqs: dict[str, set[int]] = {}
    for seq, view in enumerate(VIEWS.values(), start=1):
        seqs.setdefault(view, set()).add(seq)
    assert seen == seqs


def test_a_message_is_a_row_for_each_thing_that_it_tells(log: Log, analyst: Connection) -> None:
    log.add("BALANCE_SNAPSHOT", {"data": [{"asset_id_exchange": "XBT", "balance": 1}, {"asset_id_exchange": "ETH"}]})
    log.add("BALANCE_UPDATE", {"asset_id_exchange": "XBT", "balance": "2.50", "last_updated_by": "EXCHANGE"})
    log.add("BALANCE_UPDATE", {"data": {"asset_id_exchange": "XBT", "balance": 3}})
    log.add("BALANCE_SNAPSHOT", {"data": None})
    log.add("BALANCE_UPDATE", "no JSON at all")

    found = rows(
        analyst, "SELECT seq, row_no, asset, balance, last_updated_by FROM recon.balance_messages ORDER BY 1, 2"
    )

    assert [values(row) for row in found] == [
        (1, 1, "XBT", 1, None),
        (1, 2, "ETH", None, None),
        (2, 1, "XBT", D("2.50"), "EXCHANGE"),
        (3, 1, "XBT", 3, None),
        (4, None, None, None, None),
        (5, None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("98765432109.87654321", "98765432109.87654321"),
        ("-0.00000001", "-0.00000001"),
        ("1e-8", "0.00000001"),
        ("1E40", "1" + "0" * 40),
        ('"12.5"', "12.5"),
        ("1e41", None),
        ("9" * 81, None),
        ('"NaN"', None),
        ('"Infinity"', None),
        ('"0x10"', None),
        ('""', None),
        ("[1]", None),
        ("true", None),
    ],
)
def test_a_number_is_shown_exactly_or_not_at_all(log: Log, analyst: Connection, sent: str, shown: str | None) -> None:
    log.add("POSITION_UPDATE", f'{{"symbol_id_exchange": "P", "quantity": {sent}}}')
    # Of what the type cannot hold, the text twin has every digit.
    quantity = "coalesce(trim_scale(quantity)::text, exact ->> 'quantity') AS quantity"
    (found,) = rows(analyst, f"SELECT {quantity} FROM recon.position_messages")  # noqa: S608 - as above
    assert found["quantity"] == shown


def test_reports_and_positions_have_their_fields(log: Log, analyst: Connection) -> None:
    report = {
        "exchange_id": "KRAKEN/MARY", "client_order_id": "c1", "symbol_id_exchange": "XBT/USD", "side": "BUY",
        "amount_order": 3, "amount_open": 1, "amount_filled": 2, "avg_px": 100.5, "status": "PARTIALLY_FILLED",
        "fills": [{"price": 100.5, "amount": 2}],
    }  # fmt: skip
    log.add("ORDER_EXEC_REPORT_UPDATE", report)
    log.add("POSITION_UPDATE", {"symbol_id_exchange": "P", "quantity": 2, "side": "SELL", "unrealized_pnl": -1.5})

    (told,) = rows(analyst, "SELECT * FROM recon.execution_reports")
    (position,) = rows(analyst, "SELECT * FROM recon.position_messages")

    assert (told["account"], told["named_account"], told["session"]) == (A, "KRAKEN/MARY", "s1")
    assert (told["client_order_id"], told["symbol"], told["status"]) == ("c1", "XBT/USD", "PARTIALLY_FILLED")
    assert (told["amount_order"], told["amount_open"], told["amount_filled"], told["avg_px"]) == (3, 1, 2, D("100.5"))
    assert told["fills"] == [{"price": 100.5, "amount": 2}]
    assert (position["quantity"], position["side"], position["unrealised_pnl"]) == (2, "SELL", D("-1.5"))


def test_what_recon_records_itself_has_its_fields(log: Log, analyst: Connection) -> None:
    log.add("tick", {"heartbeats": {A: {"last_us": 1767603600000000, "count": 2, "lag_us": 1500}}}, account=None)
    log.add("session.closed", {"url": "wss://a/", "site": 1, "reason": "disconnected", "code": 1006, "detail": ""})
    log.add("catch_up.ended", {"run": "r1", "why": "gap", "questions": 3, "seconds": "0.250", "given_up": False})
    log.add("rest.answer", {"run": "r1", "request": {"what": "history", "from_us": 0}, "status": 200, "took_us": 1000})
    told = [{"unit": "XBT", "amount": "1.5"}]
    log.add("venue.answer", {"venue": "kraken", "what": "balances", "asked_us": 0, "at_us": 500_000, "amounts": told})
    log.add("clock.jumped", {"clock": "machine", "from_us": 2_000_000, "to_us": 1_000_000})
    log.add("event.refused", {"seq": 1, "fold_version": 12, "reason": "it is a test"})

    (beat,) = rows(analyst, "SELECT account, beats, last_at, lag FROM recon.heartbeats")
    (end,) = rows(analyst, "SELECT event, url, site, reason, code FROM recon.sessions")
    (run,) = rows(analyst, "SELECT event, run, why, questions, seconds, given_up FROM recon.catch_up_runs")
    (answer,) = rows(analyst, "SELECT run, question, from_at, status, took FROM recon.rest_answers")
    (venue,) = rows(analyst, "SELECT venue, question, at, amounts, complete, problem FROM recon.venue_answers")
    (jump,) = rows(analyst, "SELECT clock, leap FROM recon.clock_jumps")
    (refused,) = rows(analyst, "SELECT refused_seq, fold_version, reason FROM recon.refused_events")

    assert values(beat) == (A, 2, MORNING, timedelta(microseconds=1500))
    assert values(end) == ("closed", "wss://a/", 1, "disconnected", 1006)
    assert values(run) == ("ended", "r1", "gap", 3, D("0.250"), False)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert values(answer) == ("r1", "history", epoch, 200, timedelta(milliseconds=1))
    assert values(venue) == ("kraken", "balances", epoch + timedelta(milliseconds=500), 1, None, None)
    assert values(jump) == ("machine", timedelta(seconds=-1))
    assert values(refused) == (1, 12, "it is a test")
