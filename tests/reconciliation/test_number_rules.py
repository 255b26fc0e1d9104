"""What the numbers shown mean (semantics 7)."""

from __future__ import annotations

from decimal import Decimal

from recon.testing import BTC_USDT, GatewayDriver, OrderScript, balance_row
from tests.support.trading_account import report_bought, trading, verdict

D = Decimal


def test_semantics_7__numbers_of_a_break_add_up_at_its_cut() -> None:
    driver = trading()
    report_bought(driver, "a")
    driver.poll("BTC", "11.5", 60)
    facts = driver.transitions("opened")[-1].snapshot
    assert (facts.opening, facts.expected, facts.reported) == (D(10), D(11), D("11.5"))
    assert (facts.drift, facts.explained, facts.unexplained) == (D("0.5"), D(0), D("0.5"))
    assert (facts.in_flight, facts.verdict, facts.coverage) == (D(0), "break", "covered")


def test_semantics_7__fills_after_the_cut_are_in_flight() -> None:
    driver = trading()
    driver.balance("BTC", "10")
    report_bought(driver, "a")
    comparison = driver.comparison("BTC")
    assert (comparison.cut_total, driver.unit("BTC").balance.fills) == (D(0), D(1))
    assert comparison.cut_seq is not None
    assert comparison.cut_seq < len(driver.log)
    assert driver.value("BTC") == D(11), "the balance is what the books say now"


def test_semantics_7__verdicts_in_their_order() -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    driver.balances(balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(1))
    assert (verdict(driver, "BTC"), verdict(driver, "USDT")) == ("unobserved", "pending")
    driver.balance("BTC", "1")
    driver.balance("USDT", "900")
    driver.wait(60)
    assert (verdict(driver, "BTC"), verdict(driver, "USDT")) == ("agreed", "agreed")
    driver.poll("BTC", "3", 60)
    assert verdict(driver, "BTC") == "break"
    driver.balance("BTC", "7")
    assert verdict(driver, "BTC") == "break", "a break goes before what is pending"
