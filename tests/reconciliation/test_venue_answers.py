"""What a venue answers goes the way of a statement: held against the books of its time, trades matched by their ids."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from recon.ledger.rules import AccountRules, Rules
from recon.log import events
from recon.reconciliation.model.shown_verdict import shown_verdict
from recon.testing import PERPETUAL, START, GatewayDriver, OrderScript, balance_row, symbol_row
from tests.reconciliation.test_source_checks import bought, checks
from tests.support.facts_driver import approve_waiting, fact_effects, waiting_facts
from tests.support.trading_account import trading
from tests.support.venue_answers import answer_document, tell_answer, tell_trade

D = Decimal


def verdicts(driver: GatewayDriver) -> dict[str, tuple[str, Decimal]]:
    return {check.unit: (check.verdict, check.reported) for check in checks(driver)}


def test_each_amount_of_an_answer_is_judged_for_itself() -> None:
    driver = trading()
    bought(driver)
    tell_answer(driver, {"BTC": "11", "USDT": "99899", "ETH": "50"})
    driver.wait(60)
    assert verdicts(driver) == {"BTC": ("agreed", D(11)), "USDT": ("break", D(99899)), "ETH": ("agreed", D(50))}
    [break_] = driver.breaks("USDT")
    assert (break_.cause, break_.amount, break_.source) == ("source_differs", D(-1), "venue")
    assert driver.breaks("BTC") == []
    tell_answer(driver, {"BTC": "11", "USDT": "99900", "ETH": "50"})
    driver.wait(60)
    assert driver.breaks("USDT") == [], "a later answer that agrees clears it"


def test_an_answer_satisfies_an_account_that_demands_a_venue() -> None:
    driver = trading()
    rules = AccountRules(settlement_window_us=5_000_000, require_source="venue")
    driver.set_rules(Rules(defaults=rules))
    driver.wait(30)

    def shown(code: str) -> str:
        account = driver.ledger.accounts[driver.account]
        now_us = driver.ledger.clock.last_us
        return shown_verdict(driver.unit(code), driver.comparison(code), account, now_us, rules).verdict

    assert shown("BTC") == "pending"
    tell_answer(driver, {"BTC": "10"})
    driver.wait(60)
    assert (shown("BTC"), shown("ETH")) == ("agreed", "pending")


def test_what_a_complete_answer_does_not_list_is_zero_and_what_another_does_not_list_is_not_told() -> None:
    driver = trading()
    tell_answer(driver, {"BTC": "10"})
    driver.wait(60)
    assert verdicts(driver) == {"BTC": ("agreed", D(10))}
    tell_answer(driver, {"BTC": "10"}, complete=True)
    driver.wait(60)
    assert verdicts(driver) == {"BTC": ("agreed", D(10)), "ETH": ("break", D(0)), "USDT": ("break", D(0))}
    assert "lists no ETH" in driver.breaks("ETH")[0].evidence[0].text


def test_the_members_of_a_pool_are_told_as_their_sum() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules(settlement_window_us=5_000_000, pools=[["BTC", "BTC.F"]])))
    driver.start(balance_row("BTC", "10"), balance_row("BTC.F", "2"), balance_row("USDT", "5"), quiet=30)
    tell_answer(driver, {"BTC.F": "2.5", "BTC": "9.5"})
    driver.wait(60)
    assert verdicts(driver) == {"BTC": ("agreed", D(12))}


def test_both_legs_of_a_hedged_contract_are_told_as_their_net() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules(settlement_window_us=5_000_000)))
    driver.start(balance_row("USDT", "1000"), quiet=30)
    driver.snapshot("SYMBOLS_SNAPSHOT", [symbol_row(*PERPETUAL)])
    driver.report(OrderScript("p1", [("3", "100")], side="BUY", symbol=PERPETUAL, placed_at=driver.now).report(1))
    driver.wait(60)
    symbol = PERPETUAL.exchange
    assert driver.ledger.known_contract(driver.account, symbol) is not None
    tell_answer(driver, {symbol: "5"}, what="positions")
    told = {"unit": symbol, "amount": "-2"}
    document = answer_document(
        driver.account, driver.now, what="positions", amounts=[told, {"unit": symbol, "amount": "5"}]
    )
    driver.event(events.VENUE_ANSWER, msgspec.json.encode(document), account=driver.account)
    driver.wait(60)
    assert [check.reported for check in checks(driver)] == [D(5), D(3)]


def test_a_code_that_the_ems_has_never_named_opens_no_break_and_says_what_to_do() -> None:
    driver = trading()
    tell_answer(driver, {"XBT": "3", "DOGE": "0"})
    driver.wait(60)
    found = {check.unit: check for check in checks(driver)}
    assert {unit: check.verdict for unit, check in found.items()} == {"XBT": "not_judged", "DOGE": "not_judged"}
    assert "map its code in the venue's settings" in str(found["XBT"].reason)
    assert (driver.account, "asset", "XBT") not in driver.ledger.units


def test_a_question_without_an_answer_changes_nothing_and_an_account_nobody_named_is_one_finding() -> None:
    driver = trading()
    before = len(driver.ledger.changes.findings)
    tell_answer(driver, {}, problem="kraken did not answer in time", complete=True)
    assert (checks(driver), len(driver.ledger.changes.findings)) == ([], before)
    amounts = [{"unit": unit, "amount": "1"} for unit in ("BTC", "ETH")]
    document = answer_document("KRAKEN/NOBODY", driver.now, amounts=amounts, complete=True)
    driver.event(events.VENUE_ANSWER, msgspec.json.encode(document), account="KRAKEN/NOBODY")
    assert [found.kind for found in driver.ledger.changes.findings[before:]] == ["fact_without_account"]


FACT = {"account": "B", "external_id": "1", "occurred_at": "2026-01-05T00:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (events.VENUE_ANSWER, {"account": "BINANCE"}),
        (events.VENUE_ANSWER, []),
        (events.VENUE_ANSWER, answer_document("BINANCE", START, at_us=1 << 62)),
        (events.VENUE_ANSWER, answer_document("BINANCE", START, amounts=[{"unit": "", "amount": "1"}])),
        (events.VENUE_ANSWER, answer_document("BINANCE", START, amounts=[{"unit": "BTC", "amount": "1E+99"}])),
        (events.VENUE_TRADE, FACT | {"fact": "deposit", "unit": "BTC", "amount": "1", "source_class": "venue"}),
        (events.VENUE_TRADE, FACT | {"fact": "trade", "symbol": "BTCUSDT", "side": "BUY", "quantity": "1"}),
    ],
)
def test_what_is_no_answer_is_a_finding(kind: str, payload: object) -> None:
    driver = trading()
    driver.event(kind, msgspec.json.encode(payload))
    assert driver.ledger.changes.findings[-1].kind == "unreadable"


def test_a_trade_that_the_ems_told_is_matched_by_its_order_and_adds_its_fee_alone() -> None:
    driver = trading()
    bought(driver)
    tell_trade(driver, "T1", "1", "100", ago=60, order_id="X-o1", fee="0.1", fee_asset="USDT")
    approve_waiting(driver)  # no rate is known, so the fee is material
    assert fact_effects(driver) == {"kraken:BTCUSDT:T1": "matched"}
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D("99899.9"))
    tell_trade(driver, "T1", "1", "100", ago=60.01, order_id="X-o1", fee="0.1", fee_asset="USDT")
    assert driver.value("BTC") == D(11)


def test_a_trade_that_comes_before_the_ems_told_it_counts_once() -> None:
    driver = trading()
    placed = driver.now
    driver.wait(4)
    tell_trade(driver, "T1", "0.01", "100", order_id="X-late")
    approve_waiting(driver)
    assert fact_effects(driver) == {"kraken:BTCUSDT:T1": "booked"}
    assert driver.value("BTC") == D("10.01")
    driver.report(OrderScript("late", [("0.01", "100")], side="BUY", placed_at=placed).report(1))
    driver.balance("BTC", D("10.01"))
    driver.balance("USDT", D(99999))
    driver.wait(60)
    assert driver.value("BTC") == D("10.01")
    assert driver.breaks("BTC") == []


def test_a_material_trade_that_only_the_venue_told_waits_for_one_person() -> None:
    driver = trading()
    driver.set_rules(Rules(defaults=AccountRules(settlement_window_us=5_000_000, material_usd=D(0))))
    tell_trade(driver, "T9", "1", "100", ago=1, order_id="X-unknown")
    [waiting] = waiting_facts(driver)
    assert (waiting.first_login, driver.value("BTC")) == ("venue kraken", D(10))
    approve_waiting(driver)
    assert waiting_facts(driver) == []
    assert driver.value("BTC") == D(11)
