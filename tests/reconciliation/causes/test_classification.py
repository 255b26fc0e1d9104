"""Causes during a day: named when a break opens, and again when a related break opens or more reports come."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from recon.ledger.evidence import MAX_LOCKS, MAX_OPEN_ORDERS
from recon.ledger.rules import AccountRules, ContractTerms, FeeRule, Funding, Rules
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.snapshot import Transition
from recon.testing import (
    ACCOUNT,
    BTC_USDT,
    PERPETUAL,
    GatewayDriver,
    Json,
    OrderScript,
    Symbol,
    balance_row,
    position_row,
)
from tests.support.break_cases import D
from tests.support.claims import claimed, residual
from tests.support.trading_account import WINDOW, report_balances, report_bought, trading

FUTURE = Symbol("BTCUSD-260105", "BINANCE_FTS_BTC_USDT_260105", "BTC", "USDT")


def polled(driver: GatewayDriver, btc: str, usdt: str, seconds: int = 40) -> None:
    for _ in range(seconds):
        driver.wait(1)
        report_balances(driver, btc, usdt)


def the_break(driver: GatewayDriver, code: str) -> Break:
    (break_,) = driver.breaks(code)
    return break_


def causes_of(driver: GatewayDriver, code: str) -> list[tuple[str, str]]:
    """Return the causes that a unit's break got, in order."""
    transitions: list[Transition] = [step for step in driver.transitions("opened", "caused") if step.unit == code]
    return [(step.event, step.break_.cause) for step in transitions]


def test_an_unreported_fill_of_an_open_order_is_missed_on_both_legs_of_one_case() -> None:
    driver = trading()
    report_bought(driver, "booked")
    driver.report(OrderScript("lost", [("2", "100")], placed_at=driver.now).report(0))
    polled(driver, "13", "99700")
    btc, usdt = the_break(driver, "BTC"), the_break(driver, "USDT")
    assert (btc.cause, btc.certainty) == (usdt.cause, usdt.certainty) == ("missed_fill", "inferred")
    assert btc.case_id == usdt.case_id
    assert any("order c:lost (BUY 2 BTCUSDT at 100)" in evidence.text for evidence in btc.evidence)
    assert not any(tried.fits for tried in btc.tried if tried.cause in {"deposit", "external_order", "conversion"})


def test_a_trade_without_an_order_is_external_or_a_conversion() -> None:
    driver = trading()
    report_bought(driver, "booked")
    polled(driver, "9", "100108")
    assert {the_break(driver, code).cause for code in ("BTC", "USDT")} == {"external_order"}
    assert the_break(driver, "BTC").certainty == "candidate"
    assert the_break(driver, "BTC").note.startswith(
        "may be external_order, conversion: -2 BTC against USDT is a price of 104"
    )


def test_the_base_is_reclassified_when_a_break_of_the_quote_opens() -> None:
    driver = trading()
    report_bought(driver, "booked")
    for _ in range(40):
        driver.balance("BTC", "9", after=1)
    assert the_break(driver, "BTC").cause == "withdrawal"
    driver.balance("USDT", "100108")
    driver.wait(5 * WINDOW)
    assert causes_of(driver, "BTC") == [("opened", "withdrawal"), ("caused", "external_order")]
    assert causes_of(driver, "USDT") == [("opened", "external_order")]
    (caused,) = driver.transitions("caused")
    assert caused.reason.startswith("not withdrawal: may be external_order")
    assert caused.break_.state == "open", "the state stays"


def test_an_order_that_fills_later_is_not_the_missed_one() -> None:
    driver = trading()
    report_bought(driver, "booked")
    resting = OrderScript("resting", [("2", "100")], placed_at=driver.now)
    driver.report(resting.report(0))
    polled(driver, "13", "99700")
    assert the_break(driver, "BTC").cause == "missed_fill"
    resting.placed_at = driver.now - timedelta(seconds=4)
    driver.report(resting.report(1))
    polled(driver, "15", "99500", 10)
    assert the_break(driver, "BTC").cause == the_break(driver, "USDT").cause == "external_order"


def test_the_late_report_of_the_missed_fill_itself_changes_no_cause() -> None:
    driver = trading()
    report_bought(driver, "booked")
    order = OrderScript("late", [("2", "100")], placed_at=driver.now - timedelta(seconds=4))
    driver.report(order.report(0))
    polled(driver, "13", "99700")
    driver.report(order.report(1))
    polled(driver, "13", "99700", 10)
    assert {cause for _, cause in (*causes_of(driver, "BTC"), *causes_of(driver, "USDT"))} == {"missed_fill"}
    assert not driver.breaks("BTC") + driver.breaks("USDT")


