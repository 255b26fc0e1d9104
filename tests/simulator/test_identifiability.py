"""The published hypotheses, and what may hide below doubt."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from recon.simulator.fault import Fault, FaultKind, PlantedFault
from recon.simulator.faults.identifiability import Clue, StepView, cause_of, clues_of, fitting
from recon.simulator.habits import CROSSING, Habits
from recon.simulator.instruments import Side
from recon.simulator.ticks import ticks
from recon.simulator.uncertainty import UncertaintyOfFills
from recon.simulator.venue.fees import Fees, Tier
from recon.simulator.venue.ledger import Unit
from recon.simulator.venues import binance, binance_futures, with_fees
from tests.support.observers import START

D = Decimal
BTC = {"BTC": D(60000), "ETH": D(3000), "USDT": D(1)}
PAIR = frozenset({frozenset({"BTC", "USDT"})})


def sight(assets: dict[str, str], contracts: dict[str, str] | None = None, **more: object) -> StepView:
    return StepView(
        assets={code: D(amount) for code, amount in assets.items()},
        contracts={code: D(amount) for code, amount in (contracts or {}).items()},
        usd=BTC,
        pairs=PAIR,
        **more,  # type: ignore[arg-type]  # the fields of StepView
    )


HELD = {"BTC": D(10), "USDT": D(100000), "PERP": D(-300)}


@pytest.mark.parametrize(
    ("seen", "causes"),
    [
        (sight({"USDT": "5000"}, held=HELD), {"deposit"}),
        (sight({"USDT": "-5000"}, held=HELD), {"withdrawal"}),
        (sight({"USDT": "5"}, held=HELD), {"deposit", "interest", "reward"}),
        (sight({"USDT": "-5"}, held=HELD), {"withdrawal", "interest"}),
        (sight({"USDT": "-5"}, held=HELD, legs={"USDT": D(1000)}), {"withdrawal", "interest", "fee_variance"}),
        (sight({"USDT": "5"}, held=HELD, legs={"USDT": D(1000)}), {"deposit", "interest", "reward", "rebate"}),
        (sight({"USDT": "-7"}, held=HELD, legs={"USDT": D(1000)}), {"withdrawal", "interest"}),
        (sight({"BTC": "0.1", "USDT": "-5990"}), {"conversion", "external_order"}),
        (sight({"BTC": "0.1", "USDT": "-5500"}), set()),
        (sight({"BTC": "0.1", "USDT": "5990"}), set()),
        (sight({"BTC": "0.1", "ETH": "-2"}), {"conversion"}),
        (sight({"BTC": "0.1", "USDT": "-5990"}, clues=frozenset({Clue.ORDER})), {"missed_fill"}),
        (sight({"BTC": "0.1"}, clues=frozenset({Clue.ORDER, Clue.GAP})), {"missed_fill_gap"}),
        (sight({"USDT": "-5"}, held=HELD, clues=frozenset({Clue.GRID})), {"funding"}),
        (sight({"BTC": "-1"}, held=HELD, clues=frozenset({Clue.ELSEWHERE})), {"transfer"}),
        (sight({"BTC": "-0.001"}, held=HELD, clues=frozenset({Clue.LOCKED})), {"withdrawal"}),
        (sight({}, {"PERP": "-100"}, held=HELD), {"external_order"}),
        (sight({}, {"PERP": "100"}, held={"PERP": D(-300)}), {"external_order", "adl"}),
        (sight({"USDT": "-9"}, {"PERP": "300"}, held={"PERP": D(0)}, clues=frozenset({Clue.EXPIRY_DAY})), {"expiry"}),
        (
            sight({"USDT": "-9"}, {"PERP": "300"}, held={"PERP": D(0)}, clues=frozenset({Clue.LIQUIDATION_PRICE})),
            {"liquidation"},
        ),
        (
            sight({}, {"PERP": "100"}, held={"PERP": D(-300)}, clues=frozenset({Clue.LIQUIDATION_PRICE})),
            {"external_order", "adl"},
        ),
        (sight({"BTC": "9990"}, held=HELD, clues=frozenset({Clue.RATIO})), {"unit_or_side"}),
        (sight({"BTC": "0.1"}, clues=frozenset({Clue.OVERFILL, Clue.ORDER})), {"overfill"}),
    ],
)
def test_the_surest_class_that_fits_decides(seen: StepView, causes: set[str]) -> None:
    assert set(fitting(seen)) == causes


@pytest.mark.parametrize(
    ("kind", "first", "cause"),
    [
        (FaultKind.LOST_FILL, 1, "missed_fill"),
        (FaultKind.RESTART, 1, "missed_fill_gap"),
        (FaultKind.WRONG_BALANCE, 1, "deposit"),
        (FaultKind.WRONG_BALANCE, -1, "withdrawal"),
        (FaultKind.FEE, -1, "fee_variance"),
        (FaultKind.FEE, 1, "rebate"),
        (FaultKind.ADL, 1, "adl"),
    ],
)
def test_every_kind_has_the_cause_that_is_true(kind: FaultKind, first: int, cause: str) -> None:
    assert cause_of(Fault(kind=kind, after=1.0), D(first)) == cause


def test_a_short_silence_is_no_gap_that_anybody_could_see() -> None:
    short, long = (Fault(kind=FaultKind.SILENT_STALL, after=1.0, lasting=lasting) for lasting in (3.0, 14.0))
    assert (cause_of(short, D(1)), cause_of(long, D(1))) == ("missed_fill", "missed_fill_gap")
    assert Clue.GAP in clues_of(long) - clues_of(short)


def doubt_of(fees: Fees | None, *, at: float = 0.5, habits: Habits = CROSSING) -> dict[str, Decimal]:
    """What is uncertain half a second after 0.1 BTC were bought for 6000, by an order that does not tell."""
    plan = replace(binance("BINANCE", 1.0, habits), fees=None)
    if fees is not None:
        plan = with_fees(plan, fees)
    doubt = UncertaintyOfFills(plan, 0)
    doubt.record(0, plan.instruments[0], Side.BUY, D("0.1"), D(60000), None)
    return {code: doubt.of_step(ticks(at), Unit("asset", code), D(1)) for code in ("BTC", "USDT", "ETH")}


MIXED = Fees(tiers=(Tier(maker=D("0.0016"), taker=D("0.0026")),))


def test_without_a_schedule_the_largest_fee_may_hide_in_either_leg() -> None:
    for fees in (None, replace(MIXED, published=False)):
        found = doubt_of(fees)
        assert found["BTC"] == D("0.0006") + D("0.00000101")
        assert found["USDT"] == D(36) + D("0.00000101")
        assert found["ETH"] == D("0.00000100")


def test_with_a_schedule_the_spread_may_hide_where_liquidity_is_not_told() -> None:
    found = doubt_of(MIXED)
    assert found["USDT"] == D(6) + D("0.00000101")
    assert found["BTC"] == D("0.00000101")


def test_fills_that_are_long_observed_hide_nothing() -> None:
    assert doubt_of(None, at=1.1)["USDT"] > 30
    assert doubt_of(None, at=1.3)["USDT"] == D("0.00000100")
    assert doubt_of(None, at=3.9, habits=replace(CROSSING, polled_every=2.0))["USDT"] > 30


def test_a_tier_that_changed_since_it_was_told_may_hide_its_difference() -> None:
    told = Tier(maker=D("0.002"), taker=D("0.002"))
    changed = Fees(tiers=(told, Tier(since=0.0, maker=D("0.001"), taker=D("0.001"))))
    assert doubt_of(Fees(tiers=(told,)))["USDT"] < D("0.0001")
    assert doubt_of(changed)["USDT"] == D(6) + D("0.00000101")


def test_what_follows_from_no_report_hides_all_and_contracts_hide_nothing() -> None:
    doubt = UncertaintyOfFills(binance_futures("BINANCEFTS", 1.0, CROSSING), 0)
    assert doubt.of_step(0, Unit("asset", "USDT"), D(-7)) == 7
    assert doubt.of_step(0, Unit("contract", "BTCUSDT"), D(-7)) == 0


@pytest.mark.parametrize(("amount", "detectable"), [("0.5", False), ("-0.6", True)])
def test_a_step_above_its_uncertainty_is_detectable(amount: str, detectable: bool) -> None:
    fault = PlantedFault(
        kind=FaultKind.DEPOSIT, gateway="sim", account="A", unit_kind="asset", units=("BTC",),
        amounts={"BTC": D(amount)}, planted_at=START, must_flag=True, cause="deposit", causes=("deposit",),
        uncertainty={"BTC": D("0.5")},
    )  # fmt: skip
    assert fault.detectable is detectable
    assert fault.as_json()["detectable"] is detectable
    assert fault.as_json()["uncertainty"] == {"BTC": "0.5"}
    assert fault.as_json()["causes"] == ["deposit"]
