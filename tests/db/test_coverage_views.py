"""Views of coverage: gaps and their outcome, clocks, and totals that count an account once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Connection, RowMapping, text

from recon.db.engine import create_engine
from recon.ledger.backfills import BackfillState, History
from recon.ledger.changes import LedgerChanges
from recon.ledger.stamps import Stamps
from recon.log.events import RULES, NewEvent
from recon.projection.editions import delete_edition
from recon.projection.store.digest import digest_of
from recon.simulator.scenarios import demo_plan
from tests.conftest import TestDatabase
from tests.support.coverage_rows import CoverageLog
from tests.support.database_days import fold, write_day, write_events

pytestmark = pytest.mark.postgres

A = "KRAKEN/JOHN"


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


@pytest.fixture
def story(database: TestDatabase) -> CoverageLog:
    return CoverageLog(database.service_url)


def rows(connection: Connection, view: str, order: str) -> list[RowMapping]:
    return list(connection.execute(text(f"SELECT * FROM recon.{view} ORDER BY {order}")).mappings())  # noqa: S608


@pytest.mark.parametrize(
    ("state", "history", "questions", "back", "outcome"),
    [
        ("waiting", "wanted", (), False, "not back yet"),
        ("waiting", "wanted", (), True, "waits to be asked for"),
        ("running", "wanted", (), True, "being asked for"),
        ("whole", "read", (), True, "whole"),
        ("whole", "off", (), True, "whole, but orders born and finished inside were not asked for"),
        (
            "whole",
            "not configured",
            (),
            True,
            "whole, but orders born and finished inside cannot be recovered: history is not configured",
        ),
        (
            "whole",
            "failed",
            (),
            True,
            "whole, but orders born and finished inside may be missing: history could not be read",
        ),
        ("open", "off", (), True, "not asked for"),
        ("open", "read", ("order a: timeout", "order b: 490"), True, "open: order a: timeout; order b: 490"),
        ("open", "read", tuple("abcde"), True, "open: a; b; c (and 2 more)"),
    ],
)
def test_the_outcome_of_a_catch_up_in_words(
    story: CoverageLog,
    analyst: Connection,
    state: BackfillState,
    history: History,
    questions: tuple[str, ...],
    back: bool,
    outcome: str,
) -> None:
    until = 40 if back else None
    row = story.backfill(A, 20, until, state=state, history=history, questions=questions)
    changes = LedgerChanges(
        backfills=[row], intervals=story.intervals(A, (1, "covered", None), (20, "gap", "disconnected"))
    )
    story.write(changes)
    (shown,) = rows(analyst, "catch_ups", "from_seq")
    assert (shown["state"], shown["history"], shown["outcome"]) == (state, history, outcome)
    assert shown["open_questions"] == list(questions)
    assert [line["recovery"] for line in rows(analyst, "coverage", "from_seq")] == [None, outcome]


def test_a_catch_up_is_shown_with_its_times_and_replaced_as_it_goes_on(story: CoverageLog, analyst: Connection) -> None:
    begun = story.backfill(A, 20, 40, state="running", history="wanted")
    story.write(LedgerChanges(backfills=[story.backfill(A, 20, state="waiting", history="wanted"), begun]))
    (shown,) = rows(analyst, "catch_ups", "from_seq")
    assert (shown["state"], shown["ended_at"], shown["took"]) == ("running", None, None)
    analyst.rollback()
    story.write(LedgerChanges(backfills=[story.backfill(A, 20, 40, 47)]))
    (shown,) = rows(analyst, "catch_ups", "from_seq")
    assert (shown["gateway"], shown["account"], shown["reason"]) == ("eu", A, "disconnected")
    assert (shown["from_seq"], shown["until_seq"], shown["ended_seq"]) == (20, 40, 47)
    assert (shown["from_time"], shown["until_time"]) == (story.at(19), story.at(40))
    assert (shown["lasted"], shown["ended_at"]) == (timedelta(seconds=21), story.at(47))
    assert shown["took"] == timedelta(seconds=7)
    assert shown["requests"] == 3


def test_catch_ups_are_part_of_the_digest_and_go_with_their_edition(story: CoverageLog, database: TestDatabase) -> None:
    story.write(LedgerChanges(backfills=[story.backfill(A, 20, 40, 47)]))
    engine = create_engine(database.service_url, "tests", pooled=False)
    with engine.connect() as connection:
        whole = digest_of(connection, "eu", 1)
    story.write(LedgerChanges(backfills=[story.backfill(A, 20, 40, 47, state="open", questions=["order a: 490"])]))
    with engine.begin() as connection:
        assert digest_of(connection, "eu", 1) != whole
        connection.execute(text("UPDATE recon_store.editions SET state = 'retired'"))
    delete_edition(engine, "eu", 1)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM recon_store.catch_ups")) == 0


def test_each_uncovered_interval_shows_the_outcome_of_its_own_gap(story: CoverageLog, analyst: Connection) -> None:
    told = story.intervals(
        A,
        (1, "catching_up", "no snapshot of orders yet"),
        (5, "covered", None),
        (10, "gap", "disconnected"),
        (15, "gap", "restarted"),
        (20, "catching_up", "no snapshot of orders yet"),
        (22, "catching_up", "what the gap hid is being fetched"),
        (25, "covered", None),
        (30, "gap", "no heartbeat"),
        (35, "catching_up", "what the gap hid is being fetched"),
        (38, "unresolved", "1 order not accounted for: a"),
        (50, "gap", "not running"),
    )
    other = story.intervals("BINANCE", (1, "covered", None), (10, "gap", "disconnected"))
    first = story.backfill(A, 10, 20, 25)
    second = story.backfill(A, 30, 35, 38, state="open", questions=["order a: 490"])
    story.write(LedgerChanges(intervals=told + other, backfills=[first, second]))
    shown = [row for row in rows(analyst, "coverage", "account, from_seq") if row["account"] == A]
    assert [(row["from_seq"], row["recovery"]) for row in shown] == [
        (1, None),
        (5, None),
        (10, "whole"),
        (15, "whole"),
        (20, "whole"),
        (22, "whole"),
        (25, None),
        (30, "open: order a: 490"),
        (35, "open: order a: 490"),
        (38, None),
        (50, "not asked for"),
    ]
    assert [row["lasted"] for row in shown[:3]] == [timedelta(seconds=s) for s in (4, 4, 6)]
    assert shown[-1]["lasted"] is None
    others = [row["recovery"] for row in rows(analyst, "coverage", "from_seq") if row["account"] == "BINANCE"]
    assert others == [None, "not asked for"]


def test_a_gap_that_extends_an_interval_belongs_to_the_same_catch_up(story: CoverageLog, analyst: Connection) -> None:
    told = story.intervals(
        A,
        (1, "covered", None),
        (10, "gap", "disconnected"),
        (20, "catching_up", "what the gap hid is being fetched"),
        (25, "gap", "disconnected"),
        (30, "catching_up", "what the gap hid is being fetched"),
    )
    story.write(LedgerChanges(intervals=told, backfills=[story.backfill(A, 10, 30, state="running", history="wanted")]))
    assert [row["recovery"] for row in rows(analyst, "coverage", "from_seq")] == [None, *["being asked for"] * 4]


def test_accounts_show_clock_skew_missing_orders_and_since_when(story: CoverageLog, analyst: Connection) -> None:
    behind = story.account(A, "gap", lag_us=250_000, missing="b a")
    ahead = story.account("BINANCE", lag_us=-1_500_000)
    changes = LedgerChanges(
        accounts={each.name: each for each in (behind, ahead, story.account("NEW", "catching_up"))},
        intervals=[
            *story.intervals(A, (1, "covered", None), (20, "gap", "disconnected"), (30, "gap", "restarted")),
            *story.intervals("BINANCE", (3, "covered", None)),
        ],
        backfills=[story.backfill(A, 5, 9, 9), story.backfill(A, 20, state="waiting", history="wanted")],
    )
    story.write(changes, {A: "kraken-main"})
    binance, kraken, new = rows(analyst, "accounts", "account")
    assert kraken["clock_skew"] == timedelta(milliseconds=-250), "what comes late makes the EMS seem behind"
    assert binance["clock_skew"] == timedelta(seconds=1.5)
    assert new["clock_skew"] is None
    assert kraken["since"] == story.at(19), "another reason is no other state"
    assert (binance["since"], new["since"]) == (story.at(3), None)
    assert (kraken["open_orders_unaccounted"], kraken["unaccounted_orders"]) == (2, ["a", "b"])
    assert (binance["open_orders_unaccounted"], binance["unaccounted_orders"]) == (0, [])
    assert (kraken["venue_account"], binance["venue_account"]) == ("kraken-main", None)
    assert (kraken["catch_up"], binance["catch_up"]) == ("waiting", None)


def test_accounts_show_what_is_known_of_the_venue_s_times(story: CoverageLog, analyst: Connection) -> None:
    known = story.account(A, stamps=Stamps(resolution_us=1_000, ahead_us=-2_500_000))
    story.write(LedgerChanges(accounts={A: known, "NEW": story.account("NEW")}))
    kraken, new = rows(analyst, "accounts", "account")
    assert kraken["stamp_resolution"] == timedelta(milliseconds=1)
    assert kraken["venue_ahead"] == timedelta(seconds=-2.5)
    assert (new["stamp_resolution"], new["venue_ahead"]) == (None, timedelta(0))


@pytest.mark.parametrize(
    ("after", "until", "across"),
    [(1, 9, False), (5, 10, True), (12, 18, True), (22, 24, True), (25, 40, False), (1, 90, True), (90, 95, True)],
)
def test_a_break_that_arose_across_a_gap_names_it(
    story: CoverageLog, analyst: Connection, after: int, until: int, across: bool
) -> None:
    told = story.intervals(
        A,
        (1, "covered", None),
        (10, "gap", "disconnected"),
        (20, "catching_up", "what the gap hid is being fetched"),
        (25, "covered", None),
        (80, "gap", "no heartbeat"),
    )
    other = story.intervals("BINANCE", (1, "gap", "disconnected"))
    story.write(LedgerChanges(intervals=told + other, backfills=[story.backfill(A, 10, 20, 25)]))
    story.broken("cafe", A, after, until)
    (shown,) = rows(analyst, "open_breaks", "id")
    assert (shown["gap"] is not None) == across, shown["gap"]
    assert [row["gap"] for row in rows(analyst, "breaks", "id")] == [shown["gap"]]


def test_the_words_for_a_gap_of_a_break(story: CoverageLog, analyst: Connection) -> None:
    told = story.intervals(
        A,
        (1, "catching_up", "no snapshot of orders yet"),
        (5, "covered", None),
        (10, "gap", "disconnected"),
        (20, "catching_up", "fetching"),
        (25, "covered", None),
    )
    lasting = story.intervals("BINANCE", (1, "covered", None), (80, "gap", "no heartbeat"))
    story.write(LedgerChanges(intervals=told + lasting, backfills=[story.backfill(A, 10, 20, 25)]))
    story.broken("a", A, 2, 40)
    story.broken("b", "BINANCE", 70, 90)
    story.broken("c", A, 1, 4)

    def moment(seq: int) -> str:
        return f"{story.at(seq):%Y-%m-%d %H:%M:%S}.000"

    assert [row["gap"] for row in rows(analyst, "breaks", "id")] == [
        f"from event 10, {moment(9)}, until event 25, {moment(25)}: disconnected; catching up: whole",
        f"from event 80, {moment(79)}, until now: no heartbeat; catching up: not asked for",
        None,  # before the first snapshot there was nothing to lose sight of
    ]


def test_an_account_that_two_gateways_show_counts_once(database: TestDatabase, analyst: Connection) -> None:
    eu, us, asia = (CoverageLog(database.service_url, name) for name in ("eu", "us", "asia"))
    for story, seen, amount in ((eu, 100, "5"), (us, 90, "7"), (asia, 80, "6")):
        account = story.account(A, "gap" if story is eu else "covered")
        story.write(LedgerChanges(accounts={A: account}), {A: "kraken-main"})
        story.hold(A, "XXBT", amount, coinapi="BTC", seen=seen, rate_usd="50000")
    us.write(LedgerChanges(accounts={"BINANCE": us.account("BINANCE")}))
    eu.write(LedgerChanges(accounts={"BINANCE": eu.account("BINANCE")}))
    us.hold("BINANCE", "BTC", "1", coinapi="BTC", rate_usd="50000", reported="1.5", judgement="break")
    eu.hold("BINANCE", "BTC", "2", coinapi="BTC", rate_usd="50000")
    (bitcoin,) = rows(analyst, "firm_balances", "asset")
    assert (bitcoin["asset"], bitcoin["asset_coinapi"]) == ("BTC", "BTC")
    assert bitcoin["balance"] == 7 + 1 + 2, "of one account the covered row that was observed last; equal names both"
    assert bitcoin["balance_usd"] == 500_000
    figures = [bitcoin[name] for name in ("reported", "expected", "drift", "unexplained")]
    assert figures == [Decimal("10.5"), 10, Decimal("0.5"), Decimal("0.5")]
    assert (bitcoin["accounts"], bitcoin["same_account"]) == (3, 2)
    assert (bitcoin["verdict"], bitcoin["observed_at"]) == ("break", us.at(90))
    shown = rows(analyst, "balances", "gateway, account")
    assert len(shown) == 5, "both rows stay visible"
    assert [row["venue_account"] for row in shown if row["account"] == A] == ["kraken-main"] * 3


def test_which_row_of_an_account_counts_does_not_depend_on_the_order_of_rows(
    database: TestDatabase, analyst: Connection
) -> None:
    stories = {name: CoverageLog(database.service_url, name) for name in ("eu", "us")}
    for name, account, amount in (("us", A, "1"), ("eu", "KRAKEN/Z", "2"), ("eu", "KRAKEN/B", "3")):
        story = stories[name]
        story.write(LedgerChanges(accounts={account: story.account(account)}), {account: "main"})
        story.hold(account, "BTC", amount, coinapi="BTC")
    with create_engine(database.service_url, "tests", pooled=False).begin() as connection:
        connection.execute(text("UPDATE recon_store.comparisons SET observed_at = now()"))
    (row,) = rows(analyst, "firm_balances", "asset")
    assert (row["balance"], row["accounts"], row["same_account"]) == (3, 1, 2)


def test_all_codes_of_an_account_count_and_an_unknown_figure_is_not_zero(
    story: CoverageLog, analyst: Connection
) -> None:
    story.write(LedgerChanges(accounts={A: story.account(A)}), {A: "main"})
    story.hold(A, "XXBT", "1", coinapi="BTC", rate_usd="50000")
    story.hold(A, "XBT.F", "2", coinapi="BTC")
    story.hold(A, "BTC", "4")
    story.hold(A, "ETH", None, coinapi="ETH", judgement="unobserved")
    story.hold(A, "ETH2", "1", coinapi="ETH")
    found = {(row["asset"], row["asset_coinapi"]): row for row in rows(analyst, "firm_balances", "asset")}
    assert set(found) == {("BTC", "BTC"), ("BTC", None), ("ETH", "ETH")}, "a code that is not mapped is its own asset"
    bitcoin = found["BTC", "BTC"]
    assert (bitcoin["balance"], bitcoin["balance_usd"], bitcoin["same_account"]) == (3, None, 0)
    assert (found["BTC", None]["balance"], found["BTC", None]["verdict"]) == (4, "agreed")
    ether = found["ETH", "ETH"]
    assert (ether["balance"], ether["reported"], ether["expected"]) == (None, None, None)
    assert (ether["drift"], ether["verdict"]) == (None, "unobserved")


def test_contracts_are_added_up_by_the_symbol_they_share(story: CoverageLog, analyst: Connection) -> None:
    for account in (A, "KRAKEN", "BINANCE"):
        story.write(LedgerChanges(accounts={account: story.account(account)}))
    story.hold(A, "PF_XBT", "3", kind="contract", coinapi="KRAKEN_PERP_BTC_USD")
    story.hold("KRAKEN", "PF_XBT", "-5", kind="contract", coinapi="KRAKEN_PERP_BTC_USD")
    for account, amount in ((A, "1"), ("KRAKEN", "2"), ("BINANCE", "4")):
        story.hold(account, "BTCUSD", amount, kind="contract")
    shown = rows(analyst, "firm_positions", "symbol, exchange")
    assert [(row["symbol"], row["symbol_coinapi"], row["exchange"], row["quantity"]) for row in shown] == [
        ("BTCUSD", None, "BINANCE", 4),
        ("BTCUSD", None, "KRAKEN", 3),
        ("KRAKEN_PERP_BTC_USD", "KRAKEN_PERP_BTC_USD", None, -2),
    ]
    assert [row["accounts"] for row in shown] == [1, 2, 2]
    assert [(row["reported"], row["expected"], row["drift"]) for row in shown] == [(4, 4, 0), (3, 3, 0), (-2, -2, 0)]


def test_a_folded_day_shows_the_outcome_of_each_gap_and_the_venue_accounts(
    database: TestDatabase, analyst: Connection
) -> None:
    write_day(database.service_url, demo_plan(7, 30.0))
    gaps = [row for row in rows(analyst, "coverage", "gateway, account, from_seq") if row["state"] == "gap"]
    assert gaps
    assert all(row["recovery"] for row in gaps)
    stretches = {(row["gateway"], row["account"], row["from_seq"]) for row in rows(analyst, "catch_ups", "from_seq")}
    assert stretches <= {(row["gateway"], row["account"], row["from_seq"]) for row in gaps}
    accounts = rows(analyst, "accounts", "gateway, account")
    assert all(row["since"] is not None and row["clock_skew"] is not None for row in accounts)
    assert {row["venue_account"] for row in accounts} == {None}
    analyst.rollback()

    named = {row["account"]: {"venue_account": f"the one of {row['account']}"} for row in accounts}
    rules = msgspec.json.encode({"rules": 1, "accounts": named})
    for gateway in {row["gateway"] for row in accounts}:
        write_events(database.service_url, gateway, [NewEvent(RULES, rules, datetime.now(UTC))])
        fold(database.service_url, gateway)
    for row in rows(analyst, "accounts", "gateway, account"):
        assert row["venue_account"] == f"the one of {row['account']}", "rules are in force without any sign of life"


def test_usd_is_worth_itself_where_no_rate_is_reported(story: CoverageLog, analyst: Connection) -> None:
    story.write(LedgerChanges(accounts={A: story.account(A)}))
    story.hold(A, "ZUSD", "7.5", coinapi="USD")
    story.hold(A, "USD", "2")
    story.hold(A, "USDT", "3", coinapi="USDT")
    held = {row["asset"]: row["balance_usd"] for row in rows(analyst, "firm_balances", "asset, asset_coinapi")}
    assert held["USDT"] is None
    worth = [row["balance_usd"] for row in rows(analyst, "firm_balances", "balance") if row["asset"] == "USD"]
    assert worth == [2, Decimal("7.5")]
