"""How it is found out whether a venue keeps both sides of a position, through the fold (semantics 3.4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.testing import PERPETUAL, GatewayDriver, OrderScript, Row, balance_row, position_row
from tests.support.properties import steady

D = Decimal
SYMBOL = PERPETUAL.exchange
#: Longer than a settlement window of the rules in force, in seconds.
LATER = 20


def begun(*positions: Row) -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("USDT", "1000"), positions=positions)
    return driver


def trade(driver: GatewayDriver, key: str, net: Decimal | int) -> Row:
    """Return the report of an order that moves the position by an amount now."""
    side, placed_at = "BUY" if net > 0 else "SELL", driver.now - timedelta(seconds=4)
    return OrderScript(key, [(str(abs(net)), "100")], symbol=PERPETUAL, side=side, placed_at=placed_at).report(1)


def one_way(net: Decimal | int) -> Row:
    """Return the only row of a venue that keeps one: a flat position is said to be on the side BUY."""
    return position_row(str(abs(net)), "SELL" if net < 0 else "BUY")


def mode(driver: GatewayDriver) -> str | None:
    return driver.unit(SYMBOL, "contract").contract.position_mode


@pytest.mark.parametrize("again", [0, 1, 5])
def test_a_short_position_that_vanishes_is_a_break_although_its_flat_row_is_on_the_other_side(again: int) -> None:
    driver = begun(position_row("2", "SELL"))
    driver.position(position_row("0", "BUY"))
    for _ in range(again):
        driver.position(position_row("0", "BUY"), after=1.0)
    driver.wait(4 * LATER)
    assert driver.opened_breaks() == [(SYMBOL, D(2))]
    assert mode(driver) != "hedge"


def test_a_vanished_position_is_told_after_others_were_closed_by_us() -> None:
    """An empty side that was told once is not kept beside the other from then on."""
    driver = begun(position_row("2", "SELL"))
    for index, (moved, net) in enumerate([(2, 0), (-3, -3)]):
        driver.report(trade(driver, f"t{index}", moved))
        driver.position(one_way(net))
        driver.wait(LATER)
    assert not driver.opened_breaks()
    driver.position(one_way(0))
    driver.wait(2 * LATER)
    assert driver.opened_breaks() == [(SYMBOL, D(3))]


def test_a_flat_row_that_comes_before_its_report_does_not_mean_that_both_sides_are_kept() -> None:
    driver = begun(position_row("2", "SELL"))
    driver.position(one_way(0))
    driver.report(trade(driver, "a", 2))
    driver.wait(LATER)
    driver.report(trade(driver, "b", -3))
    driver.position(one_way(-3))
    driver.wait(LATER)
    driver.report(trade(driver, "c", 4))
    driver.position(one_way(1))
    driver.wait(2 * LATER)
    assert not driver.opened_breaks()
    assert driver.comparison(SYMBOL, "contract").reported == D(1)


def test_a_turned_row_that_comes_between_two_equal_fills_does_not_mean_that_both_sides_are_kept() -> None:
    """The first fill alone is what both sides together would be: 1 on each."""
    driver = begun(position_row("1", "SELL"))
    driver.report(trade(driver, "a", 1))
    driver.position(one_way(1))
    driver.report(trade(driver, "b", 1))
    driver.wait(LATER)
    assert mode(driver) != "hedge"
    driver.position(one_way(1))
    driver.wait(2 * LATER)
    assert mode(driver) == "one_way"
    assert not driver.opened_breaks()


def test_both_sides_are_kept_where_two_rows_a_window_apart_say_so() -> None:
    driver = begun(position_row("2", "SELL"))
    driver.report(trade(driver, "a", 1))
    driver.position(position_row("1", "BUY"))
    driver.wait(LATER)
    driver.report(trade(driver, "b", 3))
    driver.position(position_row("4", "BUY"))
    driver.wait(LATER / 2)
    assert mode(driver) is None, "one row may be a race"
    driver.report(trade(driver, "c", -4))
    driver.position(position_row("0", "BUY"))
    driver.wait(2 * LATER)
    assert mode(driver) == "hedge"
    assert not driver.opened_breaks()
    assert driver.comparison(SYMBOL, "contract").reported == D(-2)


def test_an_empty_side_that_a_snapshot_listed_beside_the_other_says_nothing_of_it() -> None:
    driver = begun(position_row("0", "BUY"), position_row("2", "SELL"))
    for _ in range(3):
        driver.position(position_row("2", "SELL"), after=1.0)
        driver.position(position_row("0", "BUY"))
    driver.wait(2 * LATER)
    assert not driver.opened_breaks()
    assert driver.comparison(SYMBOL, "contract").reported == D(-2)


@steady(40)
@given(
    st.integers(-3, 3),
    st.lists(
        st.tuples(st.integers(-4, 4).filter(bool), st.booleans(), st.sampled_from([0.05, 1.0, 15.0])), max_size=12
    ),
)
def test_where_one_row_is_kept_no_trading_and_no_crossing_opens_a_break(
    opening: int, traded: list[tuple[int, bool, float]]
) -> None:
    """The row comes before or after the report of a fill; the next fill soon, within a window, or later."""
    driver = begun(one_way(opening))
    net, keys = opening, count()
    for moved, row_first, pause in traded:
        net += moved
        report = trade(driver, f"t{next(keys)}", moved)
        if row_first:
            driver.position(one_way(net), after=pause)
            driver.report(report)
        else:
            driver.report(report, after=pause)
            driver.position(one_way(net))
    driver.wait(2 * LATER)
    assert not driver.opened_breaks()
    assert mode(driver) != "hedge"
    assert driver.comparison(SYMBOL, "contract").reported == D(net)
