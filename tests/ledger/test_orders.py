"""Orders: identity, generations, and the join (semantics 2; recon/ledger/orders.py, rules 1 to 3)."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.orders import Order
from recon.testing import BTC_USDT, ETH_USDT, GatewayDriver, OrderScript, Row, balance_row
from tests.support.properties import steady

D = Decimal
AMOUNTS = st.decimals("0.0001", "3", places=4).map(str)
PRICES = st.decimals("1", "70000", places=2).map(str)


@st.composite
def lives(draw: st.DrawFn, key: str, digits: int | None = None) -> tuple[OrderScript, list[Row]]:
    """An order and all that is ever reported of it, in the order it happened; `digits` of its average price."""
    digits = draw(st.sampled_from([2, 12])) if digits is None else digits
    fills = draw(st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=4))
    side, of = draw(st.sampled_from(["BUY", "SELL"])), draw(st.sampled_from([BTC_USDT, ETH_USDT]))
    more = draw(st.sampled_from([None, "5"]))
    script = OrderScript(key, fills, side=side, symbol=of, lists_fills=draw(st.booleans()), price_digits=digits)
    if more is not None:
        script.amount = str(script.ordered + D(more))
    reports = [script.report(count) for count in range(len(fills) + 1)]
    if more is not None:
        reports.append(script.report(len(fills), status="CANCELED"))
    return script, reports


@st.composite
def shuffled(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Reports as they happened, and the same in any order and repetition, each at least once."""
    digits = draw(st.sampled_from([2, 12]))
    reports = [report for key in ("a", "b") for report in draw(lives(key, digits))[1]]
    again = draw(st.lists(st.sampled_from(reports), max_size=6))
    return reports, draw(st.permutations(reports + again))


def trading() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("ETH", "10"), balance_row("USDT", "1000000"))
    return driver


def reported(reports: list[Row]) -> GatewayDriver:
    driver = trading()
    for row in reports:
        driver.report(row)
    return driver


def state_of(order: Order) -> tuple[object, ...]:
    reported, booked, identity = order.reported, order.booked, order.identity
    return (
        reported.status, reported.amount_filled, reported.avg_px, reported.amount_open, reported.history_length,
        reported.cash_total, booked.amount, booked.cash, identity.side, identity.symbol,
    )  # fmt: skip


def totals(driver: GatewayDriver) -> tuple[dict[object, Decimal], dict[object, Decimal]]:
    """What was booked per order and unit, and per unit."""
    per_order: dict[object, Decimal] = defaultdict(Decimal)
    per_unit: dict[object, Decimal] = defaultdict(Decimal)
    for entry in driver.ledger.changes.entries:
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
    in_order, in_any_order = reported(reports[0]), reported(reports[1])
    for key in ("a", "b"):
        assert state_of(in_any_order.order(f"c:{key}")) == state_of(in_order.order(f"c:{key}"))
    assert totals(in_any_order) == totals(in_order)
    for code in ("BTC", "ETH", "USDT"):
        assert in_any_order.value(code) == in_order.value(code)


@steady(60)
@given(lives("a"), st.data())
def test_join__the_furthest_report_alone_gives_the_same_totals(
    of: tuple[OrderScript, list[Row]], data: st.DataObject
) -> None:
    """orders.py 2 and 3: whatever was said before the furthest report makes no difference to the totals."""
    before = data.draw(st.lists(st.sampled_from(of[1]), max_size=5))
    assert totals(reported([*before, of[1][-1]])) == totals(reported(of[1][-1:]))


@steady(60)
@given(lives("a"))
def test_total_cash_is_that_of_the_fills_within_what_the_average_price_can_tell(
    of: tuple[OrderScript, list[Row]],
) -> None:
    """Semantics 2.3: the cash of jumps is the difference of totals, so errors cancel within an order."""
    script, reports = of
    driver = reported(reports)
    count = len(script.fills)
    booked = sum((entry.amount for entry in driver.entries("USDT") if entry.cause == "fill"), D(0))
    truth = script.cash(count) if script.side == "SELL" else -script.cash(count)
    average = script.average(count)
    assert average is not None
    written = max(-int(average.as_tuple().exponent), 0)
    assert abs(booked - truth) <= script.filled(count) * D(5).scaleb(-written - 1)


