from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from recon.errors import SimulationError
from recon.simulator.day import Gateway
from recon.simulator.fault import Fault, FaultKind, PlantedFault
from recon.simulator.gateway.outgoing import Control, ControlKind
from recon.simulator.instruments import Side
from recon.simulator.plan import GatewayPlan
from recon.simulator.scenarios import clean_plan
from tests.support.observers import START, Played, decoded, explained, last_reported, observations, played, reports

D = Decimal
AT = 12.0


def plan_with(*faults: Fault, seed: int = 21, duration: float = 30.0) -> GatewayPlan:
    plan = clean_plan(seed, duration=duration, fills_per_second=2.0, faults=faults)
    return replace(plan.gateways[0], warm_up=0.0)


def unexplained(day: Played, account: str) -> dict[tuple[str, str], Fraction]:
    """What was reported last minus what the opening and the reports explain, where that is not nothing."""
    plan = day.gateway.accounts[account].plan
    legs = [
        (held.symbol, Fraction(held.quantity) * held.side.sign, Fraction(held.entry_price)) for held in plan.positions
    ]
    books = explained(day, account, plan.instruments, legs)
    opening = {("contract", symbol): signed for symbol, signed, _ in legs}
    opening |= {("asset", code): Fraction(held) for code, held in plan.balances.items()}
    drift = {
        unit: value - opening.get(unit, Fraction(0)) - books.total(*unit)
        for unit, value in last_reported(day, account).items()
    }
    return {unit: amount for unit, amount in drift.items() if abs(amount) > Fraction(1, 10**6)}


def truth(day: Played) -> dict[str, dict[tuple[str, str], Fraction]]:
    """What the truth says is still unexplained at the end, by account."""
    sums: dict[str, dict[tuple[str, str], Fraction]] = {}
    for fault in day.gateway.truth:
        if fault.ends_at is None and fault.unit_kind is not None:
            of_account = sums.setdefault(fault.account, {})
            for code, amount in fault.amounts.items():
                unit = (fault.unit_kind, code)
                of_account[unit] = of_account.get(unit, Fraction(0)) + Fraction(amount)
    return {account: {unit: amount for unit, amount in each.items() if amount} for account, each in sums.items()}


def assert_honest(day: Played) -> None:
    told = truth(day)
    for account in day.gateway.accounts:
        drift = unexplained(day, account)
        assert drift.keys() == told.get(account, {}).keys()
        for unit, amount in drift.items():
            assert abs(amount - told[account][unit]) < Fraction(1, 10**6), unit


def only(day: Played) -> PlantedFault:
    (fault,) = day.gateway.truth
    assert fault.gateway == "sim"
    return fault


JOHN = "KRAKEN/JOHN"
PAIR = "XBT/USD"


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_lost_spot_fill_moves_base_and_quote(side: Side) -> None:
    day = played(plan_with(Fault(kind=FaultKind.LOST_FILL, after=AT, side=side, account=JOHN, symbol=PAIR)), 33.0)
    fault = only(day)
    assert fault.must_flag
    assert fault.units == ("XXBT", "ZUSD")
    assert fault.amounts["XXBT"] == D("0.02") * side.sign
    assert fault.amounts["ZUSD"] * side.sign < -1000
    assert abs((fault.planted_at - START).total_seconds() - AT) < 0.05
    assert_honest(day)
    filled = {row["client_order_id"]: row for _, row in reports(day, "KRAKEN/JOHN")}
    open_forever = [row for row in filled.values() if row["status"] == "NEW" and row["amount_order"] == D("0.02")]
    assert len(open_forever) == 1


def test_the_lost_order_is_in_no_later_snapshot() -> None:
    gateway = Gateway(plan_with(Fault(kind=FaultKind.LOST_FILL, after=AT, account=JOHN, symbol=PAIR)), START)
    gateway.connect()
    gateway.advance(START + timedelta(seconds=AT - 0.3))
    before = [decoded(frame) for frame in gateway.connect()]
    gateway.advance(START + timedelta(seconds=AT + 0.3))
    after = [decoded(frame) for frame in gateway.connect()]

    def lost(frames: list[dict[str, object] | None]) -> list[dict[str, object]]:
        return [
            row
            for message in frames
            if message and message["type"] == "ORDER_EXEC_REPORT_SNAPSHOT" and message["exchange_id"] == "KRAKEN/JOHN"
            for row in message["data"]  # type: ignore[attr-defined]  # rows of a decoded snapshot
            if row["amount_order"] == D("0.02") and row["status"] == "NEW"
        ]

    assert len(lost(before)) == 1
    assert lost(after) == []


def test_a_lost_contract_fill_moves_the_contract_alone_and_its_trading_stops() -> None:
    day = played(plan_with(Fault(kind=FaultKind.LOST_FILL, after=AT, account="BITMEX", symbol="XBTUSD")), 33.0)
    fault = only(day)
    assert (fault.unit_kind, fault.units) == ("contract", ("XBTUSD",))
    assert abs(fault.amounts["XBTUSD"]) == 1000
    assert_honest(day)
    seen_after = [at for at, unit, _ in observations(day, "BITMEX") if unit == ("contract", "XBTUSD") and at > AT]
    assert len(seen_after) >= 4
    assert max(seen_after) > AT + 5


