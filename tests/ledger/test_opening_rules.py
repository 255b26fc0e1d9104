"""The opening of a unit's books, through the fold (semantics 4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.ledger.rules import AccountRules, Rules
from recon.testing import BTC_USDT, PERPETUAL, START, GatewayDriver, OrderScript, balance_row, position_row

D = Decimal
#: How long an opening waits that fills race with, at the default window, in seconds.
TWO_HOLDS = 40


def openings(driver: GatewayDriver, code: str, kind: str = "asset") -> list[tuple[Decimal, str]]:
    return [(entry.amount, entry.certainty) for entry in driver.entries(code, kind) if entry.cause == "opening"]


def test_semantics_4_1__a_balance_managers_row_neither_opens_nor_is_judged() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10", last_updated_by="BALANCE_MANAGER"), balance_row("USDT", "1000"))
    assert openings(driver, "BTC") == []
    driver.balance("BTC", "10")
    driver.wait(30)
    driver.poll("BTC", "7", 40, last_updated_by="BALANCE_MANAGER")
    assert openings(driver, "BTC") == [(D(10), "exact")]
    assert not driver.transitions()
    assert driver.unit("BTC").reported.available == D(7), "shown all the same"


def test_semantics_4_1__the_settings_may_trust_the_balance_manager() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules(trust_balance_manager=True)))
    driver.start(balance_row("BTC", "10", last_updated_by="BALANCE_MANAGER"))
    assert openings(driver, "BTC") == [(D(10), "exact")]


def test_semantics_4_1__a_row_that_names_no_origin_counts_as_authoritative() -> None:
    driver = GatewayDriver()
    row = balance_row("BTC", "10")
    del row["last_updated_by"]
    driver.start(row)
    assert openings(driver, "BTC") == [(D(10), "exact")]


def test_a_row_without_balance_is_no_observation() -> None:
    """Nothing is derived from available and locked, and its absence is not zero."""
    driver = GatewayDriver()
    driver.start(balance_row("KFEE", None) | {"available": D(5), "locked": D(1)}, balance_row("BTC", "10"))
    assert driver.comparison("KFEE").reported is None
    assert driver.unit("KFEE").balance.opening is None
    assert (driver.unit("KFEE").reported.available, driver.unit("KFEE").reported.locked) == (D(5), D(1))
    driver.balance("BTC", None)
    driver.wait(40)
    assert driver.comparison("BTC").reported == D(10)
    assert not driver.transitions()


@pytest.mark.parametrize("polled_before_the_fill", [True, False])
@pytest.mark.parametrize("fill_told_first", [True, False])
def test_semantics_4_2__fills_race_with_the_first_balance(polled_before_the_fill: bool, fill_told_first: bool) -> None:
    """Snapshot polled before or after a fill, fill booked before or after the snapshot: one opening, 10."""
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    fill = OrderScript("a", [("2", "100")], placed_at=START + timedelta(seconds=1)).report(1)
    first = "10" if polled_before_the_fill else "12"
    if fill_told_first:
        driver.report(fill)
    driver.balances(balance_row("BTC", first), balance_row("USDT", "1000" if polled_before_the_fill else "800"))
    if not fill_told_first:
        driver.report(fill)
    for _ in range(3):
        driver.wait(1)
        driver.balance("BTC", "12")
        driver.balance("USDT", "800")
    driver.wait(200)
    assert [amount for amount, _ in openings(driver, "BTC")] == [D(10)]
    assert [amount for amount, _ in openings(driver, "USDT")] == [D(1000)]
    assert not driver.opened_breaks()


def test_semantics_4_2__an_opening_is_pending_until_things_are_quiet_and_then_never_moved() -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    driver.balances(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    assert openings(driver, "BTC") == []
    driver.wait(30)
    assert openings(driver, "BTC") == [(D(10), "exact")]
    driver.report(OrderScript("a", [("2", "100")]).report(1))
    driver.poll("BTC", "13", 40)
    assert openings(driver, "BTC") == [(D(10), "exact")]
    assert driver.unit("BTC").balance.opening == D(10)


def test_semantics_4_3__absent_from_a_complete_snapshot_opens_at_zero_inferred() -> None:
    """Buy 100 and the first row ever is 99.74: "first row opens" would swallow the fee."""
    driver = GatewayDriver(Rules(defaults=AccountRules(learn_fees_up_to=D(0))))
    driver.start(balance_row("USDT", "100000"))
    driver.report(OrderScript("a", [("100", "10")]).report(1))
    assert openings(driver, "BTC") == [(D(0), "inferred")]
    driver.balance("USDT", "99000")
    driver.poll("BTC", "99.74", 40)
    assert driver.opened_breaks() == [("BTC", D("-0.26"))]


def test_semantics_4_3__nothing_opens_at_zero_before_a_complete_snapshot_was_seen() -> None:
    driver = GatewayDriver()
    driver.open_session()
    driver.server_info()
    driver.symbols(BTC_USDT)
    driver.orders()
    driver.report(OrderScript("a", [("100", "10")]).report(1))
    assert openings(driver, "BTC") == []
    driver.snapshot("BALANCE_SNAPSHOT", None)
    driver.wait(30)
    assert openings(driver, "BTC") == [], "null data is no complete snapshot"
    driver.balance("BTC", "99.74")
    driver.wait(TWO_HOLDS + 1)
    assert openings(driver, "BTC") == [(D("-0.26"), "exact")]


def test_semantics_4_3__a_contract_absent_from_a_complete_position_snapshot_opens_at_zero() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("3", "10")], symbol=PERPETUAL).report(1))
    assert openings(driver, PERPETUAL.exchange, "contract") == [(D(0), "inferred")]
    driver.position(position_row("3", "BUY"))
    driver.wait(40)
    assert not driver.opened_breaks()


def test_semantics_4_3__later_absence_from_a_complete_snapshot_is_an_observation_of_zero() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.balances(balance_row("USDT", "1000"))
    assert (driver.comparison("BTC").reported, driver.comparison("BTC").inferred) == (D(0), True)
    driver.wait(60)
    assert driver.opened_breaks() == [("BTC", D(-10))]


def test_semantics_4_3__absence_from_an_incomplete_snapshot_says_nothing() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.frame({"type": "BALANCE_SNAPSHOT", "exchange_id": driver.account, "data": [balance_row("USDT", "1000"), 7]})
    driver.wait(40)
    assert driver.comparison("BTC").reported == D(10)
    assert not driver.transitions()


def test_semantics_4_4__what_an_order_of_the_first_snapshot_has_filled_was_before_the_opening() -> None:
    driver = GatewayDriver()
    order = OrderScript("a", [("2", "100"), ("1", "101")], placed_at=START - timedelta(hours=1))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), orders=[order.report(1)])
    assert [entry for entry in driver.ledger.changes.entries if entry.cause == "fill"] == []
    driver.report(order.report(2))
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(899)), "everything else of it is booked"


def test_semantics_4_4__an_order_that_began_and_filled_before_the_opening_is_not_booked() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("2", "100")], placed_at=START - timedelta(hours=1)).report(1))
    assert driver.value("BTC") == D(10)
    assert driver.order("c:a").booked.pre_opening == D(2)


def test_semantics_4_4__an_order_told_of_later_that_began_after_the_opening_is_booked_in_full() -> None:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.report(OrderScript("a", [("2", "100")], placed_at=START + timedelta(seconds=20)).report(1))
    assert driver.value("BTC") == D(12)


def test_semantics_4_4__the_first_snapshot_after_a_gap_is_not_the_initial_one() -> None:
    """An order that it shows for the first time was placed in the gap: what it filled is not the past."""
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    driver.close_session()
    driver.wait(20, silent=[driver.account])
    driver.open_session("s2")
    driver.server_info()
    driver.orders(OrderScript("a", [("2", "100")], amount="5", placed_at=START + timedelta(seconds=40)).report(1))
    driver.balances(balance_row("BTC", "12"), balance_row("USDT", "800"))
    driver.wait(40)
    assert driver.value("BTC") == D(12)
    assert not driver.opened_breaks()
