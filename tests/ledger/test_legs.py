"""What each posting of a fill tells the comparison: the legs (recon/ledger/legs.py)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.exact import ZERO
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.legs import Stamp
from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Rules
from recon.testing import (
    PERPETUAL,
    GatewayDriver,
    Json,
    OrderScript,
    Symbol,
    balance_row,
    position_row,
    symbol_row,
)
from recon.times import microseconds
from tests.support.facts_driver import record_fact, record_trade
from tests.support.leg_keeper import LegKeeper, keep_legs
from tests.support.trading_account import trading

D = Decimal
TERMS = ContractTerms(D(1), "linear", "USDT", "close", method="average")


def day(rules: AccountRules, *, positions: int = 0) -> tuple[GatewayDriver, LegKeeper]:
    driver = GatewayDriver(Rules(defaults=rules))
    held = [position_row(str(positions), "BUY")] if positions else []
    driver.start(
        balance_row("BTC", "10"),
        balance_row("BNB", "50", rate_usd=200),
        balance_row("USDT", "100000", rate_usd=1),
        positions=held,
    )
    return driver, keep_legs(driver)


def placed(driver: GatewayDriver, key: str, *fills: tuple[str, str], **more: object) -> OrderScript:
    """Return an order whose first fill happened a second ago."""
    return OrderScript(key, fills, placed_at=driver.now - timedelta(seconds=5), **more)  # type: ignore[arg-type]


def test_a_purchase_receives_base_and_pays_quote_at_the_venue_s_time() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("2", "100"))
    driver.report(order.report(1))
    (base,), (quote,) = legs.of("BTC"), legs.of("USDT")
    assert (base.amount, base.turnover, base.rounded, base.error) == (D(2), D(2), False, ZERO)
    assert (quote.amount, quote.turnover, quote.rounded, quote.error) == (D(-200), D(-200), True, ZERO)
    assert base.fee_key == FeeKey("base", 1, "other", "SPOT")
    assert quote.fee_key == FeeKey("quote", -1, "other", "SPOT")
    assert base.stamp == quote.stamp == Stamp(microseconds(order.at(4)), base.stamp.resolution_us)
    assert base.arrived_us == quote.arrived_us == microseconds(driver.now)
    assert base.order == quote.order == "c:a"


def test_legs_are_forgotten_at_the_end_of_their_event() -> None:
    driver = trading()
    driver.report(placed(driver, "a", ("2", "100")).report(1))
    assert driver.entries("BTC")
    assert driver.ledger.effects.legs == []


def test_the_error_of_an_average_price_is_that_of_the_last_fill_s_cash() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("1", "100.123456789"), ("2", "100.5"), price_digits=4, lists_fills=False)
    driver.report(order.report(2))
    (quote,) = legs.of("USDT")
    assert quote.error == D("0.00015")


@pytest.mark.parametrize(
    ("asset", "side", "unit", "role"),
    [
        ("quote", "BUY", "USDT", "quote"),
        ("base", "SELL", "BTC", "base"),
        ("received", "BUY", "BTC", "base"),
        ("received", "SELL", "USDT", "quote"),
    ],
)
def test_a_scheduled_fee_is_booked_with_the_leg_that_pays_it(asset: str, side: str, unit: str, role: str) -> None:
    rule = FeeRule(instrument="SPOT", maker=D("0.001"), taker=D("0.002"), asset=asset)
    driver, legs = day(AccountRules(fees=[rule]))
    driver.report(placed(driver, "a", ("2", "100"), side=side).report(1))
    sizes = {"USDT": 200, "BTC": 2}
    booked = {code: leg.booked_fee for code in sizes for leg in legs.of(code)}
    assert booked == {code: size * D("0.001") if code == unit else 0 for code, size in sizes.items()}
    (leg,) = legs.of(unit)
    assert leg.fee_key == FeeKey(role, 1 if leg.amount > 0 else -1, "other", "SPOT")


def test_a_fee_in_a_third_asset_belongs_to_a_leg_that_moves_nothing_there() -> None:
    driver, legs = day(AccountRules(fees=[FeeRule(maker=D("0.001"), taker=D("0.001"), asset="BNB")]))
    driver.report(placed(driver, "a", ("2", "100")).report(1))
    (leg,) = legs.of("BNB")
    assert (leg.amount, leg.turnover, leg.booked_fee) == (ZERO, D(1), D("0.001"))
    assert leg.fee_key == FeeKey("third:BNB", 0, "other", "any")
    assert [leg.booked_fee for code in ("BTC", "USDT") for leg in legs.of(code)] == [ZERO, ZERO]


def test_a_contract_s_fill_moves_the_position_and_realises_cash_on_its_whole_worth() -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FeeRule(maker=D("0.0002"))])
    driver, legs = day(rules, positions=3)
    driver.report(placed(driver, "a", ("2", "110"), side="SELL", symbol=PERPETUAL).report(1))
    (position,), (cash,) = legs.of(PERPETUAL.exchange), legs.of("USDT")
    assert (position.amount, position.turnover, position.fee_key, position.rounded) == (D(-2), ZERO, None, False)
    assert (cash.amount, cash.turnover, cash.booked_fee, cash.rounded) == (D(20), D(220), D("0.044"), True)
    assert cash.fee_key == FeeKey("quote", 1, "other", "any")
    assert cash.stamp == position.stamp


def test_cash_that_waits_for_the_position_s_opening_keeps_the_stamp_of_its_fill() -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS})
    driver = GatewayDriver(Rules(defaults=rules))
    driver.open_session()
    driver.server_info()
    driver.symbols(PERPETUAL)
    driver.orders()
    driver.balances(balance_row("USDT", "100000"))
    driver.wait(30)
    legs = keep_legs(driver)
    driver.position(position_row("3", "BUY"))
    order = placed(driver, "a", ("2", "110"), side="SELL", symbol=PERPETUAL)
    driver.report(order.report(1), after=1.5)
    arrived_us = microseconds(driver.now)
    assert not legs.of("USDT")
    for _ in range(30):
        driver.position(position_row("1", "BUY"), after=1)
    (cash,) = legs.of("USDT")
    assert (cash.stamp.us, cash.arrived_us, cash.order) == (microseconds(order.at(4)), arrived_us, "c:a")


# -- the class of an order -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "order_class"),
    [
        ({"exec_inst": ["MAKER_OR_CANCEL"]}, "post_only"),
        ({"time_in_force": "IMMEDIATE_OR_CANCEL"}, "immediate"),
        ({"time_in_force": "FILL_OR_KILL"}, "immediate"),
        ({"order_type": "MARKET"}, "immediate"),
        ({}, "other"),
    ],
)
def test_the_terms_of_an_order_tell_its_class(extra: dict[str, Json], order_class: str) -> None:
    driver, legs = day(AccountRules())
    driver.report(placed(driver, "a", ("2", "100"), extra=extra).report(1))
    assert [leg.fee_key and leg.fee_key.order_class for _, leg in legs] == [order_class] * 2


@pytest.mark.parametrize(("extra", "order_class"), [({}, "rested"), ({"order_type": "MARKET"}, "immediate")])
def test_an_order_rested_if_a_report_showed_it_working_before_the_fill(
    extra: dict[str, Json], order_class: str
) -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("2", "100"), ("1", "100"), extra=extra)
    driver.report(order.report(0))
    driver.report(order.report(1))
    driver.report(order.report(2))
    assert [leg.fee_key and leg.fee_key.order_class for leg in legs.of("BTC")] == [order_class] * 2


def test_an_order_that_is_not_at_the_venue_yet_does_not_rest() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("2", "100"))
    driver.report(order.report(0, status="ROUTED", status_history=[["ROUTED", "2026-01-01T00:00:00.0000000Z"]]))
    driver.report(order.report(1))
    assert [leg.fee_key and leg.fee_key.order_class for leg in legs.of("BTC")] == ["other"]


# -- facts -----------------------------------------------------------------------------------------------------------


def test_a_told_movement_that_no_report_contradicts_is_stamped_at_its_own_time() -> None:
    driver, legs = day(AccountRules())
    driver.wait(20)
    record_fact(driver, "deposit", "USDT", "50", "d-1", ago=10)
    (leg,) = legs.of("USDT")
    assert (leg.amount, leg.turnover, leg.fee_key) == (D(50), ZERO, None)
    assert leg.stamp.us == driver.ledger.changes.facts[0].occurred_us < leg.arrived_us - 10_000_000


def test_a_told_movement_that_reports_did_not_show_is_stamped_now() -> None:
    driver, legs = day(AccountRules())
    driver.poll("USDT", "100000", 20)
    record_fact(driver, "deposit", "USDT", "50", "d-1", ago=10)
    (leg,) = legs.of("USDT")
    assert leg.stamp == Stamp(leg.arrived_us)


def test_a_fact_that_explains_a_break_moves_nothing() -> None:
    driver, legs = day(AccountRules())
    driver.poll("USDT", "100050", 60)
    assert driver.breaks("USDT")
    record_fact(driver, "deposit", "USDT", "50", "d-1", ago=60)
    assert not driver.breaks("USDT")
    assert not legs.of("USDT")


def test_a_fee_told_in_the_place_of_a_booked_one_moves_nothing_and_corrects_what_is_booked() -> None:
    driver, legs = day(AccountRules(fees=[FeeRule(maker=D("0.001"))]))
    driver.report(placed(driver, "a", ("2", "100")).report(1))
    driver.poll("USDT", "99799.80000000", 30)
    driver.balance("BTC", "12")
    record_trade(driver, "T1", "2", "100", order_id="X-a", fee="0.200000001", fee_asset="USDT", ago=30)
    first, second = legs.of("USDT")
    assert first.booked_fee == D("0.2")
    assert (second.amount, second.turnover, second.booked_fee) == (ZERO, ZERO, D("0.000000001"))


def test_a_fill_told_early_and_reported_later_is_reversed_once_at_the_fill_s_time() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("2", "100"), ("1", "100"))
    driver.report(order.report(1))
    record_trade(driver, "T1", "2", "100", order_id="X-a")
    record_trade(driver, "T2", "1", "100", order_id="X-a")
    driver.report(order.report(2))
    assert [leg.amount for leg in legs.of("BTC")] == [D(2), D(1), D(1), D(-1)]
    assert [leg.amount for leg in legs.of("USDT")] == [D(-200), D(-100), D(-100), D(100)]
    reversed_, booked = legs.of("BTC")[3], legs.of("BTC")[2]
    assert (reversed_.stamp, reversed_.turnover, reversed_.fee_key) == (booked.stamp, ZERO, None)


def test_what_is_kept_under_an_asset_s_own_code_moves_to_its_row_once_that_is_known() -> None:
    driver = GatewayDriver()
    pair = Symbol("ETH/USD", "KRAKEN_SPOT_ETH_USD", "", "")
    driver.start(balance_row("USD", "100", coinapi="USD"), symbols=[])
    driver.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(pair.exchange, pair.coinapi, "ETH", "USD")])
    driver.report(OrderScript("e", [("2", "10")], symbol=pair, placed_at=driver.now).report(1))
    legs = keep_legs(driver)
    driver.balance("XETH", "2", coinapi="ETH")
    assert [(leg.amount, leg.turnover) for code in ("ETH", "XETH") for leg in legs.of(code)] == [
        (D(-2), ZERO),
        (D(2), ZERO),
    ]
    assert {leg.stamp for _, leg in legs} == {Stamp(microseconds(driver.now))}
