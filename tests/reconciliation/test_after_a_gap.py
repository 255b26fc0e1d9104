"""What a gap hid, and what waited for it: contracts whose cash is worked out when sight of them returns."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

import pytest

from recon.ledger.rules import AccountRules, ContractTerms, RecoveryRules, Rules
from recon.testing import BTC_USDT, PERPETUAL, GatewayDriver, OrderScript, Row, balance_row, position_row
from tests.support.rest_driver import BackfillRun

D = Decimal
LINEAR: Final = ContractTerms(
    multiplier=D(1),
    kind="linear",
    settlement_asset="USDT",
    realised="close",
    method="average",
    balance_includes_unrealised=False,
)
RULES: Final = Rules(
    recovery=RecoveryRules(enabled=True, history=True),
    defaults=AccountRules(contracts={PERPETUAL.exchange: LINEAR}, settlement_window_us=1_000_000),
)


def started(*, quiet: float) -> GatewayDriver:
    driver = GatewayDriver(RULES)
    usdt, held = balance_row("USDT", "1000"), position_row("5", "BUY", price="100")
    driver.start(usdt, symbols=(BTC_USDT, PERPETUAL), positions=[held], quiet=quiet)
    return driver


def sale(driver: GatewayDriver, key: str, price: str) -> OrderScript:
    """Return an order that sells one contract now."""
    return OrderScript(key, [("1", price)], symbol=PERPETUAL, side="SELL", placed_at=driver.now - timedelta(seconds=4))


def reconnect(driver: GatewayDriver, balance: str, quantity: str, *, price: str = "100") -> BackfillRun:
    driver.close_session()
    driver.open_session("s2", after=2)
    driver.server_info()
    driver.orders()
    driver.balances(balance_row("USDT", balance))
    driver.positions(position_row(quantity, "BUY", price=price))
    return BackfillRun(driver)


def caught_up(run: BackfillRun, *orders: Row) -> None:
    run.begin(lists=False)
    run.orders()
    for each in orders:
        run.status(str(each["client_order_id"]), each)
    run.history()
    run.end()


def test_cash_from_before_the_first_balance_that_is_compared_is_no_part_of_its_opening_twice() -> None:
    """A contract opens after a gap: the cash of its fills comes before the balance that waited for it."""
    driver = started(quiet=0)
    driver.report(sale(driver, "a", "110").report(1))
    driver.balance("USDT", "1010")
    driver.position(position_row("4", "BUY", price="100"))
    driver.wait(3)
    run = reconnect(driver, "1010", "4")
    caught_up(run)
    driver.wait(60)
    assert (driver.value("USDT"), driver.unit("USDT").balance.opening) == (D(1010), D(1000))
    assert not driver.opened_breaks()


def test_what_the_comparison_posts_at_the_end_of_an_event_waits_for_no_other_event() -> None:
    """Otherwise it is lost at a restart, and what comes next is compared without it."""
    driver = started(quiet=0)
    driver.report(sale(driver, "a", "110").report(1))
    run = reconnect(driver, "1010", "4")
    driver.wait(10)
    caught_up(run)
    assert driver.unit(PERPETUAL.exchange, "contract").balance.opening is None
    driver.balance("USDT", "1010", after=0.02)
    assert not driver.ledger.effects.legs
    assert driver.unit(PERPETUAL.exchange, "contract").balance.opening == D(5), "the contract opened at the last event"
    assert [entry.amount for entry in driver.entries("USDT")] == [D(10)]


def test_cash_that_a_gap_held_back_comes_before_what_waited_is_decided() -> None:
    """The last report before the gap holds a fill of which REST tells; its cash is worked out at the end."""
    driver = started(quiet=40)
    order = OrderScript("a", [("1", "110")], symbol=PERPETUAL, side="SELL", placed_at=driver.now)
    driver.report(order.report(0))
    driver.wait(4)
    driver.balance("USDT", "1010")
    run = reconnect(driver, "1010", "4")
    caught_up(run, order.report(1))
    driver.wait(60)
    assert driver.value("USDT") == D(1010)
    assert not driver.transitions()


def test_fills_of_a_gap_that_cancel_out_are_in_the_position_reported_after_it() -> None:
    """They are booked later than that report; its quantity fits with and without them, its average price does not."""
    driver = started(quiet=0)
    bought = OrderScript("a", [("5", "200")], symbol=PERPETUAL, placed_at=driver.now - timedelta(seconds=3.5))
    sold = OrderScript("b", [("5", "300")], symbol=PERPETUAL, side="SELL", placed_at=driver.now - timedelta(seconds=3))
    driver.report(bought.report(0))
    driver.report(sold.report(0))
    run = reconnect(driver, "1750", "5", price="150")
    caught_up(run, sold.report(1), bought.report(1))
    driver.wait(60)
    assert [entry.amount for entry in driver.entries("USDT") if entry.cause == "realised" and entry.amount] == [D(750)]
    assert (driver.value("USDT"), driver.unit("USDT").balance.opening) == (D(1750), D(1000))
    assert not driver.transitions()


@pytest.mark.parametrize("lasts", [2, 8, 30])
@pytest.mark.parametrize("pause", [0.01, 2])
def test_without_recovery_too_what_waited_is_decided_after_the_snapshots_of_the_next_session(
    lasts: float, pause: float
) -> None:
    """The last balance before the gap holds a fill of which only the next session's orders tell."""
    driver = GatewayDriver(Rules(defaults=AccountRules(settlement_window_us=1_000_000)))
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000"), quiet=40)
    order = OrderScript("a", [("1", "100")], placed_at=driver.now)
    driver.report(order.report(0))
    driver.wait(4)
    driver.balance("BTC", "11")
    driver.balance("USDT", "900")
    driver.close_session()
    driver.wait(lasts, silent=[driver.account])
    driver.open_session("s2")
    driver.server_info()
    driver.wait(pause)
    driver.orders(order.report(1))
    driver.wait(pause)
    driver.balances(balance_row("BTC", "11"), balance_row("USDT", "900"))
    driver.wait(60)
    assert (driver.value("BTC"), driver.value("USDT")) == (D(11), D(900))
    assert driver.coverage() == ("covered", None)
    assert not driver.transitions()


def test_snapshots_that_never_come_are_waited_for_five_minutes() -> None:
    driver = GatewayDriver(Rules(defaults=AccountRules(settlement_window_us=1_000_000)))
    driver.start(balance_row("BTC", "10"), quiet=40)
    driver.close_session()
    driver.open_session("s2")
    driver.server_info()
    driver.balances(balance_row("BTC", "11"))
    driver.wait(280)
    assert not driver.opened_breaks()
    driver.wait(40)
    assert driver.coverage()[0] == "catching_up", "no snapshot of orders came"
    assert driver.opened_breaks() == [("BTC", D(1))]
