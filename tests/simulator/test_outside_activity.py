"""What a driver can do to a gateway from outside, what it can see, and accounts that come and go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from recon.errors import SimulationError
from recon.simulator.day import Gateway
from recon.simulator.fault import FaultKind, PlantedFault
from recon.simulator.gateway.outgoing import Control, Outgoing
from recon.simulator.plan import GatewayPlan
from recon.simulator.rest.server import RestApi
from recon.simulator.rest_habits import HISTORY, STATUS, RestHabits, Trouble
from recon.simulator.scenarios import clean_plan
from recon.simulator.venue.orders import Status
from tests.support.observers import START, Message, decoded, last_reported, played


def plan_with(rest: RestHabits | None = None, seed: int = 2) -> GatewayPlan:
    return replace(clean_plan(seed, duration=40.0, fills_per_second=3.0).gateways[0], rest=rest)


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def controls(sent: Iterable[Outgoing]) -> list[tuple[str, str]]:
    return [(each.payload.kind.value, each.payload.reason) for each in sent if isinstance(each.payload, Control)]


def messages(frames: Iterable[bytes]) -> list[Message]:
    return [message for frame in frames if (message := decoded(frame)) is not None]


def frames_of(sent: Iterable[Outgoing]) -> list[bytes]:
    return [each.payload for each in sent if isinstance(each.payload, bytes)]


def test_a_cut_ends_connections_and_keeps_clients_out_until_it_is_taken_back() -> None:
    gateway = Gateway(plan_with(), START)
    assert gateway.connect()
    gateway.advance(START + at(5))
    gateway.cut()
    assert not gateway.accepting
    assert gateway.connect() == []
    sent = gateway.advance(START + at(9))
    assert controls(sent) == [("drop", "cut")]
    assert frames_of(sent) == []
    gateway.reopen()
    assert gateway.accepting
    assert controls(gateway.advance(START + at(9))) == [("open", "cut")]
    assert gateway.connect()
    assert {fault.kind for fault in gateway.truth} == {FaultKind.MISSED_WHILE_AWAY}


def test_cuts_may_overlap_and_end_by_themselves() -> None:
    gateway = Gateway(plan_with(), START)
    gateway.connect()
    gateway.cut(2.0)
    gateway.cut(4.0)
    assert controls(gateway.advance(START + at(3))) == [("drop", "cut"), ("drop", "cut")]
    assert not gateway.accepting
    with pytest.raises(SimulationError, match="not cut"):
        gateway.reopen()
    assert controls(gateway.advance(START + at(5))) == [("open", "cut")]
    assert gateway.accepting


def missed(rest: RestHabits | None) -> list[PlantedFault]:
    """What a cut of ten seconds hid."""
    gateway = Gateway(plan_with(rest), START)
    gateway.connect()
    gateway.advance(START + at(8))
    gateway.cut(10.0)
    gateway.advance(START + at(18))
    assert gateway.connect()
    assert all(fault.recovered is not fault.must_flag for fault in gateway.truth)
    return gateway.truth


def net(faults: Iterable[PlantedFault]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {}
    for fault in faults:
        for unit, amount in fault.amounts.items():
            sums[fault.account, unit] = sums.get((fault.account, unit), Decimal(0)) + amount
    return {unit: amount for unit, amount in sums.items() if amount}


def test_what_was_missed_is_recovered_where_rest_tells_it() -> None:
    without, with_log = missed(None), missed(RestHabits())
    assert all(fault.must_flag for fault in without)
    assert all(fault.recovered for fault in with_log)
    assert net(without) == net(with_log) != {}


def test_without_the_log_what_was_known_before_is_recovered() -> None:
    unlogged = missed(RestHabits(history=False))
    assert {fault.recovered for fault in unlogged} == {True, False}
    assert net(unlogged) == net(missed(None))
    silent = missed(RestHabits(history=False, always=Trouble.DOWN, always_at=(STATUS,)))
    assert all(fault.must_flag for fault in silent)
    broken_log = missed(RestHabits(always=Trouble.DOWN, always_at=(HISTORY,)))
    assert net(fault for fault in broken_log if fault.recovered) == net(each for each in unlogged if each.recovered)
    forgetful = missed(RestHabits(history=False, remembers=2.0))
    assert len(net(each for each in forgetful if each.must_flag)) >= len(
        net(each for each in unlogged if each.must_flag)
    )
    assert net(forgetful) == net(unlogged)


def test_another_process_speaks_after_a_failover_and_knows_the_same() -> None:
    def infos(frames: Iterable[bytes]) -> set[tuple[str, str]]:
        heard = [each for each in messages(frames) if each["type"] == "SERVER_INFO"]
        return {(each["instance_guid"], each["server_name"]) for each in heard}

    gateway = Gateway(plan_with(RestHabits()), START)
    (before,) = infos(gateway.connect() + frames_of(gateway.advance(START + at(5))))
    api = RestApi(gateway, RestHabits())
    known = api.answer("GET", "/v1/orders").body
    gateway.fail_over()
    assert controls(gateway.advance(START + at(5))) == [("drop", "fail over")]
    assert gateway.accepting
    (after,) = infos(gateway.connect() + frames_of(gateway.advance(START + at(6))))
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert api.answer("GET", "/v1/orders").body != b"[]" != known
    gateway.announce_stop()
    gateway.fail_over()
    gateway.advance(START + at(7))
    frames = gateway.connect()
    (third,) = infos(frames)
    assert all(each["is_running"] for each in messages(frames) if each["type"] == "SERVER_INFO")
    assert third not in {before, after}


def test_the_books_are_what_all_reports_and_rows_come_to() -> None:
    plan = plan_with()
    day = played(plan, 45.0)
    books = day.gateway.books()
    assert set(books) == {each.account for each in plan.accounts}
    for account in plan.accounts:
        known = books[account.account]
        reported = last_reported(day, account.account)
        assert {("asset", code): held for code, held in known.balances.items()} == {
            unit: value for unit, value in reported.items() if unit[0] == "asset"
        }
        assert {("contract", symbol): held for symbol, held in known.positions.items()} == {
            unit: value for unit, value in reported.items() if unit[0] == "contract"
        }
        assert {order.status for order in known.orders} <= {Status.FILLED, Status.CANCELED, Status.REJECTED}
        by_id = {order.client_id: order for order in known.orders}
        assert len(by_id) == len(known.orders) > 20
        for _, row in day.messages("ORDER_EXEC_REPORT_UPDATE", account=account.account):
            if row["status"] == "FILLED":
                order = by_id[row["client_order_id"]]
                assert (order.filled, order.exchange_id) == (row["amount_filled"], row["exchange_order_id"])
                assert abs(Fraction(order.cash) / Fraction(order.filled) - Fraction(row["avg_px"])) < Fraction(1, 10**8)
        for each in account.instruments:
            signed = [
                order.filled if order.side == "BUY" else -order.filled
                for order in known.orders
                if order.symbol == each.symbol
            ]
            total = sum(signed, Decimal(0))
            assert any(signed)
            if each.is_contract:
                opened = sum(held.quantity * held.side.sign for held in account.positions if held.symbol == each.symbol)
                assert known.positions[each.symbol] == opened + total
            else:
                assert known.balances[each.base_row] == account.balances.get(each.base_row, Decimal(0)) + total


def test_open_orders_are_in_the_books_too() -> None:
    gateway = Gateway(plan_with(), START)
    gateway.connect()
    gateway.advance(START + at(10))
    statuses = {order.status for books in gateway.books().values() for order in books.orders}
    assert {Status.NEW, Status.FILLED} <= statuses


def coming_and_going(appears: float, disappears: float | None) -> GatewayPlan:
    plan = plan_with(RestHabits())
    first, *others = plan.accounts
    return replace(plan, accounts=(replace(first, appears_after=appears, disappears_after=disappears), *others))


def test_an_account_is_there_from_when_it_appears_until_it_disappears() -> None:
    day = played(coming_and_going(10.0, 25.0), 40.0)
    mine = [(when, message["type"]) for when, message in day.messages(account="KRAKEN/JOHN")]
    assert min(when for when, _ in mine) == 10.0
    assert max(when for when, _ in mine) < 25.0
    begun = [kind for when, kind in mine if when == 10.0]
    assert {kind for kind in begun if "SNAPSHOT" in kind} == {
        "SYMBOLS_SNAPSHOT", "ORDER_EXEC_REPORT_SNAPSHOT", "BALANCE_SNAPSHOT", "POSITION_SNAPSHOT",
    }  # fmt: skip
    beats = [when for when, kind in mine if kind == "SERVER_INFO"]
    assert len(beats) == pytest.approx(15, abs=2)
    assert len(list(day.messages("SERVER_INFO", account="BINANCE"))) > 35
    assert day.gateway.truth == []


def test_others_do_not_notice_that_an_account_is_not_there() -> None:
    def others(plan: GatewayPlan) -> list[tuple[float, Message]]:
        day = played(plan, 40.0)
        return [each for each in day.messages(account="BINANCE") if each[0] > 0]

    assert others(coming_and_going(10.0, 25.0)) == others(plan_with(RestHabits()))


def test_rest_does_not_know_an_account_that_is_not_there() -> None:
    gateway = Gateway(coming_and_going(10.0, 25.0), START)
    gateway.connect()
    api = RestApi(gateway, RestHabits())

    def listed() -> bool:
        return b"KRAKEN/JOHN" in api.answer("GET", "/v1/balances").body

    seen = []
    for second in (5, 15, 30):
        gateway.advance(START + at(second))
        seen.append((listed(), api.answer("GET", "/v1/orders?exchange_id=KRAKEN%2FJOHN").status))
    assert seen == [(False, 490), (True, 200), (False, 490)]


def test_an_account_that_goes_before_it_comes_is_refused() -> None:
    with pytest.raises(SimulationError, match="disappear before"):
        coming_and_going(10.0, 5.0)
