"""The opening of a unit's books, through the fold (semantics 4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from recon.ledger.rules import AccountRules, Rules
from tests.support.gateway_driver import BTC_USDT, PERPETUAL, START, Desk, Life, balance_row, position_row

D = Decimal


def openings(desk: Desk, code: str, kind: str = "asset") -> list[tuple[Decimal, str]]:
    return [(each.amount, each.certainty) for each in desk.entries(code, kind) if each.cause == "opening"]


def test_semantics_4_1__a_balance_managers_row_neither_opens_nor_is_judged() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10", last_updated_by="BALANCE_MANAGER"), balance_row("USDT", "1000"))
    assert openings(desk, "BTC") == []
    desk.balance("BTC", "10")
    desk.wait(30)
    desk.poll("BTC", "7", 40, last_updated_by="BALANCE_MANAGER")
    assert openings(desk, "BTC") == [(D(10), "exact")]
    assert not desk.transitions()
    assert desk.unit("BTC").available == D(7), "shown all the same"


def test_semantics_4_1__the_settings_may_trust_the_balance_manager() -> None:
    desk = Desk(Rules(defaults=AccountRules(trust_balance_manager=True)))
    desk.begin(balance_row("BTC", "10", last_updated_by="BALANCE_MANAGER"))
    assert openings(desk, "BTC") == [(D(10), "exact")]


def test_semantics_4_1__a_row_that_names_no_origin_counts_as_authoritative() -> None:
    desk = Desk()
    row = balance_row("BTC", "10")
    del row["last_updated_by"]
    desk.begin(row)
    assert openings(desk, "BTC") == [(D(10), "exact")]


def test_a_row_without_balance_is_no_observation() -> None:
    """Nothing is derived from available and locked, and its absence is not zero."""
    desk = Desk()
    desk.begin(balance_row("KFEE", None) | {"available": D(5), "locked": D(1)}, balance_row("BTC", "10"))
    assert desk.comparison("KFEE").reported is None
    assert desk.unit("KFEE").opening is None
    assert (desk.unit("KFEE").available, desk.unit("KFEE").locked) == (D(5), D(1))
    desk.balance("BTC", None)
    desk.wait(40)
    assert desk.comparison("BTC").reported == D(10)
    assert not desk.transitions()


@pytest.mark.parametrize("polled_before_the_fill", [True, False])
@pytest.mark.parametrize("fill_told_first", [True, False])
def test_semantics_4_2__fills_race_with_the_first_balance(polled_before_the_fill: bool, fill_told_first: bool) -> None:
    """Snapshot polled before or after a fill, fill booked before or after the snapshot: one opening, 10."""
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.orders()
    fill = Life("a", [("2", "100")], began=START + timedelta(seconds=1)).report(1)
    first = "10" if polled_before_the_fill else "12"
    if fill_told_first:
        desk.report(fill)
    desk.balances(balance_row("BTC", first), balance_row("USDT", "1000" if polled_before_the_fill else "800"))
    if not fill_told_first:
        desk.report(fill)
    for _ in range(3):
        desk.wait(1)
        desk.balance("BTC", "12")
        desk.balance("USDT", "800")
    desk.wait(40)
    assert [amount for amount, _ in openings(desk, "BTC")] == [D(10)]
    assert [amount for amount, _ in openings(desk, "USDT")] == [D(1000)]
    assert not desk.opened()


def test_semantics_4_2__an_opening_is_pending_until_things_are_quiet_and_then_never_moved() -> None:
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.orders()
    desk.balances(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    assert openings(desk, "BTC") == []
    desk.wait(30)
    assert openings(desk, "BTC") == [(D(10), "exact")]
    desk.report(Life("a", [("2", "100")]).report(1))
    desk.poll("BTC", "13", 40)
    assert openings(desk, "BTC") == [(D(10), "exact")]
    assert desk.unit("BTC").opening == D(10)


def test_semantics_4_3__absent_from_a_complete_snapshot_opens_at_zero_inferred() -> None:
    """Buy 100 and the first row ever is 99.74: "first row opens" would swallow the fee."""
    desk = Desk(Rules(defaults=AccountRules(learn_fees_up_to=D(0))))
    desk.begin(balance_row("USDT", "100000"))
    desk.report(Life("a", [("100", "10")]).report(1))
    assert openings(desk, "BTC") == [(D(0), "inferred")]
    desk.balance("USDT", "99000")
    desk.poll("BTC", "99.74", 40)
    assert desk.opened() == [("BTC", D("-0.26"))]


def test_semantics_4_3__nothing_opens_at_zero_before_a_complete_snapshot_was_seen() -> None:
    desk = Desk()
    desk.open()
    desk.info()
    desk.symbols(BTC_USDT)
    desk.orders()
    desk.report(Life("a", [("100", "10")]).report(1))
    assert openings(desk, "BTC") == []
    desk.snapshot("BALANCE_SNAPSHOT", None)
    desk.wait(30)
    assert openings(desk, "BTC") == [], "null data is no complete snapshot"
    desk.balance("BTC", "99.74")
    desk.wait(40)
    assert openings(desk, "BTC") == [(D("-0.26"), "exact")]


def test_semantics_4_3__a_contract_absent_from_a_complete_position_snapshot_opens_at_zero() -> None:
    desk = Desk()
    desk.begin(balance_row("USDT", "1000"))
    desk.report(Life("a", [("3", "10")], of=PERPETUAL).report(1))
    assert openings(desk, PERPETUAL[0], "contract") == [(D(0), "inferred")]
    desk.position(position_row("3", "BUY"))
    desk.wait(40)
    assert not desk.opened()


def test_semantics_4_3__later_absence_from_a_complete_snapshot_is_an_observation_of_zero() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.balances(balance_row("USDT", "1000"))
    assert (desk.comparison("BTC").reported, desk.comparison("BTC").inferred) == (D(0), True)
    desk.wait(60)
    assert desk.opened() == [("BTC", D(-10))]


def test_semantics_4_3__absence_from_an_incomplete_snapshot_says_nothing() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.frame({"type": "BALANCE_SNAPSHOT", "exchange_id": desk.account, "data": [balance_row("USDT", "1000"), 7]})
    desk.wait(40)
    assert desk.comparison("BTC").reported == D(10)
    assert not desk.transitions()


def test_semantics_4_4__what_an_order_of_the_first_snapshot_has_filled_was_before_the_opening() -> None:
    desk = Desk()
    life = Life("a", [("2", "100"), ("1", "101")], began=START - timedelta(hours=1))
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"), orders=[life.report(1)])
    assert [each for each in desk.book.changes.entries if each.cause == "fill"] == []
    desk.report(life.report(2))
    assert (desk.value("BTC"), desk.value("USDT")) == (D(11), D(899)), "everything else of it is booked"


def test_semantics_4_4__an_order_that_began_and_filled_before_the_opening_is_not_booked() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.report(Life("a", [("2", "100")], began=START - timedelta(hours=1)).report(1))
    assert desk.value("BTC") == D(10)
    assert desk.order("c:a").before_opening == D(2)


def test_semantics_4_4__an_order_told_of_later_that_began_after_the_opening_is_booked_in_full() -> None:
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.report(Life("a", [("2", "100")], began=START + timedelta(seconds=20)).report(1))
    assert desk.value("BTC") == D(12)


def test_semantics_4_4__the_first_snapshot_after_a_gap_is_not_the_initial_one() -> None:
    """An order that it shows for the first time was placed in the gap: what it filled is not the past."""
    desk = Desk()
    desk.begin(balance_row("BTC", "10"), balance_row("USDT", "1000"))
    desk.close()
    desk.wait(20, silent=[desk.account])
    desk.open("s2")
    desk.info()
    desk.orders(Life("a", [("2", "100")], amount="5", began=START + timedelta(seconds=40)).report(1))
    desk.balances(balance_row("BTC", "12"), balance_row("USDT", "800"))
    desk.wait(40)
    assert desk.value("BTC") == D(12)
    assert not desk.opened()
