"""Reports that are told twice, late and out of order within a window are races, never breaks (semantics 5.1)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import Rules
from recon.testing import GatewayDriver, OrderScript, Row, balance_row
from tests.support.properties import steady

D = Decimal
Trade = tuple[str, bool, float, float, float, bool]


@pytest.mark.parametrize("stamped", [True, False], ids=["with times", "without times"])
@steady(40)
@given(
    trades=st.lists(
        st.tuples(
            st.sampled_from(["0.1", "0.2", "0.25", "1"]),
            st.booleans(),
            st.floats(0, 1.5),
            st.floats(0, 1.5),
            st.floats(0, 1.5),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_semantics_5_1__reports_told_twice_and_out_of_order_within_a_window_never_open_a_break(
    stamped: bool, trades: list[Trade]
) -> None:
    """Each trade, half a second after the other: its report, that report again, and the balance after it, delayed.

    The venue says when it filled them, or tells no time at all.
    """
    driver = GatewayDriver(Rules())
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    held = D(10)
    due: list[tuple[float, int, Row | Decimal]] = []
    for number, (amount, buys, first, again, told, twice) in enumerate(trades):
        at = number * 0.5
        held += D(amount) if buys else -D(amount)
        filled_at = driver.now + timedelta(seconds=at)
        side = "BUY" if buys else "SELL"
        more: Row = {} if stamped else {"status_history": [], "fills": []}
        order = OrderScript(
            f"o{number}", [(amount, "100")], side=side, placed_at=filled_at - timedelta(seconds=4), extra=more
        )
        due.append((at + first, number, order.report(1)))
        due.append((at + again, number, order.report(1)))
        due += [(at + told + step, number, held) for step in ((0, 0.01) if twice else (0,))]
    passed = 0.0
    for at, _, what in sorted(due, key=lambda each: each[:2]):
        if isinstance(what, Decimal):
            driver.balance("BTC", what, after=max(at - passed, 0.0))
        else:
            driver.report(what, after=max(at - passed, 0.0))
        passed = max(passed, at)
    driver.wait(2)
    driver.balance("BTC", held)
    driver.wait(60)
    assert not [each for each in driver.opened_breaks() if each[0] == "BTC"]
    assert driver.value("BTC") == held


def test_what_a_race_leaves_is_no_fee_where_no_fill_lies_in_it_whatever_breaks_beside_it() -> None:
    """Semantics 8.5: a fee is at most 0.6 % of what the fills in the race moved; the rest is a break."""
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    driver.poll("USDT", "100000", 10)
    driver.poll("USDT", "100100", 3)
    held = D("100001.9")
    driver.poll("USDT", held, 3)
    for number in range(4):
        driver.report(OrderScript(f"o{number}", [("10", "100")], placed_at=driver.now).report(1))
        held -= 1000
    held -= 600
    driver.poll("USDT", held, 120)
    assert not [entry for entry in driver.entries("USDT") if entry.cause == "fee"]
    assert sorted(known.amount for known in driver.breaks("USDT")) == [D(-600), D("1.9")]