def test_join__total_cash_is_a_function_of_the_furthest_report_alone() -> None:
    """orders.py 3: what another order's reports said before must not decide between list and average price."""
    another = OrderScript("a", [("1", "100.33")], lists_fills=False).report(1)
    report = OrderScript("b", [("2", "100"), ("1", "101")]).report(2, avg_px=D("100.3"))
    before, after = reported([another, report]), reported([report, another])
    assert before.order("c:b").reported.cash_total == after.order("c:b").reported.cash_total
    assert totals(before) == totals(after)


def test_semantics_2_1__an_order_is_known_by_either_id() -> None:
    driver = trading()
    script = OrderScript("c1", [("1", "100"), ("1", "101")])
    driver.report(script.report(0, exchange_order_id=None))
    driver.report(script.report(1))
    driver.report(script.report(2, client_order_id=None))
    assert [key for _, key in driver.ledger.orders] == ["c:c1"]
    assert driver.order("c:c1").reported.amount_filled == D(2)


def test_semantics_2_1__an_alias_is_learnt_from_any_report() -> None:
    """Else the next report under that alias is taken for another order, and its fills are booked twice."""
    driver = trading()
    script = OrderScript("c1", [("1", "100"), ("1", "101")])
    driver.report(script.report(1, exchange_order_id=None))
    driver.report(script.report(1))
    driver.report(script.report(2, client_order_id=None))
    assert [key for _, key in driver.ledger.orders] == ["c:c1"]
    assert driver.value("BTC") == D(12)


def test_semantics_2_1__an_empty_string_or_null_is_no_id() -> None:
    driver = trading()
    for name, number in (("", "1"), (None, "2")):
        driver.report(OrderScript("x", [("1", "100")]).report(1, client_order_id=name, exchange_order_id=f"X-{number}"))
    assert sorted(key for _, key in driver.ledger.orders) == ["x:X-1", "x:X-2"]
    driver.report(OrderScript("x", [("1", "100")]).report(1, client_order_id="", exchange_order_id=None))
    assert len(driver.ledger.orders) == 2, "a report that names no order is a finding"
    assert driver.value("BTC") == D(12)


def test_semantics_2_1__a_reused_client_id_is_a_new_generation() -> None:
    """Bots reuse "1", "2", … every day: not a regression of the old order."""
    driver = trading()
    driver.report(OrderScript("1", [("2", "100")], exchange_id="X-1").report(1))
    driver.report(OrderScript("1", [("1", "100")], exchange_id="X-2").report(0))
    driver.report(OrderScript("1", [("1", "100")], exchange_id="X-2").report(1))
    assert [key for _, key in driver.ledger.orders] == ["c:1", "c2:1"]
    assert driver.value("BTC") == D(13)
    assert not driver.findings("amount_regression")
    assert not driver.transitions("opened")


def test_semantics_2_1__another_symbol_or_side_is_a_new_generation() -> None:
    driver = trading()
    for side, of in (("BUY", BTC_USDT), ("SELL", BTC_USDT), ("SELL", ETH_USDT)):
        driver.report(OrderScript("1", [("1", "100")], exchange_id=None, side=side, symbol=of).report(1))
    assert [key for _, key in driver.ledger.orders] == ["c:1", "c2:1", "c3:1"]
    assert (driver.value("BTC"), driver.value("ETH"), driver.value("USDT")) == (D(10), D(9), D(1000100))


