"""Orders: identity, generations, and the join (semantics 2; recon/ledger/orders.py, rules 1 to 3)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.orders import Order
from tests.support.gateway_driver import BTC_USDT, ETH_USDT, Desk, Life, Row, balance_row, steady

D = Decimal
AMOUNTS = st.decimals("0.0001", "3", places=4).map(str)
PRICES = st.decimals("1", "70000", places=2).map(str)


@st.composite
def lives(draw: st.DrawFn, key: str, digits: int | None = None) -> tuple[Life, list[Row]]:
    """An order and all that is ever reported of it, in the order it happened; `digits` of its average price."""
    digits = draw(st.sampled_from([2, 12])) if digits is None else digits
    fills = draw(st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=4))
    side, of = draw(st.sampled_from(["BUY", "SELL"])), draw(st.sampled_from([BTC_USDT, ETH_USDT]))
    more = draw(st.sampled_from([None, "5"]))
    life = Life(key, fills, side=side, of=of, listed=draw(st.booleans()), digits=digits)
    if more is not None:
        life.amount = str(life.ordered + D(more))
    reports = [life.report(count) for count in range(len(fills) + 1)]
    if more is not None:
        reports.append(life.report(len(fills), status="CANCELED"))
    return life, reports


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Reports as they happened, and the same in any order and repetition, each at least once."""
    digits = draw(st.sampled_from([2, 12]))
    told = [report for key in ("a", "b") for report in draw(lives(key, digits))[1]]
    again = draw(st.lists(st.sampled_from(told), max_size=6))
    return told, draw(st.permutations(told + again))


def trading() -> Desk:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("ETH", "10"), balance_row("USDT", "1000000"))
    return desk


def told(reports: list[Row]) -> Desk:
    desk = trading()
    for row in reports:
        desk.report(row)
    return desk


def state_of(order: Order) -> tuple[object, ...]:
    return (order.status, order.amount_filled, order.avg_px, order.amount_open, order.history_length, order.cash_total,
            order.booked, order.booked_cash, order.side, order.symbol)  # fmt: skip


def totals(desk: Desk) -> tuple[dict[object, Decimal], dict[object, Decimal]]:
    """What was booked per order and unit, and per unit."""
    per_order: dict[object, Decimal] = defaultdict(Decimal)
    per_unit: dict[object, Decimal] = defaultdict(Decimal)
    for entry in desk.book.changes.entries:
        if entry.cause == "fill":
            per_order[entry.order, entry.unit] += entry.amount
            per_unit[entry.unit] += entry.amount
    return per_order, per_unit


@steady(60)
@given(shuffled())
def test_join__any_order_and_repetition_gives_the_same_order_states_and_totals(
    reports: tuple[list[Row], list[Row]],
) -> None:
    """orders.py 1: folding reports is a join; orders.py 3: cash depends on the furthest report alone."""
    in_order, in_any_order = told(reports[0]), told(reports[1])
    for key in ("a", "b"):
        assert state_of(in_any_order.order(f"c:{key}")) == state_of(in_order.order(f"c:{key}"))
    assert totals(in_any_order) == totals(in_order)
    for code in ("BTC", "ETH", "USDT"):
        assert in_any_order.value(code) == in_order.value(code)


@steady(60)
@given(lives("a"), st.data())
def test_join__the_furthest_report_alone_gives_the_same_totals(of: tuple[Life, list[Row]], data: st.DataObject) -> None:
    """orders.py 2 and 3: whatever was said before the furthest report makes no difference to the totals."""
    before = data.draw(st.lists(st.sampled_from(of[1]), max_size=5))
    assert totals(told([*before, of[1][-1]])) == totals(told(of[1][-1:]))


@steady(60)
@given(lives("a"))
def test_total_cash_is_that_of_the_fills_within_what_the_average_price_can_tell(of: tuple[Life, list[Row]]) -> None:
    """Semantics 2.3: the cash of jumps is the difference of totals, so errors cancel within an order."""
    life, reports = of
    desk = told(reports)
    count = len(life.fills)
    booked = sum((entry.amount for entry in desk.entries("USDT") if entry.cause == "fill"), D(0))
    truth = life.cash(count) if life.side == "SELL" else -life.cash(count)
    average = life.average(count)
    assert average is not None
    written = max(-int(average.as_tuple().exponent), 0)
    assert abs(booked - truth) <= life.filled(count) * D(5).scaleb(-written - 1)


