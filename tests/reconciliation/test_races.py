"""Reports that are told twice, late and out of order within a window are races, never breaks (semantics 5.1)."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.rules import Rules
from tests.support.gateway_driver import Desk, Life, Row, balance_row, steady

D = Decimal
Trade = tuple[str, bool, float, float, float, bool]


@steady(40)
@given(
    st.lists(
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
    )
)
def test_semantics_5_1__reports_told_twice_and_out_of_order_within_a_window_never_open_a_break(
    trades: list[Trade],
) -> None:
    """Each trade, half a second after the other: its report, that report again, and the balance after it, delayed."""
    desk = Desk(Rules())
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "100000"))
    held = D(10)
    due: list[tuple[float, int, Row | Decimal]] = []
    for number, (amount, buys, first, again, told, twice) in enumerate(trades):
        at = number * 0.5
        held += D(amount) if buys else -D(amount)
        order = Life(f"o{number}", [(amount, "100")], side="BUY" if buys else "SELL", began=desk.now)
        due.append((at + first, number, order.report(1)))
        due.append((at + again, number, order.report(1)))
        due += [(at + told + step, number, held) for step in ((0, 0.01) if twice else (0,))]
    passed = 0.0
    for at, _, what in sorted(due, key=lambda each: each[:2]):
        if isinstance(what, Decimal):
            desk.balance("BTC", what, after=max(at - passed, 0.0))
        else:
            desk.report(what, after=max(at - passed, 0.0))
        passed = max(passed, at)
    desk.wait(2)
    desk.balance("BTC", held)
    desk.wait(60)
    assert not [each for each in desk.opened() if each[0] == "BTC"]
    assert desk.value("BTC") == held