def test_a_lost_contract_fill_that_closes_moves_the_cash_too() -> None:
    quick = Gateway(plan_with(), START)
    quick.advance(START + timedelta(seconds=AT - 1))
    net = quick.accounts["BITMEX"].market.ledger.net("XBTUSDT")
    against = Side.SELL if net > 0 else Side.BUY
    day = played(
        plan_with(
            Fault(
                kind=FaultKind.LOST_FILL, after=AT, account="BITMEX", symbol="XBTUSDT", side=against, amount=D("0.01")
            )
        ),
        33.0,
    )
    assert {fault.unit_kind for fault in day.gateway.truth} == {"contract", "asset"}
    assert_honest(day)


def test_a_late_fill_is_unexplained_until_its_report_comes() -> None:
    late = Fault(kind=FaultKind.LATE_FILL, after=AT, lasting=8.0, account=JOHN, symbol=PAIR)
    day = played(plan_with(late), 33.0)
    fault = only(day)
    assert fault.must_flag
    assert fault.ends_at is not None
    assert fault.ends_at - fault.planted_at == timedelta(seconds=8)
    assert unexplained(day, "KRAKEN/JOHN") == {}
    between = played(plan_with(late), AT + 6)
    assert abs(unexplained(between, "KRAKEN/JOHN")["asset", "XXBT"] - Fraction(fault.amounts["XXBT"])) < Fraction(1, 20)
    after = [at for at, unit, _ in observations(day, "KRAKEN/JOHN") if unit == ("asset", "XXBT") and at > AT + 8]
    assert len(after) >= 5


def test_a_report_sent_again_is_the_same_bytes_and_benign() -> None:
    day = played(plan_with(Fault(kind=FaultKind.DUPLICATE_REPORT, after=AT, account="BINANCE")), 33.0)
    copies = Counter(frame for frame in day.raw() if b"EXEC_REPORT_UPDATE" in frame)
    assert [count for count in copies.values() if count > 1] == [3]
    assert not only(day).must_flag
    assert_honest(day)


def test_reordered_reports_come_newest_first_and_are_benign() -> None:
    fault = Fault(kind=FaultKind.REORDERED_REPORTS, after=AT, account="BINANCE", symbol="SOLUSDT")
    day = played(plan_with(fault), 33.0)
    orders: dict[str, list[Decimal]] = {}
    for _, row in reports(day, "BINANCE"):
        if row["amount_filled"]:
            orders.setdefault(row["client_order_id"], []).append(row["amount_filled"])
    falling = [filled for filled in orders.values() if filled != sorted(filled)]
    assert falling == [[D(12), D(8), D(4)]]
    assert not only(day).must_flag
    assert_honest(day)


def test_fills_inside_a_disconnect_are_never_told() -> None:
    fault = Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=AT, lasting=2.0, account=JOHN, symbol=PAIR)
    day = played(plan_with(fault), 33.0)
    assert day.controls() == [
        (0.0, "connected"), (AT, "drop"), (AT + 2, "open"), (pytest.approx(AT + 2, abs=0.1), "connected")
    ]  # fmt: skip
    planted = only(day)
    assert planted.kind is FaultKind.DISCONNECT_WITH_FILLS
    assert planted.must_flag
    assert planted.units == ("XXBT", "ZUSD")
    assert AT < (planted.planted_at - START).total_seconds() < AT + 1
    assert not [at for at, _ in day.messages() if AT < at < AT + 2]
    assert_honest(day)


def test_a_client_that_comes_back_late_still_misses_only_the_fault_s_own_fill() -> None:
    fault = Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=AT, lasting=2.0, account=JOHN, symbol=PAIR)
    day = played(plan_with(fault), 40.0, reconnect_after=9.0)
    assert only(day).units == ("XXBT", "ZUSD")
    assert_honest(day)


@pytest.mark.parametrize("lasting", [2.0, 5.0])
def test_a_silent_stall_sends_nothing_and_is_benign(lasting: float) -> None:
    day = played(plan_with(Fault(kind=FaultKind.SILENT_STALL, after=AT, lasting=lasting)), 36.0)
    assert day.controls()[1:] == [(AT, "stall"), (AT + lasting, "resume")]
    assert not [at for at, _ in day.messages() if AT < at < AT + lasting]
    assert not only(day).must_flag
    assert_honest(day)


def test_a_silent_stall_with_a_fill_hides_it() -> None:
    day = played(plan_with(Fault(kind=FaultKind.SILENT_STALL, after=AT, account=JOHN, symbol=PAIR)), 36.0)
    assert only(day).must_flag
    assert_honest(day)