def test_join__total_cash_is_a_function_of_the_furthest_report_alone() -> None:
    """orders.py 3: what another order's reports said before must not decide between list and average price."""
    other = Life("a", [("1", "100.33")], listed=False).report(1)
    report = Life("b", [("2", "100"), ("1", "101")]).report(2, avg_px=D("100.3"))
    before, after = told([other, report]), told([report, other])
    assert before.order("c:b").cash_total == after.order("c:b").cash_total
    assert totals(before) == totals(after)


def test_semantics_2_1__an_order_is_known_by_either_id() -> None:
    desk = trading()
    life = Life("c1", [("1", "100"), ("1", "101")])
    desk.report(life.report(0, exchange_order_id=None))
    desk.report(life.report(1))
    desk.report(life.report(2, client_order_id=None))
    assert [key for _, key in desk.book.orders] == ["c:c1"]
    assert desk.order("c:c1").amount_filled == D(2)


def test_semantics_2_1__an_alias_is_learnt_from_any_report() -> None:
    """Else the next report under that alias is taken for another order, and its fills are booked twice."""
    desk = trading()
    life = Life("c1", [("1", "100"), ("1", "101")])
    desk.report(life.report(1, exchange_order_id=None))
    desk.report(life.report(1))
    desk.report(life.report(2, client_order_id=None))
    assert [key for _, key in desk.book.orders] == ["c:c1"]
    assert desk.value("BTC") == D(12)


def test_semantics_2_1__an_empty_string_or_null_is_no_id() -> None:
    desk = trading()
    for name, number in (("", "1"), (None, "2")):
        desk.report(Life("x", [("1", "100")]).report(1, client_order_id=name, exchange_order_id=f"X-{number}"))
    assert sorted(key for _, key in desk.book.orders) == ["x:X-1", "x:X-2"]
    desk.report(Life("x", [("1", "100")]).report(1, client_order_id="", exchange_order_id=None))
    assert len(desk.book.orders) == 2, "a report that names no order is a finding"
    assert desk.value("BTC") == D(12)


def test_semantics_2_1__a_reused_client_id_is_a_new_generation() -> None:
    """Bots reuse "1", "2", … every day: not a regression of the old order."""
    desk = trading()
    desk.report(Life("1", [("2", "100")], exchange_id="X-1").report(1))
    desk.report(Life("1", [("1", "100")], exchange_id="X-2").report(0))
    desk.report(Life("1", [("1", "100")], exchange_id="X-2").report(1))
    assert [key for _, key in desk.book.orders] == ["c:1", "c2:1"]
    assert desk.value("BTC") == D(13)
    assert not desk.findings("amount_regression")
    assert not desk.transitions("opened")


def test_semantics_2_1__another_symbol_or_side_is_a_new_generation() -> None:
    desk = trading()
    for side, of in (("BUY", BTC_USDT), ("SELL", BTC_USDT), ("SELL", ETH_USDT)):
        desk.report(Life("1", [("1", "100")], exchange_id=None, side=side, of=of).report(1))
    assert [key for _, key in desk.book.orders] == ["c:1", "c2:1", "c3:1"]
    assert (desk.value("BTC"), desk.value("ETH"), desk.value("USDT")) == (D(10), D(9), D(1000100))


def test_semantics_2_1__a_late_report_of_an_old_generation_is_not_taken_for_the_new_one() -> None:
    desk = trading()
    old, new = Life("1", [("2", "100"), ("3", "100")], exchange_id="X-1"), Life("1", [("1", "7")], exchange_id="X-2")
    desk.report(old.report(1))
    desk.report(new.report(1))
    desk.report(old.report(2))
    assert desk.order("c:1").amount_filled == D(5)
    assert desk.order("c2:1").amount_filled == D(1)
    assert desk.value("BTC") == D(16)


def test_semantics_2_2__only_the_grain_is_coarser_where_the_last_report_comes_first() -> None:
    """recon/ledger/orders.py, rule 1: one fill is booked where three could have been, to the same totals."""
    life = Life("a", [("1", "100"), ("2", "101"), ("3", "102")], listed=False)
    fine, coarse = told([life.report(n) for n in (1, 2, 3)]), told([life.report(n) for n in (3, 1, 2)])
    assert (len(fine.book.changes.fills), len(coarse.book.changes.fills)) == (3, 1)
    assert totals(fine) == totals(coarse)


def test_semantics_2_2__terminal_beats_open_and_the_longer_history_beats_the_shorter() -> None:
    life = Life("a", [("1", "100")], amount="5")
    canceled, pending = life.report(1, status="CANCELED"), life.report(1, status="PENDING_CANCEL")
    for reports in ([canceled, pending], [pending, canceled]):
        assert told(reports).order("c:a").status == "CANCELED"
    for reports in ([life.report(1), pending], [pending, life.report(1)]):
        assert told(reports).order("c:a").status == "PENDING_CANCEL"
