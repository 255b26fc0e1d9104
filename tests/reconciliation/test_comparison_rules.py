"""Comparison by cuts, through the fold (semantics 5)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.testing import OrderScript
from recon.times import to_datetime
from tests.support.claims import residual
from tests.support.trading_account import WINDOW, WINDOWS, late_order, report_balances, report_bought, trading, verdict

D = Decimal


# -- 5.1 cuts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0.5, 3.0, 4.9])
@pytest.mark.parametrize("balance_first", [True, False])
def test_semantics_5_1__fills_and_balances_race_within_a_window_in_either_order(
    late: float, balance_first: bool
) -> None:
    driver = trading()
    order = late_order(driver, "a")
    if balance_first:
        report_balances(driver, "11", "99900")
        driver.wait(late)
        driver.report(order.report(1))
    else:
        driver.report(order.report(1))
        driver.wait(late)
        report_balances(driver, "10", "100000")
        driver.wait(0.5)
        report_balances(driver, "11", "99900")
    driver.wait(60)
    assert not driver.opened_breaks()
    assert {verdict(driver, code) for code in ("BTC", "USDT")} == {"agreed"}


def test_semantics_5_1__reports_of_two_orders_swapped_by_less_than_a_window_raise_nothing() -> None:
    """The venue sold before it bought; we heard of it the other way round, with balances in between."""
    driver = trading()
    placed = driver.now - timedelta(seconds=4)
    sold = OrderScript("a", [("1", "200")], side="SELL", placed_at=placed)
    bought = OrderScript("b", [("3", "100")], placed_at=placed + timedelta(seconds=0.02))
    report_balances(driver, "9", "100200")
    driver.report(bought.report(1))
    report_balances(driver, "12", "99900")
    driver.wait(0.3)
    driver.report(sold.report(1))
    driver.wait(60)
    assert not driver.opened_breaks()
    assert (driver.value("BTC"), driver.value("USDT")) == (D(12), D(99900))


def test_semantics_5_1__a_report_far_outside_the_window_is_no_cut() -> None:
    """The balance of before the fill, told for good six windows after it, is a break."""
    driver = trading()
    report_bought(driver, "a")
    report_balances(driver, "11", "99900")
    driver.wait(6 * WINDOW)
    driver.poll("BTC", "10", 60)
    assert driver.opened_breaks() == [("BTC", D(-1))]


def test_semantics_5_1__cuts_never_move_backwards() -> None:
    """Seen the fill, then not seen it: within the window, but no order of events explains it for long."""
    driver = trading()
    report_bought(driver, "a")
    driver.balance("BTC", "11")
    driver.poll("BTC", "10", 60, every=0.5)
    assert driver.opened_breaks() == [("BTC", D(-1))]


def test_a_thousand_entries_in_a_window_are_compared_all_the_same() -> None:
    driver = trading()
    for number in range(1000):
        report_bought(driver, f"o{number}", "0.001")
        if number % 100 == 50:
            driver.balance("BTC", D("10.001") + D("0.001") * number)
    driver.poll("BTC", "11", 60)
    assert not driver.opened_breaks()
    assert (verdict(driver, "BTC"), residual(driver, "BTC")) == ("agreed", D(0))


# -- 5.2 and 5.3 paths --------------------------------------------------------------------------------------------


def test_semantics_5_4__a_step_that_a_later_report_takes_back_was_a_race() -> None:
    driver = trading()
    driver.balance("BTC", "10.5")
    driver.wait(WINDOW + 1)
    assert verdict(driver, "BTC") == "pending"
    driver.poll("BTC", "10", 2 * WINDOW)
    driver.wait(10 * WINDOW)
    assert not driver.transitions()
    assert verdict(driver, "BTC") == "agreed"


def test_semantics_5_3__a_residual_becomes_a_break_once_it_lasts_more_than_four_windows() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    began = driver.now
    driver.poll("BTC", "10.5", 60)
    (opened,) = driver.transitions("opened")
    assert opened.break_.amount == D("0.5")
    assert opened.break_.candidates == [D("0.5")], "no other amount fits"
    passed = (to_datetime(opened.us) - began) / timedelta(seconds=1)
    assert WINDOWS * WINDOW < passed <= (WINDOWS + 1) * WINDOW + 2
    assert driver.value("BTC") == D(10), "nothing is plugged"
    assert verdict(driver, "BTC") == "break"


def test_semantics_5_3__silence_of_an_account_that_is_alive_decides_too() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.balance("BTC", "10.5")
    driver.wait(WINDOWS * WINDOW - 1)
    assert (driver.opened_breaks(), verdict(driver, "BTC")) == ([], "pending")
    driver.wait(2)
    assert driver.opened_breaks() == [("BTC", D("0.5"))]


def test_semantics_5_3__silence_of_an_account_that_is_not_observed_decides_nothing() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.balance("BTC", "10.5")
    driver.close_session()
    driver.wait(10 * WINDOW, silent=[driver.account])
    assert not driver.opened_breaks()


def test_semantics_5_3__amounts_that_cannot_be_told_apart_are_listed_as_candidates() -> None:
    """A step while fills are under way: it is the report or one of the cuts, until something tells."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    report_bought(driver, "a", "1")
    driver.balance("BTC", "13")
    driver.wait(5 * WINDOW)
    (opened,) = driver.transitions("opened")
    assert opened.break_.amount in {D(2), D(3)}
    assert opened.break_.amount == D(2), "the newest cut's is shown"


