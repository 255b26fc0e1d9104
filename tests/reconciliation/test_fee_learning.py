"""Fees learned from agreements, then booked (recon/reconciliation/tracking/fee_learning.py, rules 1 to 3)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recon.exact import ZERO
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.reconciliation.model.verdict import verdict_of
from recon.reconciliation.tracking.fee_candidates import SUSPENSE_WINDOWS
from recon.testing import GatewayDriver, OrderScript, balance_row
from tests.support.claims import claimed
from tests.support.fee_venue import RATE, Venue, agrees, booked_fees

D = Decimal
MAKER = D("0.0002")
#: In USD.
PRICES = {"BTC": D(50000), "USDT": D(1), "BNB": D(600)}


@pytest.mark.parametrize("received", [False, True], ids=["taken in quote", "taken in what is received"])
def test_rule_2__a_rate_is_learned_exactly_and_every_fill_is_booked_with_its_fee(received: bool) -> None:
    venue = Venue(received=received)
    venue.days_work()
    driver = venue.driver
    assert not driver.opened_breaks(), "learning alerts nobody"
    model = driver.unit("USDT").fees.model
    assert model.learned
    assert model.received is not None
    assert model.received.share == RATE
    assert model.paid is not None
    assert model.paid.share == (0 if received else RATE)
    before = len(booked_fees(driver, "USDT"))
    venue.trade("SELL", "51000.00")
    assert booked_fees(driver, "USDT")[before:] == [D("-0.51")]
    assert (driver.value("BTC"), driver.value("USDT")) == (venue.btc, venue.usdt), "the books hold what the venue holds"


def test_rule_1__what_is_learned_from_stays_visible_as_fees_and_all_adds_up() -> None:
    venue = Venue()
    venue.days_work()
    driver, unit = venue.driver, venue.driver.unit("USDT")
    assert unit.balance.opening is not None
    assert unit.balance.opening + unit.balance.fills + unit.balance.explained == venue.usdt
    assert unit.balance.explained == sum(booked_fees(driver, "USDT"), ZERO)
    assert {entry.certainty for entry in driver.entries("USDT") if entry.cause == "fee"} == {"inferred"}


def test_a_venue_without_fees_is_learned_to_take_none() -> None:
    venue = Venue()
    venue.days_work(rate=ZERO)
    model = venue.driver.unit("USDT").fees.model
    assert model.learned
    assert not model.is_open
    assert not booked_fees(venue.driver, "USDT")
    assert not venue.driver.opened_breaks()


def test_rule_3__one_odd_fee_is_a_break() -> None:
    venue = Venue()
    venue.days_work()
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    assert not venue.driver.opened_breaks(), "another like it would bear out a rate"
    venue.days_work(rounds=3)
    venue.driver.wait(SUSPENSE_WINDOWS * 5)
    assert venue.driver.opened_breaks() == [("USDT", D("-0.75"))]
    (known,) = venue.driver.breaks("USDT")
    assert known.seen_us < known.opened_us - 250_000_000, "its origin is when it was first seen"


def test_rule_3__another_tier_is_taken_over_and_said() -> None:
    venue = Venue()
    venue.days_work()
    venue.days_work(rate=D("0.0008"), rounds=6)
    driver = venue.driver
    model = driver.unit("USDT").fees.model
    assert model.received is not None
    assert model.received.share == D("0.0008")
    assert [found.about for found in driver.findings("fee_changed")] == ["USDT"]
    assert not driver.opened_breaks()
    assert driver.value("USDT") == venue.usdt


def test_nothing_is_learned_where_the_settings_say_so() -> None:
    venue = Venue(AccountRules(learn_fees_up_to=ZERO))
    venue.trade("SELL", "50000.00")
    venue.driver.wait(40)
    venue.report_balances()
    venue.driver.wait(40)
    assert venue.driver.opened_breaks() == [("USDT", D("-0.50000"))]


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
    comparison = driver.comparison("USDT")
    assert comparison.residual == D(amount)
    assert driver.value("USDT") == venue.usdt - D(amount), "all fees are booked"


# -- while what is owned is looked for again -------------------------------------------------------------------------


def calibrating(trades: int) -> Venue:
    """A venue whose rate was just learned: what fills had cost before is being looked for, since some trades."""
    venue, number = Venue(), 0
    while not venue.driver.comparison("USDT").calibrating:
        venue.trade("SELL" if number % 2 else "BUY", f"{50000 + 7 * number}.00")
        number += 1
    for _ in range(trades):
        venue.trade("SELL" if number % 2 else "BUY", f"{50000 + 7 * number}.00")
        number += 1
    return venue


@pytest.mark.parametrize("trades", [0, 1, 2, 3])
def test_rule_2__a_deposit_while_fees_are_looked_for_again_opens_though_nothing_follows_it(trades: int) -> None:
    """The last report before silence must not be forgotten with the search that it came into."""
    venue = calibrating(trades)
    driver = venue.driver
    venue.move("USDT", 20000)
    venue.report_balances("USDT")
    driver.wait(600)
    assert driver.opened_breaks() == [("USDT", D(20000))]
    assert verdict_of(driver.unit("USDT"), driver.comparison("USDT")) == "break"
    comparison = driver.comparison("USDT")
    assert comparison.residual == claimed(comparison) == D(20000) + comparison.learning
    assert driver.value("USDT") == venue.usdt - comparison.residual, "what is not booked yet is owned"


@pytest.mark.parametrize("trades", [1, 3, 5])
def test_a_deposit_while_an_opening_is_looked_for_opens_though_nothing_follows_it(trades: int) -> None:
    """The opening is what was held before the fills; the report that came last stands, and is not what is booked."""
    driver = GatewayDriver(Rules(defaults=AccountRules(fees=[FeeRule(taker=RATE)])))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"), quiet=0)
    held = D(100000)
    for number in range(trades):
        driver.report(OrderScript(f"o{number}", [("0.01", f"{50000 + number}")], placed_at=driver.now).report(1))
        held -= D("0.01") * (50000 + number) * (1 + RATE)
        driver.wait(0.1)
        driver.balance("USDT", held)
        driver.wait(2)
    driver.balance("USDT", held + 20000)
    driver.wait(600)
    assert (driver.unit("USDT").balance.opening, tuple(driver.opened_breaks())) in {
        (D(100000), (("USDT", D(20000)),)),
        (D(120000), ()),
    }


# -- fees in an asset that fills do not move ---------------------------------------------------------------------------


def elsewhere(digits: int = 8) -> Venue:
    """A venue that takes its fees in BNB, of which nobody told us; it has traded once."""
    venue = Venue(fee_asset="BNB", rates=PRICES, digits=digits)
    venue.trade("SELL", "50000.00")
    venue.rest()
    return venue


def test_fees_taken_in_an_asset_that_fills_do_not_move_are_learned_without_a_break() -> None:
    venue = elsewhere()
    driver = venue.driver
    assert claimed(driver.comparison("BNB")) == driver.comparison("BNB").learning == D("-0.00083333"), (
        "owned, not booked"
    )
    venue.days_work()
    venue.rest()
    assert not driver.opened_breaks()
    assert [(found.about, found.account) for found in driver.findings("fee_asset")] == [("BNB", driver.account)]
    given = driver.unit("BNB").fees.model.paid
    assert given is not None
    assert given.rates == (RATE,)
    before = len(booked_fees(driver, "BNB"))
    venue.trade("SELL", "60000.00")
    assert booked_fees(driver, "BNB")[before:] == [D("-0.001")], "0.1 % of 600 USD, at 600 USD for one"
    venue.trade("BUY", "48000.00")
    assert booked_fees(driver, "BNB")[before + 1 :] == [D("-0.0008")]
    venue.rest()
    assert not driver.opened_breaks()
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")
    held = driver.value("BNB")
    assert held is not None
    assert abs(held - venue.balances["BNB"]) < D("1e-7"), "but for what the venue rounds of each fee"
    assert not driver.comparison("BNB").residual
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
    """Somebody else trades on the account (semantics 5.3: what fails k windows after a chain began is a break)."""
    driver = GatewayDriver(Rules())
    driver.start(balance_row("BTC", "10"))
    for number in range(1, 600 // every):
        driver.balance("BTC", 10 + D(number) / 100)
        driver.wait(every)
    assert driver.opened_breaks()


def test_fees_in_a_third_asset_stay_exact_where_the_venue_rounds_as_we_do() -> None:
    venue = elsewhere(digits=12)
    venue.days_work()
    venue.rest()
    assert all(agrees(venue, unit) for unit in ("BNB", "USDT", "BTC"))


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
    assert abs(held + driver.comparison("BNB").residual - venue.balances["BNB"]) < D("1e-7")


def test_nothing_is_taken_for_fees_in_a_third_asset_where_the_settings_say_so() -> None:
    venue = Venue(AccountRules(learn_fees_up_to=ZERO), fee_asset="BNB", rates=PRICES)
    venue.trade("SELL", "60000.00")
    venue.rest()
    assert venue.driver.opened_breaks() == [("BNB", D("-0.001"))]
    assert not venue.driver.findings("fee_asset")


def test_rule_1__what_a_chain_says_exactly_is_no_fee() -> None:
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
