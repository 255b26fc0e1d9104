"""Log time, and the bounds of what waits for it (semantics 9)."""

from __future__ import annotations

from decimal import Decimal

from recon.ledger.ledger import Ledger
from recon.ledger.ledger_clock import LedgerClock
from recon.ledger.rules import Rules
from recon.reconciliation.reconciler import Reconciler
from recon.reconciliation.trellis.costs import FLOOD
from recon.testing import ACCOUNT, START, GatewayDriver
from recon.times import LogTime, microseconds
from tests.support.trading_account import late_order, trading, verdict

D = Decimal


def test_semantics_9_4__a_hole_in_log_time_does_not_end_windows() -> None:
    """A database stall of a minute: the next event comes late, and the report of the fill with it."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    order = late_order(driver, "a")
    driver.balance("BTC", "11")
    driver.wait(1)
    clock = driver.ledger.clock.clock
    driver.tick(after=60)
    assert driver.ledger.clock.clock == clock
    assert not driver.transitions()
    driver.wait(10)
    driver.report(order.report(1))
    driver.balance("BTC", "11")
    driver.wait(60)
    assert not [each for each in driver.transitions() if each.unit == "BTC"]


def test_semantics_9_4__the_same_minute_told_by_ticks_does_end_them() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.balance("BTC", "11")
    driver.wait(61)
    assert driver.opened_breaks() == [("BTC", D(1))]


def test_semantics_9_1__log_time_never_goes_back() -> None:
    clock = LedgerClock()
    start = microseconds(START)
    assert clock.advance_to(start) == 0
    assert clock.advance_to(start + 5_000_000) == 5_000_000
    assert clock.advance_to(start + 4_000_000) == 5_000_000
    assert clock.advance_to(start + 6_000_000) == 6_000_000
    assert clock.advance_to(start + 15_000_000 + 6_000_001) == 6_000_000, "longer than a hole"


def _whole_size(driver: GatewayDriver) -> int:
    """Return how many bytes the trellis of BTC takes where its account is stored whole."""
    trellis = driver.reconciler.trellises[ACCOUNT]
    trellis.rates_changed(driver.ledger.clock.last_us)  # has it stored whole
    stored = driver.reconciler.store()
    return len(stored.units[ACCOUNT, "asset", "BTC"])


def test_observations_that_wait_are_bounded_and_the_latest_takes_the_place_of_the_one_before() -> None:
    driver = trading()
    for number in range(FLOOD + 50):
        driver.balance("BTC", D("10.5") + number, after=0.0)
    few = _whole_size(driver)
    for number in range(1000):
        driver.balance("BTC", D("10.5") + number, after=0.0)
    assert _whole_size(driver) < few + 100, "no more of them are kept"
    assert verdict(driver, "BTC") == "pending"
    driver.poll("BTC", "10", 60)
    assert verdict(driver, "BTC") == "agreed"
    assert not driver.opened_breaks()


def test_an_engine_asks_nothing_of_units_that_rest() -> None:
    book = Ledger("g", LedgerClock(), Rules())
    engine = Reconciler(book)
    engine.advance(LogTime(1, 10_000_000, 10_000_000))
    assert engine.transitions == []
    assert not engine.pending


def test_an_open_break_makes_the_log_tick_no_faster() -> None:
    """What is kept for it is forgotten only minutes later: nothing is due soon."""
    driver = trading()
    driver.balance("BTC", "8", after=1.0)
    assert driver.reconciler.pending, "the report waits for its window"
    driver.poll("BTC", "8", 60)
    driver.wait(30)
    assert verdict(driver, "BTC") == "break"
    assert not driver.reconciler.pending
