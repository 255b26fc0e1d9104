"""Who decides an opening that the first reports leave uncertain: a fill told late, or a person (semantics 4.5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.exact import plain
from recon.ledger.rules import AccountRules, RecoveryRules, Rules
from recon.testing import GatewayDriver, OrderScript, balance_row, stamp
from tests.support.facts_driver import approve_waiting, fact_effects, record_fact, waiting_facts
from tests.support.rest_driver import BackfillRun, history_row

D = Decimal


def state(driver: GatewayDriver) -> str:
    """Return what the books hold of both assets, and the amounts of the open breaks."""
    broken = [plain(known.amount) for code in ("BTC", "USDT") for known in driver.breaks(code)]
    return " ".join([plain(driver.value(code) or D(0)).removesuffix(".0") for code in ("BTC", "USDT")] + broken)


def doubtful(*, rate: str = "20000", recovery: RecoveryRules | None = None) -> GatewayDriver:
    """Return an account whose first two reports differ by one bitcoin and 20,000 USDT, without a fill."""
    rules = AccountRules(settlement_window_us=1_000_000)
    driver = GatewayDriver(Rules(defaults=rules, recovery=recovery or RecoveryRules()))
    driver.start(balance_row("BTC", "10", rate_usd=D(rate)), balance_row("USDT", "100000", rate_usd=D(1)), quiet=2)
    driver.balances(balance_row("BTC", "11", rate_usd=D(rate)), balance_row("USDT", "80000", rate_usd=D(1)))
    quiet(driver, 60, rate=rate)
    assert len(driver.findings("opening_uncertain")) == 2
    assert state(driver) == "11 80000"
    return driver


def quiet(driver: GatewayDriver, seconds: int, btc: str = "11", usdt: str = "80000", rate: str = "20000") -> None:
    for _ in range(seconds):
        driver.balances(balance_row("BTC", btc, rate_usd=D(rate)), balance_row("USDT", usdt, rate_usd=D(1)))
        driver.wait(1)


def told_late(driver: GatewayDriver, *fills: tuple[str, str]) -> None:
    """Report an order of the seconds between the first two reports."""
    script = OrderScript("a", fills, placed_at=driver.now - timedelta(seconds=66))
    driver.report(script.report(len(fills)))


def test_a_fill_that_is_told_late_is_what_the_first_reports_differ_by() -> None:
    driver = doubtful()
    told_late(driver, ("1", "20000"))
    quiet(driver, 20)
    assert state(driver) == "11 80000"
    assert len(driver.findings("opening_settled")) == 2


def test_an_answer_over_rest_that_brings_the_fill_decides_it() -> None:
    driver = doubtful(recovery=RecoveryRules(enabled=True, history=True))
    script = OrderScript("a", [("1", "20000")], placed_at=driver.now - timedelta(seconds=66))
    driver.close_session()
    driver.open_session("s2", after=2)
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("BTC", "11", rate_usd=D(20000)), balance_row("USDT", "80000", rate_usd=D(1)))
    driver.positions()
    run = BackfillRun(driver)
    run.begin()
    run.history(history_row(script.report(1), created=stamp(script.placed_at)))
    run.end()
    quiet(driver, 20)
    assert state(driver) == "11 80000"
    assert len(driver.findings("opening_settled")) == 2


def test_the_earlier_value_that_a_person_tells_makes_a_break() -> None:
    driver = doubtful()
    record_fact(driver, "opening", "BTC", "10", "told:1")
    assert fact_effects(driver) == {"told:1": "booked"}
    assert (state(driver), driver.unit("BTC").balance.opening) == ("10 80000 1", D(11))
    quiet(driver, 30)
    assert state(driver) == "10 80000 1", "later reports change nothing"
    record_fact(driver, "deposit", "BTC", "1", "D-1", ago=92)
    assert state(driver) == "11 80000"


def test_the_later_value_that_a_person_tells_settles_it() -> None:
    driver = doubtful()
    record_fact(driver, "opening", "BTC", "11", "told:1")
    assert len(driver.findings("opening_settled")) == 1
    record_fact(driver, "opening", "BTC", "10", "told:2")
    (refused,) = driver.findings("opening_refused")
    assert "no report leaves that uncertain" in refused.message
    assert fact_effects(driver) == {"told:1": "before_opening"}


def test_another_value_is_refused_with_the_two_that_may_be() -> None:
    driver = doubtful()
    record_fact(driver, "opening", "BTC", "10.5", "told:1")
    (refused,) = driver.findings("opening_refused")
    assert "10 or 11" in refused.message
    assert fact_effects(driver) == {}


@pytest.mark.parametrize("held", ["10", "11"])
def test_a_material_opening_needs_a_second_person_either_way(held: str) -> None:
    driver = doubtful(rate="2000000")
    record_fact(driver, "opening", "BTC", held, "told:1", approved=False)
    assert len(waiting_facts(driver)) == 1
    assert (state(driver), driver.findings("opening_settled")) == ("11 80000", [])
    approve_waiting(driver)
    assert driver.value("BTC") == D(held)
    assert len(driver.findings("opening_settled")) == 1


def test_a_movement_of_that_time_settles_it_too() -> None:
    driver = doubtful()
    record_fact(driver, "deposit", "BTC", "1", "D-1", ago=61)
    record_fact(driver, "opening", "BTC", "10", "told:1")
    assert state(driver) == "11 80000"
    assert len(driver.findings("opening_refused")) == 1


def test_two_fills_that_are_told_one_after_the_other_are_it_together() -> None:
    driver = doubtful()
    told_late(driver, ("0.4", "20000"), ("0.6", "20000"))
    quiet(driver, 20)
    assert state(driver) == "11 80000"


def test_a_fill_of_another_time_is_not_what_they_differ_by() -> None:
    driver = doubtful()
    driver.report(OrderScript("a", [("1", "20000")], placed_at=driver.now - timedelta(seconds=4.2)).report(1))
    quiet(driver, 20, "12", "60000")
    assert (state(driver), driver.findings("opening_settled")) == ("12 60000", [])