def test_a_restart_says_so_and_comes_back_as_another_process() -> None:
    day = played(plan_with(Fault(kind=FaultKind.RESTART, after=AT)), 36.0)
    assert [kind for _, kind in day.controls()] == ["connected", "close", "open", "connected"]
    farewell = {m["exchange_id"] for _, m in day.messages("SERVER_INFO") if not m["is_running"]}
    assert farewell == set(day.gateway.accounts)
    last = {m["exchange_id"]: m["is_running"] for at, m in day.messages("SERVER_INFO") if at < AT + 0.3}
    assert not any(last.values())
    guids = [message["instance_guid"] for _, message in day.messages("SERVER_INFO")]
    assert len(set(guids)) == 2
    starts = {message["time_server_start"] for _, message in day.messages("SERVER_INFO")}
    assert len(starts) == 2
    assert not only(day).must_flag
    assert_honest(day)


def test_a_wrong_balance_stays_wrong_in_snapshots_too() -> None:
    day = played(
        plan_with(
            Fault(kind=FaultKind.WRONG_BALANCE, after=AT, account="BINANCE", asset="ETH", amount=D("-0.75")),
            Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=20.0),
        ),
        33.0,
    )
    assert day.gateway.truth[0].amounts == {"ETH": D("-0.75")}
    assert not day.gateway.truth[1].must_flag
    assert_honest(day)
    ledger = day.gateway.accounts["BINANCE"].market.ledger
    assert last_reported(day, "BINANCE")["asset", "ETH"] == Fraction(ledger.balances["ETH"]) - Fraction(3, 4)


@pytest.mark.parametrize(("kind", "sign"), [(FaultKind.DEPOSIT, 1), (FaultKind.WITHDRAWAL, -1)])
def test_money_comes_and_goes(kind: FaultKind, sign: int) -> None:
    day = played(plan_with(Fault(kind=kind, after=AT, account="KRAKEN/JOHN", asset="XETH", amount=D(5))), 33.0)
    assert only(day).amounts == {"XETH": D(5) * sign}
    assert_honest(day)


def test_a_fee_is_taken_once() -> None:
    day = played(plan_with(Fault(kind=FaultKind.FEE, after=AT, account=JOHN, symbol=PAIR)), 33.0)
    fault = only(day)
    assert fault.units == ("ZUSD",)
    assert D(-2) < fault.amounts["ZUSD"] < D(-1)
    assert_honest(day)


def test_an_unreadable_frame_is_sent_and_is_benign() -> None:
    day = played(plan_with(Fault(kind=FaultKind.UNREADABLE_FRAME, after=AT, account="BITMEX")), 33.0)
    assert len([frame for frame in day.raw() if decoded(frame) is None]) == 1
    assert not only(day).must_flag
    assert_honest(day)


@pytest.mark.parametrize("seed", range(5))
def test_many_faults_at_once_add_up(seed: int) -> None:
    day = played(
        plan_with(
            Fault(kind=FaultKind.LOST_FILL, after=8.0, account=JOHN, symbol=PAIR),
            Fault(kind=FaultKind.LOST_FILL, after=9.0, side=Side.SELL, account=JOHN, symbol=PAIR),
            Fault(kind=FaultKind.LATE_FILL, after=10.0, account="BINANCE", symbol="ETHUSDT"),
            Fault(kind=FaultKind.DEPOSIT, after=11.0, account="BITMEX", asset="USDt", amount=D("100.5")),
            Fault(kind=FaultKind.LOST_FILL, after=12.0, account="BITMEX", symbol="XBTUSD"),
            Fault(kind=FaultKind.DISCONNECT_WITH_FILLS, after=20.0, account="BINANCE", symbol="BTCUSDT"),
            Fault(kind=FaultKind.RESTART, after=30.0),
            seed=seed,
            duration=40.0,
        ),
        45.0,
    )
    assert len([fault for fault in day.gateway.truth if fault.must_flag]) == 6
    assert_honest(day)


def test_a_planted_fault_as_json_has_decimals_as_text() -> None:
    day = played(plan_with(Fault(kind=FaultKind.LATE_FILL, after=AT, account=JOHN, symbol=PAIR)), 15.0)
    record = json.loads(json.dumps(only(day).as_json()))
    assert record["amounts"]["XXBT"] == "0.02"
    assert record["planted_at"].startswith("2024-03-01T09:00:12")
    assert record["ends_at"].endswith("+00:00")
    assert record["must_flag"] is True


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(kind=FaultKind.LOST_FILL, after=1, account="NONE", symbol="XBT/USD"), "account 'NONE'"),
        (Fault(kind=FaultKind.LOST_FILL, after=1, account="BINANCE", symbol="XBT/USD"), "symbol 'XBT/USD'"),
        (Fault(kind=FaultKind.DEPOSIT, after=1, account="BINANCE", asset="ZUSD", amount=D(1)), "asset 'ZUSD'"),
        (Fault(kind=FaultKind.DEPOSIT, after=1, account="BINANCE", asset="ETH"), "needs an amount"),
    ],
)
def test_a_plan_refuses_faults_that_cannot_be_planted(fault: Fault, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        plan_with(fault)


def test_controls_that_end_connections_are_those_two() -> None:
    assert {kind for kind in ControlKind if Control(kind).ends_connections} == {ControlKind.DROP, ControlKind.CLOSE}