def test_semantics_2_1__a_late_report_of_an_old_generation_is_not_taken_for_the_new_one() -> None:
    driver = trading()
    old, new = (
        OrderScript("1", [("2", "100"), ("3", "100")], exchange_id="X-1"),
        OrderScript("1", [("1", "7")], exchange_id="X-2"),
    )
    driver.report(old.report(1))
    driver.report(new.report(1))
    driver.report(old.report(2))
    assert driver.order("c:1").reported.amount_filled == D(5)
    assert driver.order("c2:1").reported.amount_filled == D(1)
    assert driver.value("BTC") == D(16)


def test_semantics_2_2__only_the_grain_is_coarser_where_the_last_report_comes_first() -> None:
    """recon/ledger/orders.py, rule 1: one fill is booked where three could have been, to the same totals."""
    script = OrderScript("a", [("1", "100"), ("2", "101"), ("3", "102")], lists_fills=False)
    fine, coarse = reported([script.report(n) for n in (1, 2, 3)]), reported([script.report(n) for n in (3, 1, 2)])
    assert (len(fine.ledger.changes.fills), len(coarse.ledger.changes.fills)) == (3, 1)
    assert totals(fine) == totals(coarse)


def test_semantics_2_2__terminal_beats_open_and_the_longer_history_beats_the_shorter() -> None:
    script = OrderScript("a", [("1", "100")], amount="5")
    canceled, pending = script.report(1, status="CANCELED"), script.report(1, status="PENDING_CANCEL")
    for reports in ([canceled, pending], [pending, canceled]):
        assert reported(reports).order("c:a").reported.status == "CANCELED"
    for reports in ([script.report(1), pending], [pending, script.report(1)]):
        assert reported(reports).order("c:a").reported.status == "PENDING_CANCEL"


def _ended(script: OrderScript) -> Row:
    return script.report(0) | {"status": "CANCELED", "status_history": [["CANCELED", "2026-01-05T09:09:00Z"]]}


def test_semantics_2_2__an_end_that_tells_a_smaller_amount_ends_the_order_in_any_order() -> None:
    """2 are filled, and the cancel tells 0: the order is canceled, with 2 filled, whichever report comes first."""
    script = OrderScript("a", [("2", "100")], amount="5")
    for reports in ([script.report(1), _ended(script)], [_ended(script), script.report(1)]):
        driver = reported(reports)
        order = driver.order("c:a")
        assert (order.reported.status, order.reported.amount_filled) == ("CANCELED", D(2))
        assert (order.booked.amount, order.booked.cash) == (D(2), D(200))


def test_semantics_2_6__an_older_report_does_not_clear_what_the_end_contradicted() -> None:
    script = OrderScript("a", [("2", "100")], amount="5")
    driver = reported([script.report(1), _ended(script), script.report(1)])
    assert [known.cause for known in driver.breaks("BTC")] == ["amount_regression"]
    driver.report(script.report(1) | {"status": "CANCELED", "status_history": [["CANCELED", "2026-01-05T09:09:00Z"]]})
    assert not driver.breaks("BTC")


def test_semantics_1_4__an_end_that_leaves_out_amount_and_price_takes_nothing_back() -> None:
    script = OrderScript("a", [("2", "100")], amount="5")
    driver = reported([script.report(1), _ended(script) | {"amount_filled": None, "avg_px": None, "fills": []}])
    order = driver.order("c:a")
    assert (order.reported.status, order.reported.avg_px, order.reported.cash_total) == ("CANCELED", D(100), D(200))
    assert not driver.findings()
    assert not driver.breaks("BTC")


def test_semantics_2_4__an_earlier_report_that_comes_late_may_bring_the_cash() -> None:
    script = OrderScript("a", [("2", "100")], lists_fills=False)
    silent = script.report(1, avg_px=0)
    driver = reported([silent, script.report(1) | {"status_history": []}])
    assert driver.value("USDT") == D(1000000 - 200)
    assert driver.order("c:a").reported.status == "FILLED"


def test_semantics_1_4__an_ordered_amount_of_zero_is_not_known() -> None:
    driver = reported([OrderScript("a", [("2", "100")]).report(1, amount_order=0)])
    assert not driver.findings("overfill")
    assert not driver.breaks("BTC")