def test_a_fill_during_a_gap_names_the_vanished_order() -> None:
    driver = trading()
    driver.report(OrderScript("gone", [("2", "100")], amount="3", placed_at=driver.now).report(0))
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "12"), balance_row("ETH", "50"), balance_row("USDT", "99800"))
    driver.wait(60)
    for code in ("BTC", "USDT"):
        break_ = the_break(driver, code)
        assert (break_.cause, break_.certainty) == ("missed_fill_gap", "inferred")
        texts = [evidence.text for evidence in break_.evidence]
        assert any("order c:gone" in text and "is missing" in text for text in texts)
        assert any("disconnected" in text for text in texts)


def test_a_single_asset_is_a_deposit_or_a_withdrawal_by_its_sign() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.poll("BTC", "15", 40)
    assert (the_break(driver, "BTC").cause, the_break(driver, "BTC").certainty) == ("deposit", "inferred")
    driver.poll("ETH", "30", 40)
    assert the_break(driver, "ETH").cause == "withdrawal"


def test_an_amount_that_leaves_one_account_and_reaches_another_is_one_transfer_in_one_case() -> None:
    driver = trading()
    driver.server_info(account="KRAKEN")
    driver.orders(account="KRAKEN")
    driver.balances(balance_row("XXBT", "3", coinapi="BTC"), account="KRAKEN")
    driver.wait(30)
    for _ in range(60):
        driver.balance("BTC", "9", after=0.5)
        row = balance_row("XXBT", "3.9995", coinapi="BTC")
        driver.frame({"type": "BALANCE_UPDATE", "exchange_id": "KRAKEN"} | row, after=0.5)
    sent = the_break(driver, "BTC")
    (received,) = driver.reconciler.comparison_of(driver.unit_state("XXBT", account="KRAKEN")).breaks
    assert (sent.cause, received.cause) == ("transfer", "transfer")
    assert sent.case_id == received.case_id
    assert "0.0005 lost on the way" in sent.note


def test_a_fee_schedule_that_comes_later_explains_what_fills_cost() -> None:
    rules = AccountRules(settlement_window_us=WINDOW * 1_000_000, learn_fees_up_to=D("0.0001"))
    driver = GatewayDriver(Rules(defaults=rules))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"), quiet=30)
    report_bought(driver, "booked", "100", "100")
    polled(driver, "110", "89900")
    assert the_break(driver, "USDT").cause == "withdrawal", the_break(driver, "USDT").note
    schedule = [FeeRule(maker=D("0.01"), taker=D("0.01"))]
    driver.set_rules(Rules(defaults=msgspec.structs.replace(rules, fees=schedule)))
    polled(driver, "110", "89900", 2)
    assert not driver.breaks("USDT")
    assert [step.break_.cause for step in driver.transitions("opened", "cleared")] == ["withdrawal", "withdrawal"]
    assert [entry.amount for entry in driver.entries("USDT") if entry.cause == "fee"] == [-100]
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == 0


def test_a_report_that_contradicts_itself_explains_the_missing_cash() -> None:
    driver = trading()
    driver.report(OrderScript("a", [("2", "100")], placed_at=driver.now).report(1, avg_px=D(103)))
    polled(driver, "12", "99800")
    assert not driver.breaks("BTC")
    break_ = the_break(driver, "USDT")
    assert (break_.amount, break_.cause, break_.certainty) == (D(6), "inconsistent_report", "exact")


# -- positions -----------------------------------------------------------------------------------------------------

TERMS = ContractTerms(
    multiplier=D(1), kind="linear", settlement_asset="USDT", realised="close", method="average",
    balance_includes_unrealised=False,
)  # fmt: skip


def holding(of: Symbol = PERPETUAL, **more: Json) -> GatewayDriver:
    rules = AccountRules(settlement_window_us=WINDOW * 1_000_000, contracts={of.exchange: TERMS})
    driver = GatewayDriver(Rules(defaults=rules))
    row = position_row("2", "BUY", price="50000", symbol=of) | more
    driver.start(balance_row("USDT", "100000"), symbols=(BTC_USDT, of), positions=[row], quiet=30)
    return driver


def closed(driver: GatewayDriver, usdt: str, of: Symbol = PERPETUAL) -> None:
    for _ in range(40):
        driver.position(position_row("0", "BUY", price=None, symbol=of), after=0.5)
        driver.balance("USDT", usdt, after=0.5)


