"""Which generation of a client order id a report belongs to (semantics 2.1; recon/ledger/generations.py)."""

from __future__ import annotations

from recon.ems.protocol.messages import OrderReport, StatusStep
from recon.ledger.generations import MAX_COMPARED, Generations
from recon.ledger.orders import Order, is_of_earlier_life, key_of, new_order, same_order


def _found(generations: Generations, report: OrderReport) -> Order | None:
    alike = generations.alike(report)
    return next((order for order in alike if same_order(order, report) and not is_of_earlier_life(order, report)), None)


def _report(began: int | None = None, number: str | None = None, symbol: str = "A", side: str = "BUY") -> OrderReport:
    history = () if began is None else (StatusStep("NEW", f"2026-01-05T09:00:00.{began:06}Z"),)
    return OrderReport(
        account="K", client_order_id="1", exchange_order_id=number, symbol=symbol, side=side, history=history
    )


def _add(generations: Generations, report: OrderReport, *, ended: bool = True) -> Order:
    key = key_of(report, generations.latest + 1)
    assert key is not None
    order = new_order("K", key, report, len(generations) + 1)
    if ended and report.history:
        order.reported.status, order.reported.last_time = "CANCELED", report.history[-1].time
    generations.add(order)
    return order


def test_an_exchange_order_id_finds_its_generation_among_any_number() -> None:
    generations = Generations()
    orders = [_add(generations, _report(at, f"X{at}")) for at in range(3 * MAX_COMPARED)]
    assert _found(generations, _report(0, "X0")) is orders[0]
    assert _found(generations, _report(0, "X9999")) is None
    assert generations.is_new(_report(0, "X9999"))


def test_without_exchange_order_id_symbol_side_and_times_decide() -> None:
    generations = Generations()
    first, second = _add(generations, _report(1)), _add(generations, _report(1, symbol="B"))
    third = _add(generations, _report(5))
    assert _found(generations, _report(5)) is third
    assert _found(generations, _report(1)) is first, (
        "it began before the third ended and changed before the third began"
    )
    assert _found(generations, _report(1, symbol="B")) is second
    assert _found(generations, _report(9)) is None


def test_an_order_that_learns_its_exchange_order_id_is_found_by_it() -> None:
    generations = Generations()
    order = _add(generations, _report(1))
    order.identity.exchange_order_id = "X1"
    generations.add(order)
    assert _found(generations, _report(1, "X1")) is order
    assert _found(generations, _report(1, "X2")) is None
    assert list(generations) == [order]
    generations.remove(order)
    assert (list(generations), _found(generations, _report(1, "X1"))) == ([], None)


def test_an_older_generation_than_are_compared_is_not_taken_for_a_new_one() -> None:
    generations = Generations()
    for at in range(2 * MAX_COMPARED):
        _add(generations, _report(at))
    late, new = _report(3), _report(2 * MAX_COMPARED)
    assert _found(generations, late) is None
    assert not generations.is_new(late)
    assert _found(generations, new) is None
    assert generations.is_new(new)
