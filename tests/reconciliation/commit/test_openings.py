"""Openings: what a unit held before its first posting (recon/reconciliation/commit/openings.py, semantics 4)."""

from __future__ import annotations

from decimal import Decimal

from recon.testing import BTC_USDT, GatewayDriver, OrderScript, balance_row
from tests.support.claims import claimed, residual
from tests.support.trading_account import WINDOW, verdict

D = Decimal


def begun() -> GatewayDriver:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    return driver


def test_a_single_report_is_the_opening_after_a_hold_of_quiet() -> None:
    driver = begun()
    driver.wait(2 * WINDOW)
    assert (driver.value("BTC"), verdict(driver, "BTC")) == (None, "pending")
    driver.wait(3 * WINDOW)
    assert (driver.value("BTC"), verdict(driver, "BTC")) == (D(10), "agreed")
    assert [entry.certainty for entry in driver.entries("BTC")] == ["exact"]


def test_a_second_report_that_agrees_is_the_opening_at_once() -> None:
    driver = begun()
    driver.wait(1)
    driver.balance("BTC", "10")
    driver.wait(WINDOW + 1)
    assert driver.value("BTC") == 10


def test_a_fill_races_with_the_first_report() -> None:
    """Semantics 4.2: the next report tells that the first one had not seen the fill."""
    driver = begun()
    driver.report(OrderScript("a", [("1", "100")], placed_at=driver.now).report(1))
    driver.wait(0.2)
    driver.balance("BTC", "11")
    driver.poll("BTC", "11", 60)
    balance = driver.unit("BTC").balance
    assert (balance.opening, balance.fills, driver.value("BTC")) == (D(10), D(1), D(11))
    assert not driver.opened_breaks()


def test_what_early_reports_differ_by_is_uncertain_and_the_later_one_is_the_opening() -> None:
    """Semantics 4.5: the snapshot was old, or 1 left the account; no balance tells which."""
    driver = begun()
    driver.wait(0.8)
    driver.poll("BTC", "9", 60)
    assert driver.findings("opening_uncertain")
    assert not driver.opened_breaks()
    assert driver.value("BTC") == 9
    assert residual(driver, "BTC") == claimed(driver.comparison("BTC")) == 0


def test_an_opening_is_posted_once_and_never_moves() -> None:
    driver = begun()
    driver.poll("BTC", "10", 40)
    driver.poll("BTC", "12", 60)
    assert [entry.amount for entry in driver.entries("BTC") if entry.cause == "opening"] == [10]
    assert driver.opened_breaks() == [("BTC", D(2))]


def test_reports_of_the_instant_of_the_first_one_are_a_later_opening_and_no_fee() -> None:
    """The first snapshot was old: updates that waited with it say what is held, and a break soon after changes nothing.

    Semantics 4.5 and 8.5: no fee is booked that no fill can have cost.
    """
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.balance("USDT", "99967", after=0)
    driver.balance("USDT", "99952", after=0)
    held = D(99952)
    for number in range(20):
        driver.wait(0.9)
        driver.report(OrderScript(f"o{number}", [("10", "100")], placed_at=driver.now).report(1))
        held -= 1000
        driver.wait(0.1)
        driver.balance("USDT", held)
    held -= 600
    driver.poll("USDT", held, 60)
    balance = driver.unit("USDT").balance
    assert (balance.opening, driver.value("USDT")) == (D(99952), held + 600)
    assert [entry.amount for entry in driver.entries("USDT") if entry.cause == "fee"] == []
    assert len(driver.findings("opening_uncertain")) == 2
    assert [known.amount for known in driver.breaks("USDT")] == [D(-600)]
