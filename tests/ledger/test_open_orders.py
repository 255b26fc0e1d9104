"""Open orders by the age of their latest reports: which ones a complete snapshot may show to be missing."""

from __future__ import annotations

from recon.ledger.open_orders import MAX_OUTDATED, OpenOrders
from recon.ledger.orders import Order, OrderIdentity, OrderReported


def order(key: str, seq: int) -> Order:
    reported = OrderReported(
        price=None,
        amount_order=None,
        amount_open=None,
        first_time=None,
        first_seq=1,
        last_seq=seq,
        order_class="other",
    )
    reported.updated_clock = seq * 10
    return Order(account="A", key=key, identity=OrderIdentity(None, None, None, None, "BUY"), reported=reported)


def quiet(orders: OpenOrders, clock: int, seq: int | None = None) -> list[str]:
    return [each.key for each in orders.quiet_since(clock, seq)]


def test_only_orders_without_a_later_report_are_quiet() -> None:
    orders = OpenOrders()
    for key, seq in (("c", 1), ("a", 2), ("b", 3)):
        orders.note(order(key, seq))
    orders.note(order("c", 4))
    assert quiet(orders, 20) == []
    assert quiet(orders, 31) == ["a", "b"], "in the order of their keys"
    assert quiet(orders, 31) == []
    assert quiet(orders, 0, 5) == ["c"], "before a gap, however late by log time"
    assert len(orders) == 0


def test_an_order_that_was_removed_or_changed_since_is_found_as_it_is() -> None:
    orders, changed = OpenOrders(), order("b", 2)
    orders.note(order("a", 1))
    orders.note(changed)
    orders.remove("a")
    orders.remove("unknown")
    changed.reported.last_seq, changed.reported.updated_clock = 9, 90
    orders.note(changed)
    assert quiet(orders, 90) == []
    assert quiet(orders, 91) == ["b"]


def test_what_is_outdated_is_dropped_in_time() -> None:
    orders = OpenOrders()
    for seq in range(1, 3 * MAX_OUTDATED):
        orders.note(order("a", seq))
        assert len(orders._by_age) <= MAX_OUTDATED + 2
    assert quiet(orders, 10**9) == ["a"]
