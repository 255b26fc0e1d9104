"""Faults that move money and positions, and reports that contradict themselves: the truth is what can be computed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from recon.errors import SimulationError
from recon.simulator.fault import Fault, FaultKind, PlantedFault
from recon.simulator.habits import CROSSING
from recon.simulator.instruments import Side
from recon.simulator.plan import GatewayPlan
from recon.simulator.venues import bitmex, deribit_futures
from tests.simulator.test_faults import AT, JOHN, PAIR, assert_honest, only, plan_with
from tests.support.observers import START, Played, played, reports

D = Decimal


def seconds(fault: PlantedFault) -> float:
    return (fault.planted_at - START).total_seconds()


def day_of(*faults: Fault, plan: GatewayPlan | None = None) -> Played:
    return played(plan_with(*faults) if plan is None else replace(plan, faults=faults), 33.0)


@pytest.mark.parametrize(
    ("fault", "cause", "causes"),
    [
        (Fault(kind=FaultKind.DEPOSIT, after=AT, account=JOHN, asset="XETH", amount=D(5)), "deposit", {"deposit"}),
        (
            Fault(kind=FaultKind.DEPOSIT, after=AT, account=JOHN, asset="ZEUR", amount=D("0.01")),
            "deposit",
            {"deposit"},
        ),
        (
            Fault(kind=FaultKind.INTEREST, after=AT, account="BITMEX", asset="USDt", amount=D("1.5")),
            "interest",
            {"deposit", "interest", "reward"},
        ),
        (
            Fault(kind=FaultKind.INTEREST, after=AT, account="BITMEX", asset="USDt", amount=D("-1.5")),
            "interest",
            {"withdrawal", "interest"},
        ),
        (
            Fault(kind=FaultKind.REWARD, after=AT, account=JOHN, asset="XXBT", amount=D("0.003")),
            "reward",
            {"deposit", "interest", "reward"},
        ),
        (
            Fault(kind=FaultKind.CONVERSION, after=AT, account="BINANCE", asset="BTC", into="ETH", amount=D("0.2")),
            "conversion",
            {"conversion"},
        ),
        (
            Fault(kind=FaultKind.CONVERSION, after=AT, account="BINANCE", asset="BTC", into="USDT", amount=D("0.2")),
            "conversion",
            {"conversion", "external_order"},
        ),
        (
            Fault(kind=FaultKind.EXTERNAL_ORDER, after=AT, account=JOHN, symbol=PAIR, side=Side.SELL),
            "external_order",
            {"conversion", "external_order"},
        ),
        (
            Fault(kind=FaultKind.LOST_TWIN, after=AT, account=JOHN, symbol=PAIR),
            "missed_fill",
            {"missed_fill"},
        ),
        (
            Fault(kind=FaultKind.UNIT_OR_SIDE, after=AT, account="BINANCE", asset="ETH", amount=D("0.001")),
            "unit_or_side",
            {"unit_or_side"},
        ),
        (
            Fault(kind=FaultKind.UNIT_OR_SIDE, after=AT, account="BITMEX", symbol="XBTUSD"),
            "unit_or_side",
            {"unit_or_side"},
        ),
        (
            Fault(kind=FaultKind.INCONSISTENT_REPORT, after=AT, account=JOHN, symbol=PAIR),
            "inconsistent_report",
            {"inconsistent_report"},
        ),
    ],
)
def test_the_truth_is_what_reports_and_balances_leave_unexplained(fault: Fault, cause: str, causes: set[str]) -> None:
    day = day_of(fault)
    assert_honest(day)
    planted = only(day)
    assert planted.must_flag
    assert abs(seconds(planted) - AT) < 0.1
    assert planted.cause == cause
    if fault.kind in {FaultKind.INTEREST, FaultKind.REWARD}:
        causes |= set(planted.causes) & {"fee_variance", "rebate"}  # fills nearby make a fee possible too
    assert set(planted.causes) == causes


@pytest.mark.parametrize("kind", [FaultKind.EXTERNAL_ORDER, FaultKind.ADL, FaultKind.LIQUIDATION])
@pytest.mark.parametrize("symbol", ["XBTUSD", "XBTUSDT"])
def test_a_position_that_moves_by_itself_moves_its_cash_too(kind: FaultKind, symbol: str) -> None:
    held = {each.symbol: each for each in bitmex("BITMEX", 1.0, CROSSING).positions}[symbol]
    fault = Fault(kind=kind, after=AT, account="BITMEX", symbol=symbol, side=held.side.opposite)
    plan = plan_with()
    told = [replace(each, habits=replace(each.habits, liquidation_prices=True)) for each in plan.accounts]
    day = day_of(fault, plan=replace(plan, accounts=tuple(told)))
    assert_honest(day)
    contract = next(each for each in day.gateway.truth if each.unit_kind == "contract")
    assert contract.units == (symbol,)
    assert contract.cause == kind.value
    if kind is FaultKind.LIQUIDATION:
        assert contract.causes == ("liquidation",)
        assert "asset" in {each.unit_kind for each in day.gateway.truth}
        assert day.gateway.accounts["BITMEX"].market.ledger.net(symbol) == 0
    else:
        assert kind.value in contract.causes
        assert "external_order" in contract.causes


def test_a_liquidated_position_was_told_the_price_at_which_it_was_closed() -> None:
    plan = plan_with()
    told = [replace(each, habits=replace(each.habits, liquidation_prices=True)) for each in plan.accounts]
    fault = Fault(kind=FaultKind.LIQUIDATION, after=AT, account="BITMEX", symbol="XBTUSDT")
    day = day_of(fault, plan=replace(plan, accounts=tuple(told)))
    rows = [
        (at, row)
        for at, row in day.messages("POSITION_UPDATE", account="BITMEX")
        if row["symbol_id_exchange"] == "XBTUSDT"
    ]
    before = [row for at, row in rows if at < AT and row["quantity"]][-1]
    loss = next(fault for fault in day.gateway.truth if fault.unit_kind == "asset").amounts["USDt"]
    gone = next(fault for fault in day.gateway.truth if fault.unit_kind == "contract").amounts["XBTUSDT"]
    price = Fraction(before["avg_entry_price"]) - Fraction(loss) / Fraction(gone)
    assert abs(price - Fraction(before["liquidation_price"])) < Fraction(1, 1000)


def test_a_future_expires_on_the_day_in_its_name() -> None:
    plan = GatewayPlan(
        name="sim", seed=3, accounts=(deribit_futures("DERIBIT", 1.0, CROSSING),), duration=30.0, warm_up=0.0
    )
    day = day_of(Fault(kind=FaultKind.EXPIRY, after=AT, account="DERIBIT", symbol="BTC-5JAN26"), plan=plan)
    assert_honest(day)
    assert {fault.causes for fault in day.gateway.truth} == {("expiry",)}
    assert day.gateway.accounts["DERIBIT"].market.ledger.net("BTC-5JAN26") == 0


def test_funding_is_paid_on_the_grid_by_who_holds_the_position() -> None:
    plan = plan_with()
    grid = tuple(replace(each, funding_every=20.0) for each in plan.accounts)
    fault = Fault(kind=FaultKind.FUNDING, after=AT, account="BITMEX", symbol="XBTUSD")
    day = day_of(fault, plan=replace(plan, accounts=grid))
    assert_honest(day)
    planted = only(day)
    assert seconds(planted) == 20.0
    assert planted.causes == ("funding",)
    assert planted.units == ("XBT",)


@pytest.mark.parametrize("kind", [FaultKind.DEPOSIT, FaultKind.WITHDRAWAL])
def test_two_phases_show_in_what_is_locked(kind: FaultKind) -> None:
    day = day_of(Fault(kind=kind, after=AT, account=JOHN, asset="ZEUR", amount=D(7), lasting=6.0))
    assert_honest(day)
    planted = only(day)
    assert planted.causes == (kind.value,)
    assert seconds(planted) == (AT if kind is FaultKind.DEPOSIT else AT + 6.0)
    locked = [
        at
        for at, row in day.messages("BALANCE_UPDATE", account=JOHN)
        if row["asset_id_exchange"] == "ZEUR" and row["locked"] == 7
    ]
    assert AT < locked[0] < AT + 0.5
    assert locked[-1] < AT + 7


def test_a_transfer_leaves_one_account_and_arrives_in_another_less_the_network_fee() -> None:
    fault = Fault(
        kind=FaultKind.TRANSFER, after=AT, account=JOHN, asset="XXBT", to="BINANCE", amount=D("0.5"),
        network_fee=D("0.0002"), symbol=PAIR,
    )  # fmt: skip
    day = day_of(fault)
    assert_honest(day)
    left, arrived = day.gateway.truth
    assert (left.account, left.amounts) == (JOHN, {"XXBT": D("-0.5")})
    assert (arrived.account, arrived.amounts) == ("BINANCE", {"BTC": D("0.4998")})
    assert seconds(arrived) - seconds(left) == 1.0
    assert {left.causes, arrived.causes} == {("transfer",)}
    filled = [at for at, row in reports(day, JOHN) if row["status"] == "FILLED" and row["amount_order"] == D("0.02")]
    assert any(abs(at - AT) < 0.5 for at in filled), "an order fills while the coin leaves"


def test_an_overfill_is_told_and_booked_and_contradicts_the_order() -> None:
    day = day_of(Fault(kind=FaultKind.OVERFILL, after=AT, account=JOHN, symbol=PAIR, side=Side.SELL))
    planted = only(day)
    assert planted.amounts == {"XXBT": D("-0.02")}
    assert planted.causes == ("overfill",)
    (row,) = [row for _, row in reports(day, JOHN) if row["amount_filled"] > row["amount_order"]]
    assert (row["amount_filled"], row["amount_open"]) == (D("0.04"), 0)


def test_a_report_takes_a_fill_back_until_the_next_one() -> None:
    day = day_of(Fault(kind=FaultKind.AMOUNT_REGRESSION, after=AT, account=JOHN, symbol=PAIR, lasting=6.0))
    planted = only(day)
    assert planted.amounts == {"XXBT": D("-0.02")}
    assert planted.causes == ("amount_regression",)
    assert planted.ends_at is not None
    told = [row["amount_filled"] for _, row in reports(day, JOHN) if row["amount_order"] == D("0.06")]
    assert told == [0, D("0.02"), D("0.04"), D("0.02"), D("0.06")]


def test_one_report_tells_of_two_equal_fills() -> None:
    day = day_of(Fault(kind=FaultKind.TWIN_FILLS, after=AT, account="BINANCE", symbol="ETHUSDT"))
    assert_honest(day)
    assert not only(day).must_flag
    twins = [row["fills"] for _, row in reports(day, "BINANCE") if len(row["fills"]) == 2]
    assert any(one == other for one, other in twins)


def test_an_inconsistent_report_gives_fills_that_its_average_price_denies() -> None:
    day = day_of(Fault(kind=FaultKind.INCONSISTENT_REPORT, after=AT, account=JOHN, symbol=PAIR))
    (row,) = [
        row
        for _, row in reports(day, JOHN)
        if row["fills"] and abs(row["avg_px"] * row["amount_filled"] - cash(row)) > 1
    ]
    assert only(day).units == ("ZUSD",)
    assert row["amount_filled"] == sum(fill["amount"] for fill in row["fills"])


def cash(row: dict[str, list[dict[str, Decimal]]]) -> Decimal:
    return sum((fill["amount"] * fill["price"] for fill in row["fills"]), D(0))


def test_two_faults_that_come_as_one_step_fit_no_hypothesis() -> None:
    day = day_of(
        Fault(kind=FaultKind.LOST_FILL, after=AT, account=JOHN, symbol=PAIR),
        Fault(kind=FaultKind.DEPOSIT, after=AT, account=JOHN, asset="ZUSD", amount=D(4000)),
        Fault(kind=FaultKind.DEPOSIT, after=AT, account=JOHN, asset="XETH", amount=D(3)),
    )
    assert_honest(day)
    causes = {(fault.kind, fault.units): fault.causes for fault in day.gateway.truth}
    assert causes == {
        (FaultKind.LOST_FILL, ("XXBT", "ZUSD")): (),
        (FaultKind.DEPOSIT, ("ZUSD",)): (),
        (FaultKind.DEPOSIT, ("XETH",)): ("deposit",),
    }


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(kind=FaultKind.FUNDING, after=1, account=JOHN, symbol=PAIR), "needs a contract"),
        (Fault(kind=FaultKind.UNIT_OR_SIDE, after=1, account=JOHN, symbol=PAIR), "needs a contract"),
        (Fault(kind=FaultKind.INCONSISTENT_REPORT, after=1, account="BITMEX", symbol="XBTUSD"), "needs a spot pair"),
        (
            Fault(kind=FaultKind.CONVERSION, after=1, account=JOHN, asset="XXBT", amount=D(1), into="GOLD"),
            "into 'GOLD'",
        ),
        (
            Fault(kind=FaultKind.TRANSFER, after=1, account=JOHN, asset="XXBT", amount=D(1), to=JOHN),
            "account 'KRAKEN/JOHN'",
        ),
        (
            Fault(kind=FaultKind.TRANSFER, after=1, account=JOHN, asset="XETH", amount=D(1), to="BITMEX"),
            "cannot hold",
        ),
    ],
)
def test_what_cannot_be_planted_is_refused(fault: Fault, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        plan_with(fault)
