"""Fee candidates wait in suspense (recon/reconciliation/tracking/fee_candidates.py, rules 1 to 4)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ZERO, exact
from recon.ledger.rules import AccountRules, FeeRule
from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.verdict import verdict_of
from recon.reconciliation.tracking.fee_candidates import SUSPENSE_AGREEMENTS, SUSPENSE_WINDOWS
from recon.testing import GatewayDriver, OrderScript
from tests.support.claims import claimed
from tests.support.fee_venue import RATE, Venue, agrees
from tests.support.properties import steady
from tests.support.trading_account import WINDOW

D = Decimal
MAKER = D("0.0002")
#: Longer than anything waits in suspense, in seconds.
WAITED = SUSPENSE_WINDOWS * WINDOW + 2 * WINDOW


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


def waiting(venue: Venue) -> list[Decimal]:
    return [each.amount for each in venue.driver.comparison("USDT").suspects]


def rates(venue: Venue) -> set[tuple[Decimal, ...]]:
    model = venue.driver.unit("USDT").fees.model
    return {tuple(sorted(rate.rates)) for rate in (model.received, model.paid) if rate is not None}


# -- what stays alone ------------------------------------------------------------------------------------------------


@how_it_is_known
def test_rule_4__what_stays_alone_opens_with_its_amount_and_with_its_origin_when_it_was_seen(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", extra=D("0.75"), quiet=0)
    seen = driver.log[-1]  # the wait after a report takes no time here: this is the row of USDT
    driver.wait(2 * WINDOW)
    assert waiting(venue) == [D("-0.75")]
    assert verdict_of(driver.unit("USDT"), driver.comparison("USDT")) == "pending", "shown, and nobody is alerted"
    driver.wait((SUSPENSE_WINDOWS - 3) * WINDOW)
    assert not driver.opened_breaks()
    driver.wait(4 * WINDOW)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))]
    (one,) = driver.breaks("USDT")
    assert (one.origin_seq, one.after_seq < seen.seq) == (seen.seq, True)
    assert one.opened_us - one.seen_us >= SUSPENSE_WINDOWS * WINDOW * 1_000_000
    assert not waiting(venue)
    venue.rest()
    assert driver.comparison("USDT").residual == claimed(driver.comparison("USDT")) == D("-0.75")


@how_it_is_known
def test_rule_4__it_opens_earlier_once_enough_reports_of_fills_agreed_again(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    for number in range(SUSPENSE_AGREEMENTS // 2 - 1):
        venue.trade("BUY", f"{50000 + number}.00", quiet=1)
    assert not driver.opened_breaks()
    for number in range(SUSPENSE_AGREEMENTS):
        venue.trade("SELL", f"{50000 + number}.00", quiet=1)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))]
    assert driver.breaks("USDT")[0].opened_us - driver.breaks("USDT")[0].seen_us < SUSPENSE_WINDOWS * WINDOW * 1_000_000


@how_it_is_known
def test_rule_4__a_break_that_was_a_fee_after_all_bears_out_a_rate_with_the_next_like_it(known: Known) -> None:
    venue = known()
    driver = venue.driver
    venue.trade("SELL", "50000.00", rate=D("0.0025"))
    venue.days_work(rounds=1)
    driver.wait(WAITED)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))]
    venue.trade("SELL", "50100.00", rate=D("0.0025"))
    venue.trade("SELL", "50200.00", rate=D("0.0025"))
    assert any(D("0.0025") in each for each in rates(venue))
    venue.rest()
    driver.wait(WAITED)
    assert driver.opened_breaks() == [("USDT", D("-0.75"))], "no second one"
    assert driver.comparison("USDT").residual == D("-0.75")


# -- rates that are borne out ----------------------------------------------------------------------------------------


@how_it_is_known
@pytest.mark.parametrize("rate", ["0.0008", "0.0012", "0", "-0.0001"])
def test_rule_2__another_tier_takes_over_without_a_break_and_is_said(known: Known, rate: str) -> None:
    venue = known()
    venue.days_work(rate=D(rate), rounds=6)
    venue.rest()
    driver = venue.driver
    assert not driver.transitions(), "nobody was alerted, at any time"
    assert {found.about for found in driver.findings("fee_changed")} == {"USDT"}
    assert any(f"is {rate} of" in found.message for found in driver.findings("fee_changed"))
    assert all(D(rate) in each for each in rates(venue))
    assert agrees(venue, "USDT")
    before = driver.unit("USDT").balance.entry_count
    venue.trade("SELL", "50000.00", rate=D(rate))
    fees = [entry.amount for entry in driver.entries("USDT") if entry.number > before and entry.cause == "fee"]
    assert sum(fees, ZERO) == -D(rate) * 500, "the next fill is booked with it"
    venue.rest()
    assert agrees(venue, "USDT")
    driver.wait(WAITED)
    assert not driver.transitions()


@how_it_is_known
@pytest.mark.parametrize("every", [3, 4, 5])
def test_rule_2__a_second_rate_beside_the_first_is_learned_without_alarms(known: Known, every: int) -> None:
    venue = known()
    driver = venue.driver
    for number in range(24):
        seldom = number % every == every - 1
        venue.trade("BUY" if number // 2 % 2 else "SELL", f"{50000 + 7 * number}.00", rate=MAKER if seldom else RATE)
    venue.rest()
    assert not driver.transitions()
    assert rates(venue) == {(MAKER, RATE)}
    assert driver.findings("fee_changed")
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")


def test_rule_2__a_rate_that_is_borne_out_explains_earlier_differences_of_several_fills_too() -> None:
    """Two of three fills between reports had another rate: only with that rate known is it clear what they cost."""
    venue = learned()
    driver = venue.driver
    for number, rate in enumerate((MAKER, RATE, MAKER)):
        driver.report(venue.fill("SELL", f"{50000 + 400 * number}.00", rate=rate).report(1))
        driver.wait(0.2)
    venue.report_balances()
    driver.wait(8)
    assert waiting(venue) == [D("0.4") + D("0.4064")]
    venue.trade("BUY", "49000.00", rate=MAKER)
    venue.trade("BUY", "49100.00", rate=MAKER)
    assert rates(venue) == {(MAKER, RATE)}
    assert not waiting(venue)
    venue.rest()
    assert agrees(venue, "USDT")
    driver.wait(WAITED)
    assert not driver.transitions()


# -- what was a race -------------------------------------------------------------------------------------------------


def unreported(venue: Venue, quantity: str, price: str = "50000") -> OrderScript:
    """A small purchase that the balances hold and no report tells of yet."""
    amount = D(quantity)
    venue.balances["BTC"] += amount
    venue.balances["USDT"] -= amount * D(price) * (1 + RATE)
    return OrderScript(f"late{quantity}", [(quantity, price)], placed_at=venue.driver.now)


def trade_beside(venue: Venue, quantity: str, price: str = "50000.00") -> OrderScript:
    """A sale whose report is in time, told with the balances of a small purchase whose report is not."""
    driver, order = venue.driver, venue.fill("SELL", price)
    driver.report(order.report(1))
    driver.wait(0.1)
    late = unreported(venue, quantity)
    venue.report_balances()
    driver.wait(WINDOW + 2)
    return late


@how_it_is_known
def test_rule_3__what_crossed_a_report_and_looked_like_a_fee_is_given_back(known: Known) -> None:
    venue = known()
    driver, before = venue.driver, rates(venue)
    late = trade_beside(venue, "0.00003")
    assert waiting(venue) == [D("-1.5015")], "0.3 % of the sale: a fee at some rate, for all that is known"
    driver.report(late.report(1))
    venue.rest()
    assert not waiting(venue)
    assert agrees(venue, "USDT")
    assert agrees(venue, "BTC")
    venue.days_work(rounds=3)
    driver.wait(WAITED)
    assert not [each for each in driver.transitions() if each.unit == "USDT"], "never a word of it"
    assert not driver.opened_breaks()
    assert rates(venue) == before
    assert agrees(venue, "USDT")


@how_it_is_known
def test_rule_3__several_that_wait_are_given_back_at_once_where_a_report_fits_without_all_of_them(known: Known) -> None:
    venue = known()
    driver = venue.driver
    first = trade_beside(venue, "0.00003")
    second = trade_beside(venue, "0.00001", "50100.00")
    assert waiting(venue) == [D("-1.5015"), D("-0.5005")]
    driver.report(first.report(1))
    driver.report(second.report(1))
    venue.rest()
    assert not waiting(venue)
    assert agrees(venue, "USDT")
    driver.wait(WAITED)
    assert "USDT" not in {unit for unit, _ in driver.opened_breaks()}


# -- what is no fee --------------------------------------------------------------------------------------------------


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
    assert not waiting(venue)
    assert driver.comparison("USDT").residual == cash


@how_it_is_known
def test_what_comes_with_fills_and_is_too_large_for_a_fee_never_waits(known: Known) -> None:
    venue = known()
    venue.trade("SELL", "50000.00", extra=D("3.51"))
    assert not waiting(venue)
    venue.rest()
    assert venue.driver.opened_breaks() == [("USDT", D("-3.51"))]


@how_it_is_known
def test_what_waits_is_part_of_the_break_where_the_next_difference_is_no_fee(known: Known) -> None:
    """Nothing was filled between the two: what was taken for a fee may belong to what followed it."""
    venue = known()
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    assert waiting(venue) == [D("-0.75")]
    venue.move("USDT", 20000)
    venue.report_balances()
    venue.driver.wait(60)
    venue.rest()
    venue.driver.wait(WAITED)
    assert not waiting(venue)
    assert venue.driver.opened_breaks() == [("USDT", D("19999.25"))]
    assert venue.driver.comparison("USDT").residual == D("19999.25")


@how_it_is_known
def test_a_deposit_after_fills_that_agreed_leaves_what_waits_alone(known: Known) -> None:
    venue = known()
    venue.trade("SELL", "50000.00", extra=D("0.75"))
    venue.trade("BUY", "50000.00")
    venue.move("USDT", 20000)
    venue.report_balances()
    venue.driver.wait(60)
    assert venue.driver.opened_breaks() == [("USDT", D(20000))]
    assert waiting(venue) == [D("-0.75")]
    venue.driver.wait(WAITED)
    assert venue.driver.opened_breaks() == [("USDT", D(20000)), ("USDT", D("-0.75"))]


# -- restarts --------------------------------------------------------------------------------------------------------


def restart(driver: GatewayDriver) -> None:
    """Let every unit and comparison be what comes back from storage."""
    for key, held in driver.ledger.units.items():
        held.unit = msgspec.msgpack.decode(msgspec.msgpack.encode(held.unit), type=Unit)
        stored = msgspec.msgpack.encode(driver.reconciler.comparison_of(held))
        driver.reconciler.restore(held, msgspec.msgpack.decode(stored, type=ComparisonState))
        assert msgspec.msgpack.encode(driver.reconciler.comparisons[key]) == stored


def odd_days(*, restarts: bool) -> Venue:
    """A tier change, an odd fee and a race, with or without a restart after each trade."""
    venue = learned()
    driver = venue.driver
    for number in range(12):
        rate = RATE if number < 2 else MAKER
        venue.trade("SELL" if number % 2 else "BUY", f"{50000 + number}.00", rate=rate)
        if restarts:
            restart(driver)
    venue.trade("SELL", "50000.00", rate=MAKER, extra=D("1.75"))
    if restarts:
        assert waiting(venue) == [D("-1.75")]
        restart(driver)
        assert waiting(venue) == [D("-1.75")]
    venue.days_work(rate=MAKER, rounds=1)
    if restarts:
        restart(driver)
    driver.wait(WAITED)
    return venue


def test_what_waits_survives_a_restart_and_is_judged_as_without_one() -> None:
    through, restarted = odd_days(restarts=False), odd_days(restarts=True)
    assert through.driver.opened_breaks() == restarted.driver.opened_breaks() == [("USDT", D("-1.75"))]
    for unit in ("BTC", "USDT"):
        for each in (GatewayDriver.comparison, GatewayDriver.unit):
            one, two = (msgspec.msgpack.encode(each(venue.driver, unit)) for venue in (through, restarted))
            assert one == two
    assert through.driver.entries("USDT") == restarted.driver.entries("USDT")
    assert [(each.event, each.reason) for each in through.driver.transitions()] == [
        (each.event, each.reason) for each in restarted.driver.transitions()
    ]


# -- nothing is lost -------------------------------------------------------------------------------------------------

SCHEDULES = {"told both": scheduled(MAKER), "told one": scheduled(), "told nothing": AccountRules()}
TRADES = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]), st.integers(4_990_000, 5_010_000), st.booleans(), st.sampled_from([2, 8])
    ),
    min_size=1,
    max_size=30,
)
Trades = list[tuple[str, int, bool, int]]


def conserves(driver: GatewayDriver, unit: str) -> None:
    """Opening, fills and what explains drift are what is held; with what is owned, what was reported."""
    known, comparison = driver.unit(unit), driver.comparison(unit)
    entries = driver.entries(unit)
    of_fills = sum((each.amount for each in entries if each.cause == "fill"), ZERO)
    explained = sum((each.amount for each in entries if each.cause in {"fee", "rounding"}), ZERO)
    assert len(entries) == known.balance.entry_count
    assert (known.balance.fills, known.balance.explained) == (of_fills, explained)
    assert known.value == (known.balance.opening or ZERO) + of_fills + explained
    assert comparison.residual == claimed(comparison), "breaks, learning, settled and suspense own all of it"
    if verdict_of(known, comparison) == "agreed":
        assert comparison.reported == (known.balance.opening or ZERO) + comparison.cut_total + comparison.residual


@pytest.mark.parametrize("schedule", SCHEDULES)
@steady(60)
@given(trades=TRADES)
def test_rules_1_2_3__whatever_two_rates_are_taken_of_fills_nothing_is_lost(schedule: str, trades: Trades) -> None:
    venue = Venue(SCHEDULES[schedule])
    driver = venue.driver
    with exact():
        for side, cents, taken, quiet in trades:
            venue.trade(side, D(cents) / 100, rate=RATE if taken else MAKER, quiet=quiet)
            for unit in ("BTC", "USDT"):
                conserves(driver, unit)
        venue.rest()
        for unit in ("BTC", "USDT"):
            conserves(driver, unit)
            held = driver.value(unit)
            assert held is not None
            assert held + driver.comparison(unit).residual == venue.balances[unit], "all that is not booked is owned"
        assert not driver.opened_breaks()
        if schedule == "told both":
            assert agrees(venue, "USDT"), "what is told needs no guess"
