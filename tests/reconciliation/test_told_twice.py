"""One happening that several sources tell counts once: the EMS and statements, coarser or finer than the EMS, and told
before its reports or after (semantics 10.3)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from recon.exact import plain
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.testing import BTC_USDT, PERPETUAL, GatewayDriver, OrderScript, balance_row
from tests.reconciliation.test_late_facts import perpetual
from tests.support.facts_driver import fact_effects, record_fact, record_trade
from tests.support.trading_account import report_balances, report_bought, trading

D = Decimal
#: How long before its first fill an order is placed.
AGO = timedelta(seconds=4)
LEDGER, TRADES = "kraken-ledger", "kraken-trades"


def held(driver: GatewayDriver) -> str:
    """Return what the books hold of both assets."""
    return f"{_short(driver.value('BTC'))} {_short(driver.value('USDT'))}"


def _short(number: Decimal | None) -> str:
    text = plain(number or D(0))
    return text.rstrip("0").rstrip(".") if "." in text else text


def fees(driver: GatewayDriver, code: str = "USDT") -> Decimal:
    return sum((entry.amount for entry in driver.entries(code) if entry.cause == "fee"), D(0))


def quiet(driver: GatewayDriver, btc: str, usdt: str, seconds: int = 40) -> None:
    for _ in range(seconds):
        report_balances(driver, btc, usdt)
        driver.wait(1)


# --- statements whose times are coarse


def test_trades_at_minute_stamps_are_the_fills_of_that_minute() -> None:
    driver = trading()
    for key in ("a", "b"):
        report_bought(driver, key)
        quiet(driver, "11" if key == "a" else "12", "99900" if key == "a" else "99800", 20)
    for number in (1, 2):
        record_trade(driver, f"T-{number}", "1", "100", ago=59, step_us=60_000_000, statement="minutes")
    assert fact_effects(driver) == {"T-1": "matched", "T-2": "matched"}
    assert held(driver) == "12 99800"
    record_trade(driver, "T-3", "1", "100", ago=59, step_us=60_000_000, statement="minutes")
    assert fact_effects(driver)["T-3"] == "booked", "a third one is not in the reports"


def test_a_time_to_the_second_is_no_minute() -> None:
    driver = trading()
    report_bought(driver, "a")
    quiet(driver, "11", "99900", 20)
    record_trade(driver, "T-1", "1", "100", ago=50)
    assert fact_effects(driver) == {"T-1": "booked"}


# --- coarser and finer than the EMS


@pytest.mark.parametrize("ordered", [True, False])
def test_one_row_an_order_is_all_its_fills(ordered: bool) -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("2", "101"), ("0.5", "102")], placed_at=driver.now - AGO)
    for count in (1, 2, 3):
        driver.report(script.report(count))
    record_trade(driver, "T-1", "3.5", "100.857", fee="0.3", fee_asset="USDT", order_id="X-a" if ordered else None)
    assert fact_effects(driver) == {"T-1": "matched"}
    assert held(driver) == "13.5 99646.7"


def test_rows_finer_than_the_fills_are_parts_of_them() -> None:
    driver = trading()
    report_bought(driver, "a", "3")
    for number, part in enumerate(("1", "0.5", "1.5")):
        record_trade(driver, f"T-{number}", part, "100", statement="fine")
    assert set(fact_effects(driver).values()) == {"matched"}
    assert held(driver) == "13 99700"
    record_trade(driver, "T-9", "0.25", "100", statement="fine")
    assert (fact_effects(driver)["T-9"], driver.value("BTC")) == ("booked", D("13.25"))


@pytest.mark.parametrize("rows", list(permutations(["2", "1.5", "0.5"])))
def test_quantities_come_out_right_however_rows_and_fills_are_cut(rows: tuple[str, ...]) -> None:
    """3 were reported, in fills of 1 and 2; the statement has 4."""
    driver = trading()
    report_bought(driver, "a", "1")
    report_bought(driver, "b", "2")
    for number, row in enumerate(rows):
        record_trade(driver, f"T-{number}", row, "100", ago=0.01, statement="other")
    assert held(driver) == "14 99600"


# --- several statements


@pytest.mark.parametrize("reported", [True, False])
@pytest.mark.parametrize("first", [LEDGER, TRADES])
def test_ledger_and_trades_of_one_venue_tell_each_trade_and_fee_once(reported: bool, first: str) -> None:
    driver = trading()
    if reported:
        report_bought(driver, "a")
        driver.wait(4)
    told = {
        LEDGER: {"cash": "100", "base": "BTC", "quote": "USDT", "symbol": "BTC/USDT"},
        TRADES: {"order_id": "X-a", "symbol": BTC_USDT.exchange},
    }
    second = TRADES if first == LEDGER else LEDGER
    for statement in (first, second):
        record_trade(
            driver,
            f"{statement}:T",
            "1",
            "100",
            fee="0.1000" if statement == LEDGER else "0.10004",
            fee_asset="USDT",
            statement=statement,
            trade_id="T",
            ago=1.5 if statement == LEDGER else 1.2,
            **told[statement],  # type: ignore[arg-type]
        )
    driver.wait(1)
    assert driver.value("BTC") == 11
    assert len(driver.ledger.changes.facts) == 2
    assert fees(driver) == -D("0.1000" if first == LEDGER else "0.10004")
    assert not driver.findings("fact_conflict")


def test_the_same_statement_tells_two_equal_trades_as_two() -> None:
    driver = trading()
    for number in (1, 2):
        record_trade(driver, f"T-{number}", "1", "100", statement=TRADES, trade_id=f"{number}")
    record_trade(driver, "L-1", "1", "100", statement=LEDGER, trade_id="1")
    record_trade(driver, "L-2", "1", "100", statement=LEDGER, trade_id="2")
    record_trade(driver, "L-3", "1", "100", statement=LEDGER, trade_id="3")
    assert fact_effects(driver) == {
        "T-1": "booked",
        "T-2": "booked",
        "L-1": "matched",
        "L-2": "matched",
        "L-3": "booked",
    }
    assert driver.value("BTC") == 13


def test_a_statement_that_tells_more_of_an_order_than_another_adds_the_rest() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("1", "100")], placed_at=driver.now - AGO)
    driver.report(script.report(2))
    record_trade(driver, "L-1", "1", "100", order_id="X-a", statement=LEDGER, fee="0.1", fee_asset="USDT")
    record_trade(driver, "T-1", "2", "100", order_id="X-a", statement=TRADES, fee="0.2", fee_asset="USDT")
    record_trade(driver, "L-2", "1", "100", order_id="X-a", statement=LEDGER, fee="0.1", fee_asset="USDT")
    assert fees(driver) == D("-0.2")
    assert driver.value("BTC") == 12


# --- told before the EMS names the order


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("parts", [("2",), ("0.5", "1.5")])
def test_a_trade_told_before_its_order_is_known_counts_once(ordered: bool, parts: tuple[str, ...]) -> None:
    driver = trading()
    order, placed = "X-a" if ordered else None, driver.now - AGO
    for number, part in enumerate(parts):
        record_trade(driver, f"T-{number}", part, "100", fee="0.1", fee_asset="USDT", order_id=order)
    assert set(fact_effects(driver).values()) == {"booked"}
    driver.wait(2)
    driver.report(OrderScript("a", [("2", "100")], placed_at=placed).report(1))
    paid = D("0.1") * len(parts)
    assert held(driver) == f"12 {D(99800) - paid}"
    assert driver.findings("told_ahead")
    quiet(driver, "12", str(D(99800) - paid), 60)
    assert not driver.transitions("opened")


def test_another_order_of_that_time_is_not_the_trade_told_with_an_order_id() -> None:
    driver = trading()
    record_trade(driver, "T-1", "1", "100", order_id="X-z")
    report_bought(driver, "a")
    assert driver.value("BTC") == 12


@pytest.mark.parametrize(("price", "later"), [("100", 1), ("101", 0)])
def test_a_fill_of_another_price_or_after_what_was_told_is_another(price: str, later: int) -> None:
    driver = trading()
    record_trade(driver, "T-1", "1", "100")
    placed = driver.now - AGO + timedelta(seconds=later)
    driver.wait(2)
    driver.report(OrderScript("a", [("1", price)], placed_at=placed).report(1))
    assert driver.value("BTC") == 12


def test_a_row_of_another_price_is_no_part_of_a_fill() -> None:
    driver = trading()
    report_bought(driver, "a", "3")
    record_trade(driver, "T-1", "1", "103")
    assert fact_effects(driver) == {"T-1": "booked"}


def test_another_statement_finds_the_order_that_took_a_trade_over() -> None:
    driver = trading()
    placed = driver.now - AGO
    record_trade(driver, "L-1", "1", "100", statement=LEDGER, trade_id="T", fee="0.1", fee_asset="USDT")
    driver.report(OrderScript("a", [("1", "100")], placed_at=placed).report(1))
    record_trade(driver, "T-1", "1", "100", statement=TRADES, order_id="X-a", fee="0.1", fee_asset="USDT")
    assert held(driver) == "11 99899.9"


def test_a_contracts_trade_told_before_its_order_is_known_makes_no_profit() -> None:
    driver = perpetual("10", "50")
    record_trade(driver, "T-1", "10", "100", order_id="X-a", symbol=PERPETUAL.exchange)
    driver.report(OrderScript("a", [("10", "100")], symbol=PERPETUAL, placed_at=driver.now - AGO).report(1))
    basis = driver.unit(PERPETUAL.exchange, "contract").contract.cost_basis
    assert basis is not None
    assert (basis.quantity(), basis.value()) == (D(20), D(1500))
    assert driver.value("USDT") == 1000


def test_what_is_part_of_the_opening_is_not_awaited() -> None:
    driver = trading()
    record_trade(driver, "T-1", "1", "100", ago=8 * 3600)
    assert fact_effects(driver) == {"T-1": "before_opening"}
    assert driver.ledger.accounts[driver.account].told_ahead.trades == []


# --- symbols as statements spell them


@pytest.mark.parametrize(
    "named",
    [
        {"symbol": "BTC-USDT"},
        {"symbol": "btc/usdt"},
        {"symbol": "any", "base": "BTC", "quote": "USDT"},
        {"symbol": "any", "base": "USDT", "quote": "BTC", "side": "SELL", "cash": "1"},
    ],
)
def test_a_symbol_is_found_however_it_is_spelled(named: dict[str, str]) -> None:
    driver = trading()
    report_bought(driver, "a")
    record_trade(driver, "T-1", "100" if "side" in named else "1", "100", **named)  # type: ignore[arg-type]
    assert fact_effects(driver) == {"T-1": "matched"}


def test_a_fee_in_the_quote_needs_no_code() -> None:
    driver = trading()
    report_bought(driver, "a")
    record_trade(driver, "T-1", "1", "100", fee="0.1", fee_in="quote")
    assert driver.value("USDT") == D("99899.9")
    record_fact(driver, "fee", "USDT", "-1", "F")
    assert driver.value("USDT") == D("98899.9") + 1000 - 1


# --- the price of a statement and the average of reports


def rounded(driver: GatewayDriver, *, digits: int = 0, lists: bool = False) -> OrderScript:
    """Report an order of 2 at 100 and 1 at 101 by its average price, rounded to some digits."""
    script = OrderScript(
        "a", [("2", "100"), ("1", "101")], placed_at=driver.now - AGO, price_digits=digits, lists_fills=lists
    )
    driver.report(script.report(2))
    return script


@pytest.mark.parametrize("learnt", ["0.006", "0"])
def test_a_statement_corrects_the_cash_that_a_rounded_average_left_open(learnt: str) -> None:
    """Reports showed the difference: it looked like a fee, or like rounding."""
    driver = GatewayDriver(Rules(defaults=AccountRules(learn_fees_up_to=D(learnt))))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000.00"), quiet=30)
    rounded(driver, digits=1)
    assert held(driver) == "13 99699.1", "an average of 100.3"
    quiet(driver, "13", "99699.00", 60)
    assert held(driver) == "13 99699"
    record_trade(driver, "T-1", "2", "100", order_id="X-a", cash="200", ago=60)
    assert not [entry for entry in driver.entries("USDT") if entry.fact], "a part says nothing of the rest"
    record_trade(driver, "T-2", "1", "101", order_id="X-a", cash="101", ago=60)
    told = [entry for entry in driver.entries("USDT") if entry.fact and entry.cause == "fill"]
    assert [(entry.amount, entry.order) for entry in told] == [(D("-0.1"), "c:a")]
    quiet(driver, "13", "99699.00", 60)
    assert driver.value("USDT") == 99699
    assert sum(entry.amount for entry in driver.entries("USDT") if entry.cause in {"rounding", "fee"}) == 0
    assert not driver.transitions("opened")


def test_a_price_beyond_what_the_average_leaves_open_is_found_and_corrects_nothing() -> None:
    driver = trading()
    rounded(driver, digits=4)
    before = held(driver)
    record_trade(driver, "T-1", "3", "103", order_id="X-a", cash="309")
    (found,) = driver.findings("price_differs")
    assert "nothing is corrected" in found.message
    assert held(driver) == before


def test_a_statement_tells_the_cash_that_no_report_told() -> None:
    driver = trading()
    script = OrderScript("a", [("3", "100")], placed_at=driver.now - AGO, lists_fills=False)
    driver.report({**script.report(1), "avg_px": None})
    assert held(driver) == "13 100000"
    record_trade(driver, "T-1", "3", "100", order_id="X-a", cash="300")
    assert held(driver) == "13 99700"
    driver.wait(1)
    driver.report(script.report(1))
    quiet(driver, "13", "99700", 60)
    assert held(driver) == "13 99700"
    assert not driver.transitions("opened")


def test_a_coarse_average_in_a_statement_corrects_nothing() -> None:
    driver = trading()
    rounded(driver, digits=4)
    before = held(driver)
    record_trade(driver, "T-1", "3", "100.3", order_id="X-a")
    assert held(driver) == before
    assert not driver.findings("price_differs")


def test_the_price_of_a_contracts_fill_is_not_corrected_and_a_finding_says_so() -> None:
    driver = perpetual("10", "50")
    driver.report(OrderScript("a", [("10", "100")], symbol=PERPETUAL, placed_at=driver.now - AGO).report(1))
    record_trade(driver, "T-1", "10", "100.5", order_id="X-a", symbol=PERPETUAL.exchange)
    (found,) = driver.findings("price_differs")
    assert "keeps theirs" in found.message


# --- fees that a ledger tells apart from their trades


def ledger_fee(driver: GatewayDriver, amount: str, external_id: str, *, ago: float) -> None:
    record_fact(driver, "fee", "USDT", amount, external_id, ago=ago, statement="ledger", of_trade=True)


@pytest.mark.parametrize("ledger_first", [True, False])
@pytest.mark.parametrize("learnt", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_the_fee_of_a_ledger_is_that_of_the_trades(ledger_first: bool, learnt: bool, named: bool) -> None:
    rules = AccountRules(fees=[FeeRule(maker=D("0.001"), taker=D("0.001"))]) if learnt else AccountRules()
    driver = GatewayDriver(Rules(defaults=rules))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"), quiet=30)
    for key, price in (("a", "100"), ("b", "200")):
        report_bought(driver, key, price=price)
        driver.wait(10)
    for what in ("ledger", "trades") if ledger_first else ("trades", "ledger"):
        for key, price, ago in (("a", "100", 16.3), ("b", "200", 6.3)):
            fee = str(D(price) / 1000)
            if what == "ledger":
                ledger_fee(driver, f"-{fee}", f"L-{key}", ago=ago)
            else:
                order = f"X-{key}" if named else None
                record_trade(
                    driver,
                    f"T-{key}",
                    "1",
                    price,
                    fee=fee,
                    fee_asset="USDT",
                    order_id=order,
                    statement="trades",
                    ago=ago,
                )
    assert held(driver) == "12 99699.7"
    assert fees(driver) == D("-0.3")


def test_a_fee_that_may_be_several_orders_is_booked_by_itself() -> None:
    driver = trading()
    for key in ("a", "b"):
        report_bought(driver, key)
    driver.wait(4)
    ledger_fee(driver, "-0.1", "L-1", ago=0.1)
    assert fact_effects(driver) == {"L-1": "booked"}
    assert driver.entries("USDT")[-1].order is None


def test_a_fee_of_no_trade_is_never_an_orders() -> None:
    driver = trading()
    report_bought(driver, "a")
    driver.wait(4)
    record_trade(driver, "T-1", "1", "100", fee="0.1", fee_asset="USDT", order_id="X-a", statement="trades")
    record_fact(driver, "fee", "USDT", "-0.1", "W-1/fee", statement="ledger")
    assert fees(driver) == D("-0.2")


# --- fees of trades that nobody told


def record_loose_fee(
    driver: GatewayDriver, statement: str, amount: str = "-0.4", *, ago: float = 60, trade: str = ""
) -> None:
    number = len(fact_effects(driver))
    name, told = f"{statement}-{number}", trade or None
    record_fact(driver, "fee", "USDT", amount, name, ago=ago, statement=statement, of_trade=True, trade_id=told)


def settled_account() -> GatewayDriver:
    driver = trading()
    quiet(driver, "10", "100000", 80)
    return driver


@pytest.mark.parametrize("first", [LEDGER, TRADES])
def test_a_fee_of_an_unknown_trade_that_two_statements_tell_counts_once(first: str) -> None:
    driver = settled_account()
    second = TRADES if first == LEDGER else LEDGER
    for statement in (first, first, second, second):
        record_loose_fee(driver, statement)
    assert fees(driver) == D("-0.8"), "each tells the same two"
    record_loose_fee(driver, second)
    assert fees(driver) == D("-1.2"), "a third one is another trade's"


def test_the_id_of_its_trade_joins_a_fee_that_is_told_at_another_time_and_rounded() -> None:
    driver = settled_account()
    record_loose_fee(driver, LEDGER, "-0.4", trade="T9")
    record_loose_fee(driver, TRADES, "-0.401", ago=30, trade="T9")
    assert fees(driver) == D("-0.4")
    record_loose_fee(driver, TRADES, "-0.4", trade="T10")
    assert fees(driver) == D("-0.8"), "another id is another trade"


def test_fees_of_equal_amount_at_other_times_are_two() -> None:
    driver = settled_account()
    record_loose_fee(driver, LEDGER, ago=60)
    record_loose_fee(driver, TRADES, ago=30)
    assert fees(driver) == D("-0.8")


def test_a_trade_that_is_told_later_has_its_fee_already() -> None:
    driver = settled_account()
    record_loose_fee(driver, LEDGER, trade="T9")
    record_trade(driver, "trade", "1", "100", fee="0.4", fee_asset="USDT", ago=60, trade_id="T9", statement=TRADES)
    assert fees(driver) == D("-0.4")
    record_loose_fee(driver, "third", trade="T9")
    assert fees(driver) == D("-0.4")


# --- a trade that explained a break, and is reported later


@pytest.mark.parametrize("steps", [1, 2])
def test_a_trade_that_explained_a_break_and_is_reported_later_leaves_no_break(steps: int) -> None:
    driver = trading()
    placed = driver.now - AGO
    quiet(driver, "13", "99700", 60)
    assert [(known.amount, known.state) for known in driver.breaks("BTC")] == [(D(3), "open")]
    for statement in (TRADES, LEDGER):
        record_trade(driver, f"{statement}-1", "3", "100", ago=60, order_id="X-a", trade_id="T", statement=statement)
    assert not driver.breaks("BTC")
    assert not driver.breaks("USDT")
    script = OrderScript("a", [("1", "100"), ("2", "100")], placed_at=placed)
    for count in range(3 - steps, 3):
        driver.report(script.report(count))
        quiet(driver, "13", "99700", 30)
    assert held(driver) == "13 99700"
    assert not driver.breaks("BTC")
    assert not driver.breaks("USDT")


def test_what_is_left_of_a_break_beyond_the_trade_stays_once_it_is_reported() -> None:
    driver = trading()
    placed = driver.now - AGO
    quiet(driver, "14", "99700", 60)
    record_trade(driver, "T-1", "3", "100", ago=60, order_id="X-a", statement=TRADES)
    assert [known.amount for known in driver.breaks("BTC")] == [D(1)]
    driver.report(OrderScript("a", [("1", "100"), ("2", "100")], placed_at=placed).report(2))
    quiet(driver, "14", "99700", 40)
    assert held(driver) == "13 99700"
    assert [known.amount for known in driver.breaks("BTC")] == [D(1)]
    assert not driver.breaks("USDT")
