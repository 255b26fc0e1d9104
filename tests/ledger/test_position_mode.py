"""How it is found out whether a venue keeps both sides of a position, through the fold (semantics 3.4)."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.gateway_driver import PERPETUAL, Desk, Life, Row, balance_row, position_row, steady

D = Decimal
SYMBOL = PERPETUAL[0]
#: Longer than a settlement window of the rules in force, in seconds.
LATER = 20


def begun(*positions: Row) -> Desk:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"), positions=positions)
    return desk


def trade(key: str, net: Decimal | int) -> Row:
    """Return the report of an order that moved the position by an amount."""
    return Life(key, [(str(abs(net)), "100")], of=PERPETUAL, side="BUY" if net > 0 else "SELL").report(1)


def one_way(net: Decimal | int) -> Row:
    """Return the only row of a venue that keeps one: a flat position is said to be on the side BUY."""
    return position_row(str(abs(net)), "SELL" if net < 0 else "BUY")


def mode(desk: Desk) -> str | None:
    return desk.unit(SYMBOL, "contract").position_mode


@pytest.mark.parametrize("again", [0, 1, 5])
def test_a_short_position_that_vanishes_is_a_break_although_its_flat_row_is_on_the_other_side(again: int) -> None:
    desk = begun(position_row("2", "SELL"))
    desk.position(position_row("0", "BUY"))
    for _ in range(again):
        desk.position(position_row("0", "BUY"), after=1.0)
    desk.wait(4 * LATER)
    assert desk.opened() == [(SYMBOL, D(2))]
    assert mode(desk) != "hedge"


def test_a_vanished_position_is_told_after_others_were_closed_by_us() -> None:
    """An empty side that was told once is not kept beside the other from then on."""
    desk = begun(position_row("2", "SELL"))
    for index, (moved, net) in enumerate([(2, 0), (-3, -3)]):
        desk.report(trade(f"t{index}", moved))
        desk.position(one_way(net))
        desk.wait(LATER)
    assert not desk.opened()
    desk.position(one_way(0))
    desk.wait(2 * LATER)
    assert desk.opened() == [(SYMBOL, D(3))]


def test_a_flat_row_that_comes_before_its_report_does_not_mean_that_both_sides_are_kept() -> None:
    desk = begun(position_row("2", "SELL"))
    desk.position(one_way(0))
    desk.report(trade("a", 2))
    desk.wait(LATER)
    desk.report(trade("b", -3))
    desk.position(one_way(-3))
    desk.wait(LATER)
    desk.report(trade("c", 4))
    desk.position(one_way(1))
    desk.wait(2 * LATER)
    assert not desk.opened()
    assert desk.comparison(SYMBOL, "contract").reported == D(1)


def test_a_turned_row_that_comes_between_two_equal_fills_does_not_mean_that_both_sides_are_kept() -> None:
    """The first fill alone is what both sides together would be: 1 on each."""
    desk = begun(position_row("1", "SELL"))
    desk.report(trade("a", 1))
    desk.position(one_way(1))
    desk.report(trade("b", 1))
    desk.wait(LATER)
    assert mode(desk) != "hedge"
    desk.position(one_way(1))
    desk.wait(2 * LATER)
    assert mode(desk) == "one_way"
    assert not desk.opened()


def test_both_sides_are_kept_where_two_rows_a_window_apart_say_so() -> None:
    desk = begun(position_row("2", "SELL"))
    desk.report(trade("a", 1))
    desk.position(position_row("1", "BUY"))
    assert mode(desk) is None, "one row may be a race"
    desk.wait(LATER)
    desk.report(trade("b", 3))
    desk.position(position_row("4", "BUY"))
    assert mode(desk) == "hedge"
    desk.report(trade("c", -4))
    desk.position(position_row("0", "BUY"))
    desk.wait(2 * LATER)
    assert not desk.opened()
    assert desk.comparison(SYMBOL, "contract").reported == D(-2)


def test_an_empty_side_that_a_snapshot_listed_beside_the_other_says_nothing_of_it() -> None:
    desk = begun(position_row("0", "BUY"), position_row("2", "SELL"))
    for _ in range(3):
        desk.position(position_row("2", "SELL"), after=1.0)
        desk.position(position_row("0", "BUY"))
    desk.wait(2 * LATER)
    assert not desk.opened()
    assert desk.comparison(SYMBOL, "contract").reported == D(-2)


@steady(40)
@given(
    st.integers(-3, 3),
    st.lists(
        st.tuples(st.integers(-4, 4).filter(bool), st.booleans(), st.sampled_from([0.05, 1.0, 15.0])), max_size=12
    ),
)
def test_where_one_row_is_kept_no_trading_and_no_crossing_opens_a_break(
    held: int, traded: list[tuple[int, bool, float]]
) -> None:
    """The row comes before or after the report of a fill; the next fill soon, within a window, or later."""
    desk = begun(one_way(held))
    net, keys = held, count()
    for moved, row_first, pause in traded:
        net += moved
        report = trade(f"t{next(keys)}", moved)
        if row_first:
            desk.position(one_way(net), after=pause)
            desk.report(report)
        else:
            desk.report(report, after=pause)
            desk.position(one_way(net))
    desk.wait(2 * LATER)
    assert not desk.opened()
    assert mode(desk) != "hedge"
    assert desk.comparison(SYMBOL, "contract").reported == D(net)
