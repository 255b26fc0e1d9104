"""Fees, and profit and loss by symbol and day, as an accountant works them out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Row, text

from recon.db.engine import create_engine
from recon.exact import exact
from recon.ledger.rules import AccountRules, Rules
from recon.testing import PERPETUAL, OrderScript
from tests.conftest import TestDatabase
from tests.support.analysts_days import FEE, AnalystsDays, write_driver
from tests.support.facts_driver import record_fact, record_trade
from tests.support.properties import steady

pytestmark = pytest.mark.postgres

D = Decimal
FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)
#: Whether bought, amount and price of each fill.
FILLS = st.lists(
    st.tuples(
        st.booleans(),
        st.decimals("0.00000001", "30000", places=8),
        st.decimals("0.00000001", "98765432109", places=8),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture
def analyst(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.analyst_url, "tests", pooled=False).connect() as connection:
        yield connection


def rows(connection: Connection, query: str) -> list[tuple[object, ...]]:
    found: list[Row[tuple[object, ...]]] = list(connection.execute(text(query)).fetchall())
    return [tuple(row) for row in found]


HOLDING = text(
    """
    SELECT held[1], held[2], held[3], held[4]
    FROM (
        SELECT number, recon_store.average_cost(bought, amount, cash) OVER (ORDER BY number) AS held
        FROM unnest(CAST(:bought AS boolean[]), CAST(:amounts AS numeric[]), CAST(:cash AS numeric[]))
             WITH ORDINALITY AS f(bought, amount, cash, number)
    ) AS h ORDER BY number
    """
)


def holdings(database: TestDatabase, fills: list[tuple[bool, Decimal, Decimal]]) -> list[tuple[object, ...]]:
    """Return held, cost, realised and uncosted after each fill, as the database works them out."""
    bought, amounts, cash = (list(column) for column in zip(*fills, strict=True))
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        found = connection.execute(HOLDING, {"bought": bought, "amounts": amounts, "cash": cash})
        return [tuple(row) for row in found]


@steady(60)
@given(fills=FILLS)
def test_average_cost_is_that_of_fractions_but_for_twelve_digits(
    database_of_module: TestDatabase, fills: list[tuple[bool, Decimal, Decimal]]
) -> None:
    held = cost = Fraction(0)
    with exact():
        signed = [(bought, amount, -amount * price if bought else amount * price) for bought, amount, price in fills]
    found_after_each = holdings(database_of_module, signed)
    for count, ((bought, traded, price), found) in enumerate(zip(fills, found_after_each, strict=True), start=1):
        near, amount = count * Fraction(1, 10**11), Fraction(traded)
        sold = Fraction(0) if bought else min(amount, held)
        released = cost * sold / held if sold else Fraction(0)
        held, cost = (held + amount, cost + amount * Fraction(price)) if bought else (held - sold, cost - released)
        assert Fraction(str(found[0])) == held
        assert abs(Fraction(str(found[1])) - cost) <= near
        if bought:
            assert found[2:] == (0, 0)
        elif sold:
            assert abs(Fraction(str(found[2])) - (sold * Fraction(price) - released)) <= near
            assert Fraction(str(found[3])) == amount - sold
        else:
            assert found[2:] == (None, traded)
    assert held or cost == 0


def test_spot_at_average_cost_contracts_by_their_terms_with_fees_and_funding(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays()
    days.morning()
    days.pay_funding()
    days.next_day()
    write_driver(database, days.driver)

    found = rows(
        analyst,
        """
        SELECT symbol, day, asset, realised, fees, funding, net, method, fills, unknown_fills, uncosted
        FROM recon.pnl_daily ORDER BY day, symbol
        """,
    )

    terms = "terms: linear, average"
    assert found == [
        # 3 for 303; one is sold for 110.
        ("BTCUSDT", FIRST, "USDT", D(9), D("-0.413"), 0, D("8.587"), "average cost", 3, 0, 0),
        ("BTCUSDT-PERP", FIRST, "USDT", D(20), D("-1.42"), 0, D("18.58"), terms, 2, 0, 0),
        (None, FIRST, "USDT", None, 0, D("-1.25"), D("-1.25"), None, 0, 0, 0),
        # Three are sold at 90. Two had cost 101 each; what the third had cost nobody knows.
        ("BTCUSDT", SECOND, "USDT", D(-22), D("-0.27"), 0, None, "average cost", 1, 1, 1),
    ]


def test_what_is_held_is_worth_what_the_last_rates_say_and_the_row_names_them(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays()
    days.trade("BUY", "2", "100")
    days.trade("SELL", "1", "110")
    write_driver(database, days.driver)

    found = rows(analyst, "SELECT realised, unrealised, unrealised_by FROM recon.pnl_daily WHERE symbol = 'BTCUSDT'")

    assert found == [(D(10), D(20), "rate_usd of BTC and USDT as last reported")]


def test_without_terms_what_a_contract_realised_is_not_known_and_without_rates_nothing_is_unrealised(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays(Rules(defaults=AccountRules()), rates={})
    days.trade("BUY", "2", "100")
    days.trade("BUY", "10", "100", PERPETUAL)
    write_driver(database, days.driver)

    found = rows(
        analyst,
        """
        SELECT symbol, asset, realised, net, unrealised, unrealised_by, unknown_fills FROM recon.pnl_daily
        WHERE symbol IS NOT NULL ORDER BY symbol
        """,
    )

    assert found == [
        ("BTCUSDT", "USDT", 0, 0, None, None, 0),
        ("BTCUSDT-PERP", None, None, None, None, None, 1),
    ]


def test_fees_stand_with_symbol_order_and_rate(database: TestDatabase, analyst: Connection) -> None:
    days = AnalystsDays()
    spot = days.trade("BUY", "2", "100")
    days.trade_contract("BUY", "10", "100", "0")
    record_fact(days.driver, "fee", "USDT", "-7", "W-1")
    write_driver(database, days.driver)

    found = rows(
        analyst, "SELECT symbol, order_key, asset, amount, turnover, rate, certainty, fact FROM recon.fees ORDER BY seq"
    )

    assert found == [
        ("BTCUSDT", f"c:{spot}", "USDT", D("-0.2"), 200, FEE, "inferred", None),
        ("BTCUSDT-PERP", "c:o2", "USDT", D(-1), 1000, FEE, "inferred", None),
        (None, None, "USDT", D(-7), None, None, "inferred", "W-1"),
    ]


EARNED = "SELECT realised, fees, fills, told_trades, unknown_fills, held, cost FROM {} WHERE symbol = 'BTCUSDT'"
TOLD_PARTS = "SELECT part, side, quantity, amount, order_key, fact FROM recon.pnl_parts WHERE symbol = 'BTCUSDT'"


def known_at(driver_time: datetime) -> str:
    """Return the function of what was earned until now, as known at a time."""
    return f"recon.pnl_daily_as_of('infinity', '{driver_time.isoformat()}')"


def test_a_trade_that_only_a_statement_told_counts_from_when_it_was_known(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays()
    days.trade("BUY", "2", "100")
    days.held["BTC"] += 1
    days.held["USDT"] -= D("130.13")
    days.rest(60)
    days.trade("SELL", "1", "120")
    believed = days.driver.now
    record_trade(days.driver, "T-1", "1", "130", ago=80, fee="0.13", fee_asset="USDT")
    days.rest(20)
    write_driver(database, days.driver)

    # Two for 200, and one of them sold; then three for 330.
    assert rows(analyst, EARNED.format(known_at(believed))) == [(D(20), D("-0.32"), 2, 0, 0, 1, D(100))]
    assert rows(analyst, EARNED.format("recon.pnl_daily")) == [(D(10), D("-0.45"), 2, 1, 0, 2, D(220))]
    before_the_sale = believed - timedelta(seconds=60)
    of_then = f"recon.pnl_daily_as_of('{before_the_sale.isoformat()}')"
    assert rows(analyst, EARNED.format(of_then)) == [(0, D("-0.33"), 1, 1, 0, 3, D(330))]
    assert rows(analyst, TOLD_PARTS + " AND part = 'told'") == [("told", "BUY", 1, -130, None, "T-1")]


@pytest.mark.parametrize("broken", [False, True])
def test_a_report_of_a_trade_that_was_told_before_adds_only_what_differs(
    database: TestDatabase, analyst: Connection, broken: bool
) -> None:
    days = AnalystsDays()
    days.trade("BUY", "3", "100")
    days.held["BTC"] -= 2
    days.held["USDT"] += D("239.76")
    if broken:
        days.rest(60)
    placed = days.driver.now - timedelta(seconds=4 + 60 * broken)
    record_trade(days.driver, "T-1", "2", "120", side="SELL", order_id="X-late", ago=60 * broken)
    days.rest(10)
    told = days.driver.now
    # The venue's report of it has two fills, and both are of what was told.
    late = OrderScript("late", [("0.5", "120"), ("1.5", "120")], side="SELL", placed_at=placed)
    days.driver.report(late.report(2))
    days.rest(60)
    write_driver(database, days.driver)

    assert [row[:1] + row[2:4] for row in rows(analyst, EARNED.format(known_at(told)))] == [(D(40), 1, 1)]
    assert [row[:1] + row[2:] for row in rows(analyst, EARNED.format("recon.pnl_daily"))] == [
        (D(40), 3, 1, 0, 1, D(100))
    ]
    assert rows(analyst, TOLD_PARTS + " AND order_key = 'c:late' AND part = 'fill' ORDER BY ordinal") == [
        ("fill", "SELL", 0, 0, "c:late", None),
        ("fill", "SELL", 0, 0, "c:late", None),
    ]


def test_a_part_that_was_told_before_is_taken_out_of_the_fill_that_reports_it(
    database: TestDatabase, analyst: Connection
) -> None:
    days = AnalystsDays()
    placed = days.driver.now - timedelta(seconds=4)
    record_trade(days.driver, "T-1", "1", "100", order_id="X-late")
    days.held["BTC"] += 3
    days.held["USDT"] -= D("312.312")
    days.driver.report(OrderScript("late", [("3", "104")], placed_at=placed).report(1))
    days.rest(60)
    write_driver(database, days.driver)

    assert rows(analyst, TOLD_PARTS + " AND part <> 'fee' ORDER BY part") == [
        ("fill", "BUY", 2, D(-212), "c:late", None),
        ("told", "BUY", 1, D(-100), None, "T-1"),
    ]
    ((realised, *_, held, cost),) = rows(analyst, EARNED.format("recon.pnl_daily"))
    assert (realised, held, cost) == (0, 3, D(312))