def test_the_same_value_again_and_again_does_not_hide_a_missed_fill() -> None:
    """With equal lots the books pass the same values all the time: buy, sell, buy, sell, and one buy is missed."""
    driver = trading()
    driver.poll("BTC", "10.00000000", 10)
    truth, books = D(10), 0
    for number in range(60):
        side = "SELL" if number % 2 else "BUY"
        truth += -1 if side == "SELL" else 1
        if number != 20:
            report_bought(driver, f"o{number}", side=side)
            books += 1
        driver.balance("BTC", truth, after=0.2)
        driver.wait(0.8)
    driver.wait(40)
    assert [each for each in driver.opened_breaks() if each[0] == "BTC"] == [("BTC", D(1))]


# -- 5.4 clearing --------------------------------------------------------------------------------------------------


def test_semantics_5_4__a_late_report_clears() -> None:
    driver = trading()
    report_balances(driver, "10", "100000")
    order = late_order(driver, "late")
    for _ in range(40):
        driver.wait(1)
        report_balances(driver, "11", "99900")
    assert sorted(driver.opened_breaks()) == [("BTC", D(1)), ("USDT", D(-100))]
    driver.report(order.report(1))
    for _ in range(20):
        driver.wait(1)
        report_balances(driver, "11", "99900")
    assert not driver.breaks("BTC")
    assert not driver.breaks("USDT")
    assert {each.unit for each in driver.transitions("cleared")} == {"BTC", "USDT"}
    assert {verdict(driver, code) for code in ("BTC", "USDT")} == {"agreed"}
    assert residual(driver, "BTC") == 0


def test_semantics_5_4__a_late_report_clears_although_the_venues_clock_is_a_second_ahead() -> None:
    """It fits without the break and not with it; a second of skew must not make an opposite break of it."""
    driver = trading()
    driver.balance("BTC", "10")
    order = late_order(driver, "late", ahead=1)
    driver.poll("BTC", "11", 40, every=0.5)
    driver.report(order.report(1))
    driver.poll("BTC", "11", 40)
    assert driver.opened_breaks() == [("BTC", D(1))]
    assert not driver.breaks("BTC")


def test_semantics_5_4__two_opposite_steps_that_cancel_are_offset_which_is_not_cleared() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.poll("BTC", "10.5", 60)
    driver.poll("BTC", "10", 40)
    assert driver.opened_breaks() == [("BTC", D("0.5")), ("BTC", D("-0.5"))]
    assert not driver.transitions("cleared")
    first, second = driver.breaks("BTC")
    assert (first.offset_by, second.offset_by) == (second.id, first.id)
    assert [each.break_.id for each in driver.transitions("offset")] == [first.id]
    assert first.case_id == second.case_id
    assert residual(driver, "BTC") == 0


def test_semantics_5_4__a_fill_of_the_same_size_that_happened_later_does_not_clear() -> None:
    """The books move as far as the break, but for a fill of their own, which the report shows as well."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.poll("BTC", "11", 40)
    report_bought(driver, "new", "1")
    driver.poll("BTC", "12", 40)
    assert driver.opened_breaks() == [("BTC", D(1))]
    assert len(driver.breaks("BTC")) == 1
    assert residual(driver, "BTC") == D(1)


# -- 5.5 origin ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trades_meanwhile", [False, True])
def test_semantics_5_5__the_origin_holds_the_moment_of_the_fault(trades_meanwhile: bool) -> None:
    driver, truth = trading(), D(10)
    planted = None
    for number in range(90):
        if trades_meanwhile and number % 3 == 0:
            side = "BUY" if number % 2 else "SELL"
            truth += 1 if side == "BUY" else -1
            report_bought(driver, f"o{number}", side=side)
        if number == 40:
            truth += D("0.5")
            planted = driver.now
        driver.balance("BTC", truth, after=0.1)
        driver.wait(0.9)
    (known,) = driver.breaks("BTC")
    assert known.amount == D("0.5")
    after, until = (driver.log[seq - 1].recorded_at for seq in (known.after_seq, known.until_seq))
    assert planted is not None
    assert after <= planted <= until
    assert until - after <= timedelta(seconds=4 * WINDOW), "and it is no wider than it has to be"
