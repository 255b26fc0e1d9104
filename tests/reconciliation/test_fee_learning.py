"""Fees that no report tells are learnt from balances, then booked with each fill (semantics 8.5)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.exact import ZERO
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.reconciliation.model.verdict import verdict_of
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.claims import claimed, residual
from tests.support.fee_venue import RATE, Venue, agrees, booked_fees, rates_of

D = Decimal
MAKER = D("0.0002")
#: In USD.
PRICES = {"BTC": D(50000), "USDT": D(1), "BNB": D(600)}


@pytest.mark.parametrize("received", [False, True], ids=["taken in quote", "taken in what is received"])
def test_a_rate_is_learnt_exactly_and_every_fill_is_booked_with_its_fee(received: bool) -> None:
    venue = Venue(received=received)
    venue.days_work()
    venue.rest()
    driver = venue.driver
    assert not driver.opened_breaks(), "learning alerts nobody"
    assert rates_of(driver, 1) == {RATE}
    assert rates_of(driver, -1) == {ZERO if received else RATE}
    before = len(booked_fees(driver, "USDT"))
    venue.trade("SELL", "51000.00")
    assert booked_fees(driver, "USDT")[before:] == [D("-0.51")]
    venue.rest()
    assert (driver.value("BTC"), driver.value("USDT")) == (venue.btc, venue.usdt), "the books hold what the venue holds"
    assert agrees(venue, "BTC")
    assert agrees(venue, "USDT")


def test_fees_booked_and_accrued_sum_to_what_the_venue_took_exactly() -> None:
    venue = Venue()
    venue.days_work()
    venue.rest()
    driver, unit = venue.driver, venue.driver.unit("USDT")
    fees = [entry for entry in driver.entries("USDT") if entry.cause == "fee"]
    assert sum((entry.amount for entry in fees), ZERO) == venue.usdt - D(100000) - unit.balance.fills
    assert unit.balance.explained == sum(booked_fees(driver, "USDT"), ZERO)
    assert {entry.certainty for entry in fees} == {"inferred"}
    assert any(entry.order is None for entry in fees), "the first ones in sum, for nobody knew the rate"
    assert fees[-1].order is not None, "the later ones with their fills"
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == 0


def test_a_venue_without_fees_is_learnt_to_take_none() -> None:
    venue = Venue()
    venue.days_work(rate=ZERO)
    venue.rest()
    assert rates_of(venue.driver, 1) == rates_of(venue.driver, -1) == {ZERO}
    assert not booked_fees(venue.driver, "USDT")
    assert not venue.driver.opened_breaks()
    assert agrees(venue, "USDT")


@pytest.mark.parametrize("rate", ["0.0008", "0.0012", "0", "-0.0001"])
def test_another_tier_takes_over_without_a_break_and_is_said(rate: str) -> None:
    venue = Venue()
    venue.days_work()
    venue.days_work(rate=D(rate), rounds=6)
    venue.rest()
    driver = venue.driver
    assert not driver.transitions(), "nobody was alerted, at any time"
    assert rates_of(driver, 1) == rates_of(driver, -1) == {D(rate)}
    assert driver.findings("fee_changed")
    assert agrees(venue, "USDT")
    before = driver.unit("USDT").balance.entry_count
    venue.trade("SELL", "50000.00", rate=D(rate))
    fees = [entry.amount for entry in driver.entries("USDT") if entry.number > before and entry.cause == "fee"]
    assert sum(fees, ZERO) == -D(rate) * 500, "the next fill is booked with it"


def test_nothing_is_learnt_where_the_settings_say_so() -> None:
    venue = Venue(AccountRules(learn_fees_up_to=ZERO))
    venue.trade("SELL", "50000.00")
    venue.driver.wait(40)
    venue.report_balances()
    venue.driver.wait(40)
    assert venue.driver.opened_breaks() == [("USDT", D("-0.50000"))]


# -- what a schedule tells ---------------------------------------------------------------------------------------------


def test_a_schedule_is_booked_from_the_first_fill_on() -> None:
    rules = AccountRules(fees=[FeeRule(symbol="BTCUSDT", maker=RATE, taker=RATE)], learn_fees_up_to=ZERO)
    venue = Venue(rules)
    venue.trade("SELL", "50000.00")
    assert booked_fees(venue.driver, "USDT") == [D("-0.5")]
    venue.days_work(rounds=2)
    assert not venue.driver.opened_breaks()
    assert venue.driver.value("USDT") == venue.usdt
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    venue.driver.wait(60)
    venue.report_balances()
    venue.driver.wait(60)
    assert venue.driver.opened_breaks() == [("USDT", D("-0.75"))]


def test_a_schedule_may_take_the_fee_from_what_is_received() -> None:
    venue = Venue(AccountRules(fees=[FeeRule(taker=RATE, asset="received")], learn_fees_up_to=ZERO), received=True)
    venue.days_work(rounds=2)
    assert len(booked_fees(venue.driver, "BTC")) == len(booked_fees(venue.driver, "USDT")) == 2
    assert not venue.driver.opened_breaks()
    assert (venue.driver.value("BTC"), venue.driver.value("USDT")) == (venue.btc, venue.usdt)


def either(learn_up_to: str = "0.006") -> Venue:
    """A venue whose schedule has a rate for makers and one for takers; its orders do not tell which they are."""
    return Venue(AccountRules(fees=[FeeRule(maker=MAKER, taker=RATE)], learn_fees_up_to=D(learn_up_to)))


def trade_at(venue: Venue, habit: str, *, quiet: float = 8) -> None:
    """A trade for each letter: M at the maker's rate, T at the taker's."""
    for number, letter in enumerate(habit):
        price = f"{50000 + 7 * number}.00"
        venue.trade("BUY" if number % 2 else "SELL", price, rate=MAKER if letter == "M" else RATE, quiet=quiet)


@pytest.mark.parametrize("learn_up_to", ["0.006", "0"])
@pytest.mark.parametrize("habit", ["TMT", "MTMTMMTTM", "TTTTTTTT", "MMMMMMMM", "MTTTMTTTMTTT"])
def test_where_the_schedule_leaves_open_which_rate_it_was_either_agrees_and_is_booked(
    habit: str, learn_up_to: str
) -> None:
    venue = either(learn_up_to)
    trade_at(venue, habit)
    venue.rest()
    driver = venue.driver
    assert not driver.transitions(), "no alarm, and nothing that could have become one"
    assert agrees(venue, "USDT"), "not a cent beside what the venue holds"
    assert agrees(venue, "BTC")
    assert not driver.findings("fee_changed"), "both rates are known"


@pytest.mark.parametrize("every", [1, 3, 12])
def test_several_fills_between_two_reports_may_each_have_had_either_rate(every: int) -> None:
    """Up to a dozen: more than all choices are tried of, of which anything between is allowed."""
    venue = either()
    driver = venue.driver
    for number, letter in enumerate("MTTMTMMMTTMT"):
        order = venue.fill("SELL", f"{50000 + 13 * number}.00", rate=MAKER if letter == "M" else RATE)
        driver.report(order.report(1))
        driver.wait(0.2)
        if number % every == every - 1:
            venue.report_balances()
            driver.wait(1)
    venue.rest()
    assert not driver.opened_breaks()
    assert agrees(venue, "USDT")


@pytest.mark.parametrize("amount", ["20000", "-20000"])
@pytest.mark.parametrize("habit", ["MTMT", "TTTT", "MMMM"])
def test_what_comes_in_between_fills_opens_with_its_exact_amount_whatever_they_cost(habit: str, amount: str) -> None:
    venue = either()
    driver = venue.driver
    trade_at(venue, habit)
    venue.move("USDT", amount)
    venue.report_balances()
    driver.wait(3)
    trade_at(venue, habit)
    venue.rest()
    assert driver.opened_breaks() == [("USDT", D(amount))]
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == D(amount)
    assert driver.value("USDT") == venue.usdt - D(amount), "all fees are booked"


@pytest.mark.parametrize("trades", [0, 1, 2, 3])
def test_a_deposit_while_rates_are_learnt_opens_though_nothing_follows_it(trades: int) -> None:
    venue = Venue()
    driver = venue.driver
    for number in range(trades):
        venue.trade("SELL" if number % 2 else "BUY", f"{50000 + 7 * number}.00")
    venue.move("USDT", 20000)
    venue.report_balances("USDT")
    driver.wait(600)
    assert driver.opened_breaks() == [("USDT", D(20000))]
    assert verdict_of(driver.unit("USDT"), driver.comparison("USDT")) == "break"
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == D(20000)
    assert driver.value("USDT") == venue.usdt - D(20000)


# -- fees in an asset that fills do not move ---------------------------------------------------------------------------


def elsewhere(digits: int = 8) -> Venue:
    """A venue that takes its fees in BNB, of which nobody told us; it has traded once."""
    venue = Venue(fee_asset="BNB", rates=PRICES, digits=digits)
    venue.trade("SELL", "50000.00")
    venue.rest()
    return venue


def test_fees_taken_in_an_asset_that_fills_do_not_move_are_learnt_without_a_break() -> None:
    venue = elsewhere()
    driver = venue.driver
    venue.days_work()
    venue.rest()
    assert not driver.opened_breaks()
    assert [(found.about, found.account) for found in driver.findings("fee_asset")] == [("BNB", driver.account)]
    assert rates_of(driver, 0, "third:BNB") == {RATE}
    before = len(booked_fees(driver, "BNB"))
    venue.trade("SELL", "60000.00")
    assert booked_fees(driver, "BNB")[before:] == [D("-0.001")], "0.1 % of 600 USD, at 600 USD for one"
    venue.rest()
    assert not driver.opened_breaks()
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")
    held = driver.value("BNB")
    assert held is not None
    assert abs(held - venue.balances["BNB"]) < D("1e-7"), "but for what the venue rounds of each fee"
    assert residual(driver, "BNB") == claimed(driver.comparison("BNB")), "which is not lost"
    assert not booked_fees(driver, "USDT")


def test_fees_in_a_third_asset_are_learned_while_trading_goes_on_without_a_pause() -> None:
    venue = Venue(fee_asset="BNB", rates=PRICES)
    venue.days_work(rounds=20)
    driver = venue.driver
    assert not driver.opened_breaks()
    assert [found.about for found in driver.findings("fee_asset")] == ["BNB"]
    assert booked_fees(driver, "BNB")


@pytest.mark.parametrize("every", [1, 8, 30], ids="each {}s".format)
def test_a_difference_that_grows_with_every_report_does_not_wait_for_reports_to_pause(every: int) -> None:
    """Somebody else trades on the account (semantics 5.3)."""
    driver = GatewayDriver(Rules())
    driver.start(balance_row("BTC", "10"))
    for number in range(1, 600 // every):
        driver.balance("BTC", 10 + D(number) / 100)
        driver.wait(every)
    assert driver.opened_breaks()


def test_a_fee_in_a_third_asset_names_its_fill_and_stays_inferred() -> None:
    venue = elsewhere()
    venue.days_work()
    venue.trade("SELL", "60000.00")
    last = [entry for entry in venue.driver.entries("BNB") if entry.cause == "fee"][-1]
    assert (last.order, last.ordinal, last.certainty) == (f"c:o{venue.trades}", 1, "inferred")


@pytest.mark.parametrize("rounds", [0, 1, 8], ids=["first seen", "being learned", "learned"])
def test_a_withdrawal_of_the_asset_that_fees_are_taken_in_is_a_break(rounds: int) -> None:
    venue = elsewhere()
    driver = venue.driver
    venue.days_work(rounds=rounds)
    venue.rest()
    venue.move("BNB", -7)
    venue.report_balances()
    driver.wait(60)
    ((unit, amount),) = driver.opened_breaks()
    assert unit == "BNB"
    assert abs(amount + 7) < D("1e-7")
    venue.days_work()
    venue.rest()
    assert len(driver.opened_breaks()) == 1, "the fees of what is traded on are learned, and no break"
    held = driver.value("BNB")
    assert held is not None
    assert abs(held + residual(driver, "BNB") - venue.balances["BNB"]) < D("1e-7")


def test_nothing_is_taken_for_fees_in_a_third_asset_where_the_settings_say_so() -> None:
    venue = Venue(AccountRules(learn_fees_up_to=ZERO), fee_asset="BNB", rates=PRICES)
    venue.trade("SELL", "60000.00")
    venue.rest()
    assert venue.driver.opened_breaks() == [("BNB", D("-0.001"))]
    assert not venue.driver.findings("fee_asset")


def test_what_reports_say_exactly_is_no_fee() -> None:
    """Some bought unseen; of the sales after it one report is near the cut before it, but for what a fee might be."""
    driver = GatewayDriver(Rules())
    driver.start(balance_row("BTC", "22.34"), balance_row("USDT", "100000"))
    driver.poll("BTC", "26.49", 3)
    sales = OrderScript("o1", [("3.83", "100"), ("1.10", "100"), ("4.17", "100"), ("1.36", "100")], side="SELL")
    sales.placed_at = driver.now
    for count, reported in enumerate(("22.66", "21.56", "17.39", "16.03"), start=1):
        driver.balance("BTC", reported, after=0.3)
        driver.report(sales.report(count), after=0.1)
    driver.wait(60)
    assert [amount for unit, amount in driver.opened_breaks() if unit == "BTC"] == [D("4.15")]
