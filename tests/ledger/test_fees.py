"""Fees that a schedule tells: the line and the rate of a fill, and how the ledger books them (semantics 8.5)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.ems.protocol.symbols import InstrumentType
from recon.exact import ZERO
from recon.ledger.fees.fee_key import order_class_of
from recon.ledger.fees.schedule import rule_of
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.testing import GatewayDriver, Json, OrderScript, balance_row

D = Decimal
MAKER, TAKER = D("0.0002"), D("0.001")


@pytest.mark.parametrize(
    ("time_in_force", "exec_inst", "order_type", "order_class"),
    [
        ("GOOD_TILL_CANCEL", None, "LIMIT", "other"),
        (None, [], None, "other"),
        ("GOOD_TILL_CANCEL", ["MAKER_OR_CANCEL"], "LIMIT", "post_only"),
        ("GOOD_TILL_CANCEL", "POST_ONLY", "LIMIT", "post_only"),
        ("IMMEDIATE_OR_CANCEL", None, "LIMIT", "immediate"),
        ("FILL_OR_KILL", ["AUCTION_ONLY"], "LIMIT", "immediate"),
        ("GOOD_TILL_CANCEL", None, "MARKET", "immediate"),
    ],
)
def test_an_order_tells_whether_it_makes_or_takes_where_its_instructions_leave_no_choice(
    time_in_force: str | None, exec_inst: list[str] | str | None, order_type: str | None, order_class: str
) -> None:
    assert order_class_of(time_in_force, exec_inst, order_type) == order_class


def test_the_first_line_that_matches_and_names_a_rate_holds() -> None:
    rules = [FeeRule(symbol="BTCUSDT"), FeeRule(symbol="BTCUSDT", maker=MAKER), FeeRule(taker=TAKER)]
    assert rule_of(rules, "BTCUSDT", "SPOT") == rules[1]
    assert rule_of(rules, "ETHUSDT", "SPOT") == rules[2]
    assert rule_of(rules[:2], "ETHUSDT", "SPOT") is None


@pytest.mark.parametrize(
    ("line", "types"),
    [
        ("SPOT", ["SPOT"]),
        ("PERPETUAL", ["PERP", "DPERP"]),
        ("FUTURES", ["FTS", "FTSCMB"]),
        ("OPTION", ["OPT", "OPTCMB"]),
    ],
)
def test_a_line_s_instrument_selects_the_types_of_coinapi_s_ids(line: str, types: list[str]) -> None:
    """The settings say PERPETUAL, and the ids say PERP."""
    rules = [FeeRule(instrument=line, maker=MAKER), FeeRule(taker=TAKER)]
    for instrument in InstrumentType:
        assert rule_of(rules, "X", instrument) == rules[0 if instrument.value in types else 1]
    assert rule_of(rules, "X", None) == rules[1]


# -- how they are booked ---------------------------------------------------------------------------------------------


def scheduled(more: dict[str, Json] | None = None, *, asset: str = "quote") -> GatewayDriver:
    """An account with a schedule, and a sale of it that is reported."""
    driver = GatewayDriver(Rules(defaults=AccountRules(fees=[FeeRule(maker=MAKER, taker=TAKER, asset=asset)])))
    driver.start(
        balance_row("BTC", "10", rate_usd=D(50000)),
        balance_row("USDT", "100000", rate_usd=D(1)),
        balance_row("BNB", "50", rate_usd=D(500)),
    )
    order = OrderScript("o1", [("0.01", "50000"), ("0.02", "50000")], side="SELL", placed_at=driver.now)
    order.extra = more or {}
    driver.report(order.report(2))
    return driver


def booked(driver: GatewayDriver, unit: str) -> list[Decimal]:
    return [entry.amount for entry in driver.entries(unit) if entry.cause == "fee"]


def test_each_fill_and_its_fee_are_one_step() -> None:
    driver = scheduled()
    line = driver.unit_state("USDT").timeline
    assert booked(driver, "USDT") == [D("-0.1"), D("-0.2")]
    assert line.totals[-3:] == [ZERO, D("499.9"), D("1499.7")], "a fill with its fee is one step"
    assert line.explained[-3:] == [ZERO, D("-0.1"), D("-0.3")]


@pytest.mark.parametrize(
    ("more", "fees"),
    [
        ({}, ["-0.1", "-0.2"]),
        ({"exec_inst": ["MAKER_OR_CANCEL"]}, ["-0.1", "-0.2"]),
        ({"time_in_force": "IMMEDIATE_OR_CANCEL"}, ["-0.5", "-1"]),
    ],
    ids=["may do either", "makes", "takes"],
)
def test_an_order_is_booked_at_the_rate_of_makers_unless_it_only_takes(more: dict[str, Json], fees: list[str]) -> None:
    assert booked(scheduled(more), "USDT") == [D(fee) for fee in fees]


def test_an_order_that_may_do_either_and_took_is_no_break() -> None:
    driver = scheduled()
    driver.balance("BTC", "9.97")
    driver.balance("USDT", "101498.50", after=1)
    driver.wait(60)
    assert not driver.opened_breaks()
    driver.balance("USDT", "101490.00", after=1)
    driver.wait(60)
    assert driver.opened_breaks() == [("USDT", D("-8.5"))]


def test_a_scheduled_fee_in_a_third_asset_is_a_step_of_its_own_there_at_the_rates_last_told() -> None:
    driver = scheduled(asset="BNB")
    assert booked(driver, "BNB") == [D("-0.0002"), D("-0.0004")], "0.02 % of 500 and 1000 USD, at 500 USD for one"
    line = driver.unit_state("BNB").timeline
    assert line.totals[-3:] == [ZERO, D("-0.0002"), D("-0.0006")]
    assert not booked(driver, "USDT")
    assert driver.unit_state("USDT").timeline.totals[-3:] == [ZERO, D(500), D(1500)]
