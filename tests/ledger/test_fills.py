"""Fills: the quantity and cash that a report adds (semantics 2.3 to 2.5; recon/ledger/fills.py, rules 1 and 2)."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recon.ledger.changes import BookedFill
from recon.testing import START, GatewayDriver, OrderScript, Row, balance_row
from tests.support.properties import steady

D = Decimal
NAMES = ("BTC", "USDT")


def trading() -> GatewayDriver:
    driver = GatewayDriver()
    driver.start(balance_row("BTC", "10"), balance_row("USDT", "1000000"))
    return driver


def fills(driver: GatewayDriver) -> list[BookedFill]:
    return driver.ledger.changes.fills


def price_of(booked: BookedFill) -> tuple[Decimal | None, bool, Decimal | None, str]:
    return booked.fill.price, booked.fill.price_known, booked.fill.cash, booked.fill.source


AMOUNTS = st.decimals("0.0000001", "2", places=7).map(str)
PRICES = st.decimals("1", "99999", places=5).map(str)


@steady(50)
@given(
    st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=6),
    st.sets(st.integers(1, 6)),
    st.booleans(),
    st.integers(0, 8),
)
def test_fills_1__the_fills_of_a_jump_add_up_to_it_exactly_and_their_cash_to_the_jump_of_cash(
    rows: list[tuple[str, str]], reported: set[int], listed: bool, digits: int
) -> None:
    driver = trading()
    script = OrderScript("a", rows, lists_fills=listed, price_digits=digits)
    filled = cash = D(0)
    for count in sorted(count for count in reported | {len(rows)} if count <= len(rows)):
        before = len(fills(driver))
        driver.report(script.report(count))
        order, new = driver.order("c:a"), fills(driver)[before:]
        assert order.reported.cash_total is not None
        assert sum((fill.fill.amount for fill in new), D(0)) == order.reported.amount_filled - filled
        assert sum((fill.fill.cash or D(0) for fill in new), D(0)) == order.reported.cash_total - cash
        filled, cash = order.reported.amount_filled, order.reported.cash_total
    ordinals = [fill.fill.ordinal for fill in fills(driver)]
    assert ordinals == list(range(1, len(ordinals) + 1)), "a fill is known by its ordinal (fills.py 2)"
    assert driver.value("BTC") == 10 + script.filled(len(rows))
    assert driver.value("USDT") == 1000000 - cash


def test_semantics_2_3__the_cash_of_a_jump_is_the_difference_of_totals_not_price_times_amount() -> None:
    """Two digits of avg_px cost at most half a cent a unit in total, however many reports there were."""
    driver = trading()
    script = OrderScript("a", [("1", "100.00"), ("1", "100.01"), ("1", "100.01")], lists_fills=False, price_digits=2)
    for count in (1, 2, 3):
        driver.report(script.report(count))
    assert [fill.fill.cash for fill in fills(driver)] == [D("100"), D("100"), D("100.03")]
    booked = driver.value("USDT")
    assert booked is not None
    assert abs(booked - (1000000 - script.cash(3))) <= D("0.015")


def test_semantics_2_3__the_list_of_fills_is_used_where_it_sums_to_the_jump_and_agrees_in_cash() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("2", "100.01")], price_digits=2)
    driver.report(script.report(2))
    assert [price_of(fill) for fill in fills(driver)] == [
        (D(100), True, D(100), "list"),
        (D("100.01"), True, D("200.02"), "list"),
    ]
    assert driver.value("USDT") == D("999699.98"), "avg_px 100.01 alone would have made it 300.03"


def test_semantics_2_3__avg_px_is_used_with_a_finding_where_only_one_of_sum_and_cash_holds() -> None:
    """The published example: avg_px 0.0783, and a fill of 0.002 at 10799.2 of 0.045."""
    driver = trading()
    report = OrderScript("a", [("1", "100"), ("2", "100")]).report(2)
    driver.report(report | {"avg_px": D("90.5")})
    assert driver.value("USDT") == D(1000000) - D("271.5")
    assert [(finding.kind, finding.about) for finding in driver.findings()] == [("fills_disagree", "c:a")]


def test_semantics_2_3__a_list_that_sums_to_something_else_is_a_finding_too() -> None:
    """Its cash agrees with the average price, its amounts do not sum to the jump: avg_px is used."""
    driver = trading()
    rows: list[Row] = [{"time": None, "price": D(100), "amount": D("0.5")}]
    driver.report(OrderScript("a", [("1", "100")]).report(1, fills=rows))
    assert driver.value("USDT") == D(1000000 - 100)
    assert [price_of(fill) for fill in fills(driver)] == [(D(100), True, D(100), "avg_px")]


def test_semantics_2_3__published_examples_contradict_themselves_and_nothing_fails() -> None:
    driver = trading()
    report = OrderScript("a", [("0.045", "0.0783")]).report(1)
    rows: list[Row] = [{"time": "2020-01-01T10:45:20.1677709Z", "price": D("10799.2"), "amount": D("0.002")}]
    driver.report(report | {"fills": rows, "amount_open": D("0.22")})
    assert driver.value("BTC") == D("10.045")
    assert driver.value("USDT") == 1000000 - D("0.0783") * D("0.045")


def test_semantics_2_4__zero_null_or_absent_avg_px_books_no_free_sale() -> None:
    """The quantity is booked, the cash is unknown: the quote is not agreed until a report brings it."""
    for silent in ({"avg_px": 0}, {"avg_px": None}, {"avg_px": "absent"}):
        driver = trading()
        script = OrderScript("a", [("2", "100")], side="SELL", lists_fills=False)
        report = script.report(1) | silent
        if report["avg_px"] == "absent":
            del report["avg_px"]
        driver.report(report)
        assert (driver.value("BTC"), driver.value("USDT")) == (D(8), D(1000000))
        assert [entry.unit for entry in driver.ledger.changes.entries if entry.cause == "fill"] == ["BTC"]
        assert [price_of(fill) for fill in fills(driver)] == [(None, False, None, "avg_px")]
        assert driver.order("c:a").booked.cash_pending
        assert list(driver.unit("USDT").withheld) == ["c:a"]
        driver.report(script.report(1))
        assert driver.value("USDT") == D(1000200)
        assert not driver.order("c:a").booked.cash_pending
        assert list(driver.unit("USDT").withheld) == []


def test_semantics_2_4__cash_that_comes_late_is_booked_once_however_the_order_goes_on() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("1", "102"), ("1", "104")], lists_fills=False)
    driver.report(script.report(1))
    driver.report(script.report(2, avg_px=0))
    driver.report(script.report(3))
    driver.report(script.report(2))
    assert (driver.value("BTC"), driver.value("USDT")) == (D(13), D(1000000 - 306))
    assert list(driver.unit("USDT").withheld) == []


def test_semantics_2_4__a_fill_shows_no_price_that_holds_the_cash_of_another() -> None:
    """Bought at 100, 102 (told without a price) and 104: no fill was made at 206."""
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("1", "102"), ("1", "104")], lists_fills=False)
    driver.report(script.report(1))
    driver.report(script.report(2, avg_px=0))
    driver.report(script.report(3))
    prices = [fill.fill.price for fill in fills(driver)]
    assert all(price is None or 100 <= price <= 104 for price in prices), prices


def test_semantics_2_5__two_real_fills_can_be_identical() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("1", "100")], placed_at=START)
    report = script.report(2)
    rows: list[Row] = [{"time": "2026-01-05T09:00:04Z", "price": D(100), "amount": D(1)}] * 2
    driver.report(report | {"fills": rows})
    assert [(fill.fill.ordinal, fill.fill.amount, fill.fill.price) for fill in fills(driver)] == [
        (1, D(1), D(100)),
        (2, D(1), D(100)),
    ]
    assert driver.value("BTC") == D(12)


def test_semantics_2_5__a_list_that_holds_the_newest_fills_only_is_read_as_such() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("2", "103")])
    driver.report(script.report(1))
    rows: list[Row] = [{"time": "2026-01-05T09:00:05Z", "price": D(103), "amount": D(2)}]
    driver.report(script.report(2, fills=rows))
    assert [fill.fill.amount for fill in fills(driver)] == [D(1), D(2)]
    assert driver.value("USDT") == D(1000000 - 306)


def test_semantics_2_6__a_falling_amount_filled_is_a_finding_with_a_break_of_its_own_kind() -> None:
    """Nothing is unbooked without a decision; a later report that agrees again clears it."""
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("2", "100")], amount="9")
    driver.report(script.report(2))
    driver.report(script.report(1, status="PENDING_CANCEL", status_history=_longer(script)))
    (break_,) = driver.breaks("BTC")
    assert (break_.cause, break_.amount, break_.owns_residual) == ("amount_regression", D(-2), False)
    assert [finding.kind for finding in driver.findings()] == ["amount_regression"]
    assert driver.value("BTC") == D(13)
    driver.report(script.report(1, status="PENDING_CANCEL", status_history=_longer(script)))
    assert len(driver.transitions("opened")) == 1, "one break, however often it is repeated"
    driver.report(script.report(2, status="CANCELED"))
    assert driver.breaks("BTC") == []
    assert [transition.break_.id for transition in driver.transitions("cleared")] == [break_.id]
    assert not driver.breaks("USDT")


def _longer(script: OrderScript) -> list[list[str]]:
    history = script.report(2, status="PENDING_CANCEL")["status_history"]
    assert isinstance(history, list)
    return [*history, ["PENDING_CANCEL", "2026-01-05T09:05:00.0000000Z"]]


def test_semantics_2_6__an_older_report_that_comes_late_is_no_regression() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("2", "100")])
    driver.report(script.report(2))
    driver.report(script.report(1))
    assert not driver.findings()
    assert not driver.transitions()


def test_semantics_2_6__overfill_is_a_finding_with_a_break_of_its_own_kind() -> None:
    driver = trading()
    driver.report(OrderScript("a", [("3", "100")], side="SELL").report(1, amount_order=D("2.5")))
    (break_,) = driver.breaks("BTC")
    assert (break_.cause, break_.amount, break_.owns_residual) == ("overfill", D("-0.5"), False)
    assert [finding.kind for finding in driver.findings()] == ["overfill"]
    assert driver.value("BTC") == D(7), "what was filled is booked"


def test_semantics_1_2__what_a_double_cannot_tell_apart_is_no_overfill() -> None:
    """0.30000000000000004 is not above 0.3."""
    driver = trading()
    driver.report(OrderScript("a", [("0.30000000000000004", "100")]).report(1, amount_order=D("0.3")))
    assert not driver.findings("overfill")
    assert driver.value("BTC") == D("10.3"), "the noise of the double was not meant"


def test_fills_keep_the_time_of_the_venue() -> None:
    driver = trading()
    script = OrderScript("a", [("1", "100"), ("1", "100")])
    driver.report(script.report(2))
    times = [fill.fill.occurred_us for fill in fills(driver)]
    assert [later - earlier for earlier, later in pairwise(times)] == [1_000_000]
