"""A fee at a rate that nobody knows waits, and is a break or a rate in the end (semantics 8.5)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.rules import AccountRules, FeeRule
from recon.reconciliation.model.verdict import verdict_of
from recon.testing import OrderScript
from tests.support.claims import claimed, residual
from tests.support.fee_venue import RATE, Venue, agrees, rates_of, suspended
from tests.support.properties import steady
from tests.support.trading_account import WINDOW

D = Decimal
MAKER = D("0.0002")
#: The least that anything waits in suspense, in seconds.
SUSPENSE = 60 * WINDOW


def scheduled(maker: Decimal = RATE) -> AccountRules:
    return AccountRules(fees=[FeeRule(maker=maker, taker=RATE)])


def told() -> Venue:
    """A venue whose rate is in a schedule, after some trades."""
    venue = Venue(scheduled())
    venue.days_work(rounds=2)
    return venue


def learned() -> Venue:
    """A venue whose rate was learned."""
    venue = Venue()
    venue.days_work()
    return venue


Known = Callable[[], Venue]
how_it_is_known = pytest.mark.parametrize("known", [told, learned], ids=["told", "learned"])


@how_it_is_known
def test_a_fee_in_suspense_is_shown_and_becomes_a_break_in_the_end(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", extra=D("0.75"), quiet=0)
    seen = driver.log[-1]  # the wait after a report takes no time here: this is the row of USDT
    driver.wait(5 * WINDOW)
    assert suspended(driver) == [D("-0.75")]
    assert verdict_of(driver.unit("USDT"), driver.comparison("USDT")) == "pending", "shown, and nobody is alerted"
    assert residual(driver, "USDT") == D("-0.75")
    venue.days_work(rounds=3)
    assert claimed(driver.comparison("USDT")) == D("-0.75"), "held back from the fees that are booked"
    driver.wait(SUSPENSE)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))]
    (one,) = driver.breaks("USDT")
    assert one.origin_seq == seen.seq
    assert one.after_seq < seen.seq
    assert one.opened_us - one.seen_us >= SUSPENSE * 1_000_000
    assert not suspended(driver)
    venue.rest()
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == D("-0.75")
    assert driver.value("USDT") == venue.usdt + D("0.75"), "and no fee is booked for it"


@how_it_is_known
def test_a_break_that_was_a_fee_after_all_clears_once_the_rate_is_adopted(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", rate=D("0.0025"))
    venue.days_work(rounds=3)
    driver.wait(SUSPENSE)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))]
    for number in range(3):
        venue.trade("SELL", f"{50100 + 100 * number}.00", rate=D("0.0025"))
    venue.rest()
    assert D("0.0025") in rates_of(driver, 1)
    driver.wait(SUSPENSE)
    assert not driver.breaks("USDT")
    assert agrees(venue, "USDT")


@how_it_is_known
@pytest.mark.parametrize("every", [3, 4, 5])
def test_a_second_rate_beside_the_first_is_learned_without_alarms(known: Known, every: int) -> None:
    venue = known()
    driver = venue.driver
    for number in range(24):
        seldom = number % every == every - 1
        venue.trade("BUY" if number // 2 % 2 else "SELL", f"{50000 + 7 * number}.00", rate=MAKER if seldom else RATE)
    venue.rest()
    assert not driver.transitions()
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")


# -- what crossed a report ---------------------------------------------------------------------------------------------


def unreported(venue: Venue, quantity: str, price: str = "50000") -> OrderScript:
    """A small purchase that the balances hold and no report tells of yet."""
    amount = D(quantity)
    venue.balances["BTC"] += amount
    venue.balances["USDT"] -= amount * D(price) * (1 + RATE)
    return OrderScript(f"late{quantity}", [(quantity, price)], placed_at=venue.filled_now())


@how_it_is_known
def test_what_crossed_a_report_and_looked_like_a_fee_is_given_back(known: Known) -> None:
    venue = known()
    driver, before = venue.driver, rates_of(venue.driver, 1)
    late = unreported(venue, "0.00003")
    order = venue.fill("SELL", "50000.00")
    driver.report(order.report(1))
    driver.wait(0.1)
    venue.report_balances()
    driver.wait(2 * WINDOW)
    assert suspended(driver) == [D("-1.5015")], "0.3 % of the sale: a fee at some rate, for all that is known"
    driver.report(late.report(1))
    venue.rest()
    assert not suspended(driver)
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")
    venue.days_work(rounds=3)
    driver.wait(SUSPENSE)
    assert not driver.opened_breaks()
    assert rates_of(driver, 1) == before


# -- what is no fee ----------------------------------------------------------------------------------------------------


@how_it_is_known
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_a_missed_fill_opens_with_its_exact_amount(known: Known, side: str) -> None:
    venue = known()
    driver, sign = venue.driver, 1 if side == "BUY" else -1
    venue.fill(side, "50123.00")
    venue.report_balances()
    driver.wait(60)
    venue.days_work(rounds=2)
    cash = -sign * D("501.23") - D("0.50123")
    assert sorted(driver.opened_breaks()) == [("BTC", sign * D("0.01")), ("USDT", cash)]
    assert not suspended(driver)
    assert residual(driver, "USDT") == cash


@how_it_is_known
def test_what_comes_with_fills_and_is_too_large_for_a_fee_never_waits(known: Known) -> None:
    venue = known()
    venue.trade("SELL", "50000.00", extra=D("5.51"))
    assert not suspended(venue.driver)
    venue.rest()
    assert venue.driver.opened_breaks() == [("USDT", D("-5.51"))]


@how_it_is_known
def test_a_deposit_after_fills_that_agreed_leaves_what_waits_alone(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    venue.trade("BUY", "50000.00")
    venue.move("USDT", 20000)
    venue.report_balances()
    driver.wait(60)
    assert driver.opened_breaks() == [("USDT", D(20000))]
    assert suspended(driver) == [D("-0.75")]
    venue.days_work(rounds=3)
    driver.wait(SUSPENSE)
    assert driver.opened_breaks() == [("USDT", D(20000)), ("USDT", D("-0.75"))]


# -- nothing is lost ---------------------------------------------------------------------------------------------------

SCHEDULES = {"told both": scheduled(MAKER), "told one": scheduled(), "told nothing": AccountRules()}
Trades = list[tuple[str, int, bool, int]]
TRADES: st.SearchStrategy[Trades] = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]), st.integers(4_990_000, 5_010_000), st.booleans(), st.sampled_from([2, 8])
    ),
    min_size=1,
    max_size=20,
)


@pytest.mark.parametrize("schedule", SCHEDULES)
@steady(25)
@given(trades=TRADES)
def test_whatever_two_rates_are_taken_of_fills_nothing_is_lost(schedule: str, trades: Trades) -> None:
    venue = Venue(SCHEDULES[schedule])
    driver = venue.driver
    with exact():
        for side, cents, taken, seconds in trades:
            venue.trade(side, D(cents) / 100, rate=RATE if taken else MAKER, quiet=seconds)
        venue.rest(6)
        for unit in ("BTC", "USDT"):
            held, comparison = driver.value(unit), driver.comparison(unit)
            assert held is not None
            entries = driver.entries(unit)
            assert held == sum((entry.amount for entry in entries), ZERO)
            assert residual(driver, unit) == claimed(comparison)
            assert held + claimed(comparison) == venue.balances[unit], "all that is not booked is owned"
        assert not driver.opened_breaks()
        if schedule == "told both":
            assert agrees(venue, "USDT"), "what is told needs no guess"
