"""What each posting of a fill tells the comparison: the legs (recon/ledger/legs.py)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.legs import FillShare, LegOrigin, Stamp, cash_legs
from recon.ledger.orders import MAX_CASHLESS, OrderBooked
from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Rules
from recon.testing import (
    PERPETUAL,
    GatewayDriver,
    Json,
    OrderScript,
    Row,
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
    for _ in range(50):
        driver.position(position_row("1", "BUY"), after=1)
    (cash,) = legs.of("USDT")
    assert (cash.stamp.us, cash.arrived_us, cash.order) == (microseconds(order.at(4)), arrived_us, "c:a")


@pytest.mark.parametrize(("asset", "unit", "cost"), [("USDT", "USDT", "0.2"), ("BTC", "BTC", "0.002")])
def test_a_schedule_may_name_an_asset_that_the_fill_moves_by_its_code(asset: str, unit: str, cost: str) -> None:
    driver, legs = day(AccountRules(fees=[FeeRule(maker=D("0.001"), asset=asset)]))
    driver.report(placed(driver, "a", ("2", "100")).report(1))
    (leg,) = legs.of(unit)
    assert len(legs) == 2
    assert leg.booked_fee == D(cost)
    assert leg.fee_key is not None
    assert leg.fee_key.role == f"third:{asset}"


def test_a_contract_may_pay_its_fee_in_a_third_asset() -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FeeRule(maker=D("0.001"), asset="BNB")])
    driver, legs = day(rules, positions=3)
    driver.report(placed(driver, "a", ("2", "110"), side="SELL", symbol=PERPETUAL).report(1))
    (cash,), (fee,) = legs.of("USDT"), legs.of("BNB")
    assert (cash.amount, cash.booked_fee) == (D(20), ZERO)
    assert (fee.amount, fee.turnover, fee.booked_fee) == (ZERO, D("1.1"), D("0.0011"))


@pytest.mark.parametrize(("asset", "role"), [("received", "quote"), ("base", "base"), ("USDT", "third:USDT")])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_both_sides_of_a_contract_pay_in_the_settlement_asset(asset: str, role: str, side: str) -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FeeRule(maker=D("0.001"), asset=asset)])
    driver, legs = day(rules, positions=3)
    driver.report(placed(driver, "a", ("2", "110"), side=side, symbol=PERPETUAL).report(1))
    (cash,) = legs.of("USDT")
    assert cash.booked_fee == D("0.22")
    assert cash.fee_key == FeeKey(role, 1, "other", "any")


# -- cash that is not known ------------------------------------------------------------------------------------------


def without_cash(order: OrderScript, count: int) -> Row:
    return order.report(count, avg_px=None, fills=[])


def test_late_cash_is_shared_by_the_fills_that_lack_it_by_quantity_at_their_stamps() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("1", "100"), ("2", "103"), lists_fills=False)
    for count in (0, 1, 2):
        driver.report(without_cash(order, count), after=2)
    assert not legs.of("USDT")
    base = legs.of("BTC")
    driver.report(order.report(2), after=5)
    quote = legs.of("USDT")
    assert [leg.amount for leg in quote] == [D(-102), D(-204)]
    assert [leg.stamp for leg in quote] == [leg.stamp for leg in base]
    assert [leg.arrived_us for leg in quote] == [leg.arrived_us for leg in base]
    assert [leg.error for leg in quote] == [D("1.5") + D("0.0306")] * 2
    assert {leg.fee_key for leg in quote} == {FeeKey("quote", -1, "rested", "SPOT")}
    assert [entry.amount for entry in driver.entries("USDT")[1:]] == [D(-306)]


def test_late_cash_of_one_fill_is_known_as_well_as_the_average_price() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("2", "100.5"), ("1", "100"), lists_fills=False, price_digits=2)
    driver.report(without_cash(order, 1))
    driver.report(order.report(1))
    (quote,) = legs.of("USDT")
    assert (quote.amount, quote.error) == (D(-201), D("0.10"))
    assert quote.stamp.us == microseconds(order.at(4))


def test_cash_that_comes_with_a_further_fill_is_shared_with_it() -> None:
    driver, legs = day(AccountRules())
    order = placed(driver, "a", ("1", "100"), ("3", "100"), lists_fills=False)
    driver.report(without_cash(order, 1))
    driver.report(order.report(2))
    assert [leg.amount for leg in legs.of("USDT")] == [D(-100), D(-300)]
    assert [leg.stamp for leg in legs.of("USDT")] == [leg.stamp for leg in legs.of("BTC")]


def test_cash_that_comes_after_sixty_windows_keeps_the_stamps_of_its_fills() -> None:
    driver, legs = day(AccountRules(settlement_window_us=1_000_000))
    order = placed(driver, "a", ("2", "100"), ("1", "100"), lists_fills=False)
    driver.report(without_cash(order, 1))
    (base,) = legs.of("BTC")
    driver.wait(61)
    driver.report(order.report(1))
    (quote,) = legs.of("USDT")
    assert quote.stamp == base.stamp
    assert not driver.order("c:a").booked.cashless


@given(
    st.lists(st.integers(1, 10**6).map(lambda part: D(part).scaleb(-3)), min_size=1, max_size=9),
    st.decimals("-100000", "100000", places=8),
)
def test_shares_of_cash_sum_to_the_whole(parts: list[Decimal], cash: Decimal) -> None:
    fills = [FillShare(part, LegOrigin(Stamp(number), number)) for number, part in enumerate(parts)]
    with exact():
        legs = cash_legs(cash, fills, error=ZERO)
        assert sum(leg.amount for leg in legs) == cash
        whole = sum(parts)
        assert all(
            abs(leg.amount * whole - cash * part) < whole * D("1e-11") for leg, part in zip(legs, parts, strict=True)
        )


def test_what_is_kept_of_fills_without_cash_is_bounded() -> None:
    booked = OrderBooked()
    for number in range(3 * MAX_CASHLESS):
        booked.await_cash(FillShare(D(1), LegOrigin(Stamp(number), number)))
    assert len(booked.cashless) == MAX_CASHLESS
    assert sum(fill.quantity for fill in booked.cashless) == 3 * MAX_CASHLESS


def test_a_contract_s_cash_that_cannot_be_worked_out_has_a_bound() -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FeeRule(maker=D("0.001"))])
    driver, legs = day(rules, positions=3)
    driver.report(without_cash(placed(driver, "a", ("2", "110"), side="SELL", symbol=PERPETUAL), 1))
    (cash,) = legs.of("USDT")
    assert (cash.amount, cash.turnover, cash.order) == (ZERO, ZERO, "c:a")
    assert cash.unmodelled == 220 * (D("0.1") + D("0.001") + D("0.003"))
    assert driver.unit("USDT").unmodelled is None, "it is judged, give or take the bound"


def test_cash_of_a_fill_that_the_position_s_opening_contains_is_unknown_with_a_bound() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules(contracts={PERPETUAL.exchange: TERMS})))
    driver.open_session()
    driver.server_info()
    driver.symbols(PERPETUAL)
    driver.balances(balance_row("USDT", "100000"))
    driver.wait(30)
    legs = keep_legs(driver)
    driver.report(placed(driver, "a", ("2", "110"), side="SELL", symbol=PERPETUAL).report(1))
    for _ in range(50):
        driver.position(position_row("1", "BUY"), after=1)
    (cash,) = legs.of("USDT")
    assert (cash.amount, cash.turnover) == (ZERO, D(220))
    assert cash.unmodelled == 220 * (D("0.1") + D("0.006") + D("0.003"))


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


def test_the_cash_of_a_contract_s_fill_that_a_statement_told_pays_the_rate_of_its_line() -> None:
    rules = AccountRules(contracts={PERPETUAL.exchange: TERMS}, fees=[FeeRule(maker=D("0.001"))])
    driver, legs = day(rules, positions=3)
    driver.wait(5)
    record_trade(driver, "T1", "2", "110", side="SELL", symbol=PERPETUAL.exchange)
    (cash,) = legs.of("USDT")
    assert (cash.amount, cash.order, cash.booked_fee) == (D(20), "t:T1", D("0.22"))
    assert cash.fee_key == FeeKey("quote", 1, "other", "any")


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


def test_late_cash_has_its_fees_in_a_third_asset_one_for_each_fill() -> None:
    driver, legs = day(AccountRules(fees=[FeeRule(maker=D("0.001"), taker=D("0.001"), asset="BNB")]))
    order = placed(driver, "a", ("1", "100"), ("2", "100"), lists_fills=False)
    for count in (0, 1, 2):
        driver.report(without_cash(order, count), after=2)
    assert not legs.of("BNB")
    driver.report(order.report(2), after=5)
    fees = legs.of("BNB")
    assert [(leg.turnover, leg.booked_fee) for leg in fees] == [(D("0.5"), D("0.0005")), (D(1), D("0.001"))]
    assert [leg.stamp for leg in fees] == [leg.stamp for leg in legs.of("USDT")]


@pytest.mark.parametrize(("finer_is_listed", "error"), [(True, D("0.015")), (False, D("0.000015"))])
def test_averages_of_reports_that_list_no_fills_have_a_resolution_of_their_own(
    finer_is_listed: bool, error: Decimal
) -> None:
    driver, legs = day(AccountRules())
    finer = placed(driver, "a", ("1", "100"), ("2", "100.5"), price_digits=4, lists_fills=finer_is_listed)
    driver.report(finer.report(2))
    driver.report(placed(driver, "b", ("1", "100"), ("2", "100.5"), price_digits=1, lists_fills=False).report(2))
    assert legs.of("USDT")[-1].error == error * 10


def test_a_time_of_more_than_a_day_ago_is_that_of_no_running_clock() -> None:
    driver, legs = day(AccountRules())
    old = OrderScript("a", (("2", "100"),), placed_at=driver.now - timedelta(days=2))
    driver.report(old.report(0))
    driver.report(old.report(1))
    (base,) = legs.of("BTC")
    assert base.stamp == Stamp(microseconds(driver.now))