def test_a_position_closed_at_its_liquidation_price_is_one_case_with_its_cash() -> None:
    driver = holding(liquidation_price=D(45000))
    closed(driver, "90000")
    (position,) = driver.breaks(PERPETUAL.exchange, "contract")
    cash = the_break(driver, "USDT")
    assert (position.cause, cash.cause) == ("liquidation", "liquidation")
    assert position.case_id == cash.case_id
    assert "a price of 45,000" in position.note


def test_a_position_closed_at_another_price_is_external_or_deleveraged() -> None:
    driver = holding(liquidation_price=D(45000))
    closed(driver, "120000")
    (position,) = driver.breaks(PERPETUAL.exchange, "contract")
    assert (position.cause, position.certainty) == ("external_order", "candidate")
    assert [tried.cause for tried in position.tried if tried.fits] == ["external_order", "adl"]


def test_a_contract_closed_on_its_last_day_is_expired() -> None:
    driver = holding(FUTURE)
    closed(driver, "102000", FUTURE)
    (position,) = driver.breaks(FUTURE.exchange, "contract")
    assert (position.cause, the_break(driver, "USDT").cause) == ("expiry", "expiry")


def test_a_payment_far_from_the_grid_is_no_funding() -> None:
    driver = holding()
    driver.poll("USDT", "99950", 40)
    assert "funding" not in [tried.cause for tried in the_break(driver, "USDT").tried if tried.fits]
    assert the_break(driver, "USDT").cause == "interest"


def test_open_breaks_are_reclassified_when_the_rules_change() -> None:
    """Funding is paid by the minute here, as the rules say later."""
    driver = holding()
    driver.poll("USDT", "100000", 60 - driver.now.second)
    driver.poll("USDT", "99950", 40)
    assert (the_break(driver, "USDT").cause, the_break(driver, "USDT").certainty) == ("interest", "candidate")
    rules = msgspec.structs.replace(driver.ledger.rules.defaults, funding=Funding(60_000_000, 10_000_000))
    driver.set_rules(Rules(defaults=rules))
    assert (the_break(driver, "USDT").cause, the_break(driver, "USDT").state) == ("funding", "open")
    assert causes_of(driver, "USDT") == [("opened", "interest"), ("caused", "funding")]


# -- recurrence, memory and its bounds -----------------------------------------------------------------------------


def test_a_break_that_was_reclassified_still_recurs() -> None:
    """The first leg opens alone each time, so a later cause does not make it another break."""
    driver = trading()
    report_bought(driver, "booked")
    for number in (1, 2):
        order = OrderScript(f"late{number}", [("2", "100")], side="SELL", placed_at=driver.now - timedelta(seconds=4))
        btc, usdt = D(11) - 2 * number, D(99900) + 200 * number
        for _ in range(40):
            driver.balance("BTC", btc, after=1)
        driver.balance("USDT", usdt)
        driver.wait(5 * WINDOW)
        assert causes_of(driver, "BTC")[-1] == ("caused", "external_order")
        driver.report(order.report(1))
        polled(driver, str(btc), str(usdt), 15)
        assert not driver.breaks("BTC"), number
    opened = [step.break_ for step in driver.transitions("opened") if step.unit == "BTC"]
    assert [break_.occurrences for break_ in opened] == [1, 2]


def test_the_latest_open_orders_are_remembered_within_the_bound() -> None:
    driver = trading()
    account = driver.ledger.accounts[ACCOUNT]
    lives = [
        OrderScript(f"o{number}", [("1", "100")], amount="3", placed_at=driver.now)
        for number in range(MAX_OPEN_ORDERS + 5)
    ]
    for order in lives:
        driver.report(order.report(0))
    assert len(account.evidence.open_orders) == MAX_OPEN_ORDERS
    driver.report(lives[-1].report(1))
    assert account.evidence.open_orders[f"c:{lives[-1].key}"].open == D(2)
    driver.report(lives[-1].report(1, status="CANCELED"))
    assert f"c:{lives[-1].key}" not in account.evidence.open_orders
    assert account.evidence.prices == {"BTCUSDT": D(100)}


def test_a_gap_is_remembered_from_its_first_event_to_its_last() -> None:
    driver = trading()
    driver.close_session("overrun")
    began = len(driver.log)
    driver.open_session("s2")
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    (gap,) = driver.ledger.accounts[ACCOUNT].evidence.gaps
    assert (gap.from_seq, gap.until_seq, gap.reason) == (began, len(driver.log), "overrun")


def test_changes_of_locked_amounts_are_remembered_within_the_bound() -> None:
    driver = trading()
    for number in range(MAX_LOCKS + 5):
        driver.balance("BTC", "10", locked=D(number))
    locks = driver.unit("BTC").reported.lock_changes
    assert len(locks) == MAX_LOCKS
    assert {change.amount for change in locks} == {D(1)}
