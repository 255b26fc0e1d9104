"""What is written down of a step: breaks open, move, clear, recur and are offset (semantics 5.4, 8)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.reconciliation.model.break_ import Break
from recon.testing import GatewayDriver, OrderScript
from tests.support.claims import claimed, residual
from tests.support.decisions_driver import BOB, record_decision
from tests.support.facts_driver import record_fact
from tests.support.trading_account import late_order, trading, verdict

D = Decimal


def with_break(total: str = "11") -> tuple[GatewayDriver, OrderScript, Break]:
    """An account whose bitcoin moved without a report, and the order that did it."""
    driver = trading()
    driver.poll("BTC", "10", 10)
    order = late_order(driver, "late")
    driver.wait(1)
    driver.poll("BTC", total, 40)
    (known,) = driver.breaks("BTC")
    return driver, order, known


def approve(driver: GatewayDriver, known: Break, **more: object) -> None:
    record_decision(driver, "propose", known, cause="missed_fill", **more)  # type: ignore[arg-type]
    assert known.proposal is not None
    record_decision(driver, "approve", known, by=BOB, digest=known.proposal.digest)


def adds_up(driver: GatewayDriver) -> bool:
    return residual(driver, "BTC") == claimed(driver.comparison("BTC"))


def test_a_late_fill_that_explains_a_part_moves_the_break_and_keeps_its_history() -> None:
    driver, order, known = with_break("13")
    record_decision(driver, "assign", known, assignee="carol")
    driver.report(order.report(1))
    driver.poll("BTC", "13", 30)
    assert driver.breaks("BTC") == [known]
    assert (known.amount, known.assignee, known.state) == (D(2), "carol", "assigned")
    assert [each.event for each in driver.transitions() if each.unit == "BTC"] == ["opened", "assign", "caused"]
    assert adds_up(driver)


def test_a_late_fill_clears_the_break_and_nothing_is_left() -> None:
    driver, order, known = with_break()
    driver.report(order.report(1))
    driver.poll("BTC", "11", 30)
    assert (known.state, driver.breaks("BTC")) == ("cleared", [])
    assert residual(driver, "BTC") == claimed(driver.comparison("BTC")) == 0
    assert verdict(driver, "BTC") == "agreed"


def test_a_late_fill_after_the_break_was_explained_is_a_break_the_other_way() -> None:
    driver, order, known = with_break()
    approve(driver, known)
    driver.poll("BTC", "11", 10)
    driver.report(order.report(1))
    driver.poll("BTC", "11", 30)
    (over,) = driver.breaks("BTC")
    assert (over.amount, over.case_id, known.state) == (D(-1), known.case_id, "resolved")
    assert driver.value("BTC") == 12, "it is counted twice, and shown"
    assert adds_up(driver)


def test_opening_the_explained_break_again_mends_it() -> None:
    driver, order, known = with_break()
    approve(driver, known)
    driver.report(order.report(1))
    driver.poll("BTC", "11", 30)
    record_decision(driver, "reopen", known, text="the fill was told after all")
    assert (known.state, driver.breaks("BTC"), driver.value("BTC")) == ("cleared", [], D(11))
    assert adds_up(driver)


def test_a_late_fill_of_a_part_after_the_whole_was_explained_leaves_that_part_over() -> None:
    driver, order, known = with_break("13")
    approve(driver, known)
    driver.report(order.report(1))
    driver.poll("BTC", "13", 30)
    (over,) = driver.breaks("BTC")
    assert over.amount == D(-1)
    record_decision(driver, "reopen", known)
    assert [(each.id, each.amount) for each in driver.breaks("BTC")] == [(known.id, D(2))]
    assert adds_up(driver)


def test_a_late_fill_after_a_part_was_explained_leaves_what_was_posted() -> None:
    driver, order, known = with_break("13")
    approve(driver, known, entry="2")
    assert known.amount == 1
    driver.report(order.report(1))
    driver.poll("BTC", "13", 30)
    assert (known.state, driver.breaks("BTC")) == ("explained", [])
    assert driver.value("BTC") == 13
    assert adds_up(driver)


def test_what_a_recurrence_took_the_place_of_is_not_forgotten() -> None:
    """The same break again: the first fill comes after that, and it had been explained."""
    driver, order, known = with_break()
    approve(driver, known)
    driver.poll("BTC", "12", 40)
    assert [each.amount for each in driver.breaks("BTC")] == [1]
    driver.report(order.report(1))
    driver.poll("BTC", "12", 30)
    assert sorted(each.amount for each in driver.breaks("BTC")) == [D(-1), D(1)]
    assert adds_up(driver)


def test_a_fact_that_explains_a_step_before_it_is_decided_and_a_late_fill_are_both_seen() -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    order = late_order(driver, "late")
    driver.poll("BTC", "11", 9)
    record_fact(driver, "deposit", "BTC", "1", "L-1", ago=9)
    driver.poll("BTC", "11", 40)
    assert not driver.opened_breaks()
    driver.report(order.report(1))
    driver.poll("BTC", "11", 30)
    assert [each.amount for each in driver.breaks("BTC")] == [-1]
    assert driver.value("BTC") == 12
    assert adds_up(driver)


@pytest.mark.parametrize("there", ["10.5", "12"])
def test_a_step_that_is_taken_back_later_is_a_break_of_its_own_and_the_two_are_offset(there: str) -> None:
    driver = trading()
    driver.poll("BTC", "10", 10)
    driver.poll("BTC", there, 60)
    driver.poll("BTC", "10", 60)
    first, second = driver.breaks("BTC")
    assert (first.amount, first.offset_by, second.offset_by) == (-second.amount, second.id, first.id)
    assert residual(driver, "BTC") == claimed(driver.comparison("BTC")) == 0


def test_a_race_is_told_by_nobody_and_its_rest_is_posted_as_a_fee() -> None:
    """A purchase that a report shows long before its own report, and its fee, while no rate is known."""
    driver = trading()
    driver.poll("USDT", "100000.00", 10)
    order = OrderScript("a", [("1", "100")], placed_at=driver.now - timedelta(seconds=4 - 7))
    driver.balance("USDT", "99899.90")
    driver.wait(7)
    driver.report(order.report(1))
    driver.poll("USDT", "99899.90", 60)
    assert "USDT" not in {unit for unit, _ in driver.opened_breaks()}
    assert driver.value("USDT") == D("99899.90")
    assert residual(driver, "USDT") == claimed(driver.comparison("USDT")) == 0
