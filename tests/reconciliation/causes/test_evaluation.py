"""The test of each cause by hand-made contexts: some match one cause alone, some match several equally."""

from __future__ import annotations

import msgspec
import pytest

from recon.ledger.evidence import Disagreement, Gap, LockChange, RateStep, Regression
from recon.ledger.rules import OffExchangeSettlement
from recon.reconciliation.causes.context import BreakContext, BreakSummary, OwnOrder
from recon.reconciliation.causes.evaluation import MAX_EVIDENCE
from recon.reconciliation.causes.registry import CAUSES
from tests.support.break_cases import AT, BTC_USDT, HOUR, SECOND, D, bought, broke, contract, evaluated, flow, of, order

TESTED = {code for code, cause in CAUSES.items() if cause.test is not None}
#: FUNDED is a whole hour.
SETTLED = OffExchangeSettlement(every_us=HOUR)
TAKEN_BACK = Regression(110, AT, "c:1", "BTCUSDT", D("-0.5"), D(25000))
GAP = Gap(105, 115, "disconnected")
FUNDED = AT - HOUR
#: A position of two, gone without a report.
CLOSED = broke("PERP", "-2", held="2", kind="contract")
LIQUIDATED = contract(liquidation_price=D(55000), price=D(54900))

#: Contexts that one cause alone matches, with the certainty.
ALONE: dict[str, tuple[BreakContext, str, str]] = {
    "a purchase that an open own order admits": (bought(orders=(order(),)), "missed_fill", "inferred"),
    "a purchase less a fee in the base": (bought("0.4995", orders=(order(),)), "missed_fill", "inferred"),
    "a purchase of a part of an order": (bought(orders=(order(left="2"),)), "missed_fill", "inferred"),
    "a purchase during a gap": (bought(orders=(order(vanished=True),), gaps=(GAP,)), "missed_fill_gap", "inferred"),
    "a purchase of two vanished orders together": (
        bought(orders=(order(left="0.2", vanished=True, key="a"), order(left="0.3", vanished=True)), gaps=(GAP,)),
        "missed_fill_gap",
        "inferred",
    ),
    "a contract that an open order admits": (
        of(broke("PERP", "3", kind="contract"), orders=(order(symbol="PERP", left="3"),), contracts=(contract(),)),
        "missed_fill",
        "inferred",
    ),
    "a contract that grows without an order": (
        of(broke("PERP", "3", kind="contract"), contracts=(contract(),)),
        "external_order",
        "inferred",
    ),
    "the missing cash of a contradictory report": (
        of(broke("USDT", "120"), pairs=(BTC_USDT,), disagreements=(Disagreement(110, "c:1", "BTCUSDT", D(120)),)),
        "inconsistent_report",
        "exact",
    ),
    "the quantity that a report took back": (
        of(broke("BTC", "-0.5"), pairs=(BTC_USDT,), regressions=(TAKEN_BACK,)),
        "amount_regression",
        "exact",
    ),
    "the cash that a report took back": (
        of(broke("USDT", "25000"), pairs=(BTC_USDT,), regressions=(TAKEN_BACK,)),
        "amount_regression",
        "exact",
    ),
    "a scheduled fee of one fill": (
        of(broke("USDT", "-30"), flows=(flow("30000"),), scheduled_rates=(D("0.001"),)),
        "fee_expected",
        "exact",
    ),
    "a scheduled fee of all fills": (
        of(broke("USDT", "-30"), flows=(flow("10000"), flow("-20000")), scheduled_rates=(D("0.001"),)),
        "fee_expected",
        "exact",
    ),
    "a scheduled rebate": (
        of(broke("USDT", "3"), flows=(flow("30000"),), scheduled_rates=(D("-0.0001"),)),
        "rebate",
        "exact",
    ),
    "a fee in the fee asset of the settings": (
        of(broke("BNB", "-0.05"), quote_flows=(flow("-30000"),), is_fee_asset=True),
        "fee_third_asset",
        "inferred",
    ),
    "funding at a time of the grid": (
        of(
            broke("USDT", "-12", held="500", seen_us=FUNDED + SECOND, after_us=FUNDED - SECOND), contracts=(contract(),)
        ),
        "funding",
        "inferred",
    ),
    "two assets that move at a time of settlement": (
        of(
            broke("USDT", "-6120.35", held="90000", seen_us=FUNDED + SECOND, after_us=FUNDED - SECOND),
            broke("BTC", "0.0815", seen_us=FUNDED + SECOND, after_us=FUNDED - SECOND),
            settlement=SETTLED,
        ),
        "off_exchange_settlement",
        "inferred",
    ),
    "one asset that moves at a time of settlement": (
        of(
            broke("USDT", "-6120.35", held="90000", seen_us=FUNDED + SECOND, after_us=FUNDED - SECOND),
            settlement=SETTLED,
        ),
        "off_exchange_settlement",
        "inferred",
    ),
    "two assets of equal value that are never traded": (
        of(broke("ETH", "-20"), broke("BTC", "0.997", held="5")),
        "conversion",
        "inferred",
    ),
    "one asset that came in": (of(broke("USDT", "5000")), "deposit", "inferred"),
    "one asset that went out": (of(broke("USDT", "-5000", held="9000")), "withdrawal", "inferred"),
    "an amount that was locked before it left": (
        of(broke("USDT", "-5", held="9000"), locks=(LockChange(99, AT - HOUR, D(5)),)),
        "withdrawal",
        "inferred",
    ),
    "the same asset in another account, less a network fee": (
        of(
            broke("BTC", "-1"),
            same_asset_other_accounts=(broke("BTC", "0.9995", account="KRAKEN", seen_us=AT + HOUR // 2),),
        ),
        "transfer",
        "inferred",
    ),
    "a position closed at its liquidation price": (of(CLOSED, contracts=(LIQUIDATED,)), "liquidation", "inferred"),
    "a liquidation by the price of its cash": (
        of(CLOSED, broke("USDT", "9990", held="90000"), contracts=(contract(liquidation_price=D(55000)),)),
        "liquidation",
        "inferred",
    ),
    "the cash of a liquidation before the position is reported": (
        of(broke("USDT", "9990", held="90000"), contracts=(contract(liquidation_price=D(55000)),)),
        "liquidation",
        "inferred",
    ),
    "a contract on its last day": (
        of(CLOSED, contracts=(contract(expires_us=AT - HOUR),)),
        "expiry",
        "inferred",
    ),
    "a position on the wrong side": (
        of(broke("PERP", "-4", held="2", kind="contract"), contracts=(contract(),)),
        "unit_or_side",
        "inferred",
    ),
    "a holding times a thousand": (of(broke("ETH", "1248.75", held="1.25")), "unit_or_side", "inferred"),
    "a holding that is four times as much at a quarter of the price": (
        of(broke("GALA", "75", held="25", after_us=AT - HOUR), rate_step=RateStep(D(40), D("10.1"), AT)),
        "unit_or_side",
        "inferred",
    ),
    "a holding that is four times as much while its price fell by half": (
        of(broke("GALA", "75", held="25", after_us=AT - HOUR), rate_step=RateStep(D(40), D(20), AT)),
        "deposit",
        "inferred",
    ),
    "a price that moved long before the amount did": (
        of(broke("GALA", "75", held="25", after_us=AT), rate_step=RateStep(D(40), D(10), AT - HOUR)),
        "deposit",
        "inferred",
    ),
    "a position times the contract's multiplier": (
        of(broke("PERP", "-21.6", held="24", kind="contract"), contracts=(contract("24", multiplier=D("0.1")),)),
        "unit_or_side",
        "inferred",
    ),
    "less than the smallest step": (of(broke("USDT", "0.004"), quantum=D("0.01")), "rounding", "inferred"),
    "a rest worth cents": (of(broke("ETH", "0.0001", held="0")), "dust", "inferred"),
    "legs without a balance row": (
        of(broke("BTC", "1"), unmapped_reason="legs of XBT have no row"),
        "unmapped",
        "exact",
    ),
    "fills that wait for their instrument": (
        of(broke("BTC", "1"), awaiting_instrument=("SOLUSDT",)),
        "unmapped",
        "inferred",
    ),
}

#: Contexts that several causes match equally; the first one is shown.
AMBIGUOUS: dict[str, tuple[BreakContext, list[str]]] = {
    "a trade that no own order admits": (bought(), ["external_order", "conversion"]),
    "a trade while not every open order is remembered": (
        bought(orders_complete=False),
        ["missed_fill", "external_order", "conversion"],
    ),
    "a trade during a gap without an own order": (
        bought(gaps=(GAP,)),
        ["missed_fill_gap", "external_order", "conversion"],
    ),
    "a position that shrinks": (
        of(broke("PERP", "-1", held="2", kind="contract"), contracts=(contract(),)),
        ["external_order", "adl"],
    ),
    "a liquidation price far from the last price known": (
        of(CLOSED, contracts=(contract(liquidation_price=D(30000)),)),
        ["external_order", "liquidation", "adl"],
    ),
    "a little that came in": (of(broke("USDT", "0.5")), ["interest", "reward", "deposit"]),
    "a little that came in on the hour": (
        of(broke("USDT", "0.5", seen_us=FUNDED + 60 * SECOND, after_us=FUNDED + 30 * SECOND), contracts=(contract(),)),
        ["funding", "interest", "reward", "deposit"],
    ),
    "a share of a fill that went out": (
        of(broke("USDT", "-20"), flows=(flow("-30000"),)),
        ["fee_expected", "withdrawal"],
    ),
    "a share of a fill whose fee is booked": (
        of(broke("USDT", "-20"), flows=(flow("-30000"),), fees_booked=True),
        ["fee_variance", "withdrawal"],
    ),
    "a share of a fill that is not in the schedule": (
        of(broke("USDT", "-20"), flows=(flow("-30000"),), scheduled_rates=(D("0.001"),)),
        ["fee_variance", "withdrawal"],
    ),
    "a scheduled share of a fill that is booked with its fee": (
        of(broke("USDT", "-30"), flows=(flow("-30000", fee_booked=True),), scheduled_rates=(D("0.001"),)),
        ["fee_variance", "withdrawal"],
    ),
    "half of the difference in a contradictory report, among fills": (
        of(
            broke("USDT", "70"),
            pairs=(BTC_USDT,),
            flows=(flow("-30000"),),
            disagreements=(Disagreement(110, "c:1", "BTCUSDT", D(120)),),
        ),
        ["inconsistent_report", "rebate", "deposit"],
    ),
    "a share of a fill that came in": (of(broke("USDT", "20"), flows=(flow("-30000"),)), ["rebate", "deposit"]),
    "a third asset with the value of a fee": (
        of(broke("BNB", "-0.05", held="10"), quote_flows=(flow("-30000"),)),
        ["fee_third_asset", "withdrawal"],
    ),
    "all of an own order while the cash did not move": (
        of(broke("BTC", "0.5", held="2"), pairs=(BTC_USDT,), orders=(order(),)),
        ["missed_fill", "deposit"],
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_one_cause_alone_matches(name: str) -> None:
    context, cause, certainty = ALONE[name]
    evaluation = evaluated(context)
    assert (evaluation.cause, evaluation.certainty) == (cause, certainty), evaluation.note
    assert evaluation.evidence, "a match names its evidence"


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_several_causes_match_equally_and_all_are_named(name: str) -> None:
    context, causes = AMBIGUOUS[name]
    evaluation = evaluated(context)
    assert (evaluation.cause, evaluation.certainty) == (causes[0], "candidate"), evaluation.note
    assert evaluation.note.startswith(f"may be {', '.join(causes)}: ")
    assert set(causes) <= set(evaluation.fitting)


def test_every_tested_cause_has_an_example() -> None:
    said = {cause for _, cause, _ in ALONE.values()} | {cause for _, causes in AMBIGUOUS.values() for cause in causes}
    assert said == TESTED


def test_two_legs_far_from_the_market_price_are_no_trade_and_the_reason_is_given() -> None:
    context = of(broke("USDT", "-30000", held="100000"), broke("BTC", "5"), pairs=(BTC_USDT,))
    evaluation = evaluated(context)
    assert evaluation.cause == "withdrawal", "5 bitcoin for 30000"
    assert any("too far for a trade" in tried.why for tried in evaluation.tried)


@pytest.mark.parametrize("name", [*ALONE, *AMBIGUOUS])
def test_every_tried_cause_gives_its_reason_within_the_bounds(name: str) -> None:
    context = ALONE[name][0] if name in ALONE else AMBIGUOUS[name][0]
    evaluation = evaluated(context)
    assert all(0 < len(tried.why) < 300 for tried in evaluation.tried)
    assert len({tried.cause for tried in evaluation.tried}) == len(evaluation.tried) <= len(TESTED)
    assert len(evaluation.evidence) <= MAX_EVIDENCE


# -- what an order of ours admits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own_order", "why"),
    [
        (order("SELL"), "the other side"),
        (order(symbol="ETHUSDT"), "another symbol"),
        (order(left="0.3"), "less is open"),
        (order(price="50000", left="9"), "its limit is below the price"),
        (order(updated_us=AT + HOUR), "it was heard of since, and had not filled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_order_does_not_admit_a_trade(own_order: OwnOrder, why: str) -> None:
    assert evaluated(bought(orders=(own_order,))).cause == "external_order", why


@pytest.mark.parametrize(
    "own_order", [order(price=None), order(price="61000"), order(vanished=True, updated_us=AT + HOUR)]
)
def test_an_order_without_a_limit_or_within_its_limit_or_vanished_admits_a_trade(own_order: OwnOrder) -> None:
    assert evaluated(bought(orders=(own_order,))).cause == "missed_fill"


def test_a_sale_is_admitted_by_a_sell_order() -> None:
    sold = bought("-0.5", "30000", orders=(order(), order("SELL", "59000", key="c:2")))
    assert (evaluated(sold).cause, evaluated(sold).supporting_order) == ("missed_fill", ("c:2", 90))


# -- one leg, one amount, one gap ----------------------------------------------------------------------------------


def test_a_base_whose_quote_is_not_compared_can_be_a_trade_alone() -> None:
    alone = of(broke("BTC", "0.5", held="2"), pairs=(BTC_USDT,), uncompared=frozenset({"USDT"}))
    assert evaluated(alone).note.startswith("may be external_order, deposit")


@pytest.mark.parametrize(("code", "amount"), [("BTC", "0.5"), ("USDT", "-30000")])
def test_while_the_other_leg_is_undecided_only_an_own_order_makes_a_missed_fill(code: str, amount: str) -> None:
    other = frozenset({"USDT", "BTC"} - {code})
    context = of(broke(code, amount, held="100000"), pairs=(BTC_USDT,), undecided=other)
    assert evaluated(context).cause != "missed_fill"
    with_order = of(broke(code, amount, held="100000"), pairs=(BTC_USDT,), undecided=other, orders=(order(),))
    assert (evaluated(with_order).cause, evaluated(with_order).certainty) == ("missed_fill", "inferred")


def test_of_several_possible_amounts_the_one_at_the_market_price_is_the_trade() -> None:
    quote = broke("USDT", "-45000", "-30000", held="100000")
    evaluation = evaluated(of(broke("BTC", "0.5", held="2"), quote, pairs=(BTC_USDT,), orders=(order(),)))
    assert (evaluation.cause, evaluation.certainty) == ("missed_fill", "inferred")


def test_a_cause_that_does_not_match_every_possible_amount_is_a_candidate() -> None:
    evaluation = evaluated(of(broke("USDT", "5000", "-300", held="9000")))
    assert (evaluation.cause, evaluation.certainty) == ("deposit", "candidate")
    assert "withdrawal" in evaluation.fitting
    assert evaluation.note.endswith("the amount may also be -300, and it withdrawal")
    assert evaluated(of(broke("USDT", "5000", "4000", held="9000"))).certainty == "inferred"


def test_across_a_gap_a_cause_supported_only_by_the_amount_is_a_candidate() -> None:
    evaluation = evaluated(of(broke("USDT", "5000"), gaps=(GAP,)))
    assert (evaluation.cause, evaluation.certainty) == ("deposit", "candidate")
    assert any(entry.seq == 105 and "not observed" in entry.text for entry in evaluation.evidence)


@pytest.mark.parametrize("gap", [Gap(50, 90, "earlier"), Gap(130, None, "later")])
def test_a_gap_outside_the_origin_changes_nothing(gap: Gap) -> None:
    assert evaluated(bought(orders=(order(),), gaps=(gap,))).cause == "missed_fill"


# -- what looks alike ----------------------------------------------------------------------------------------------


def test_cash_alone_is_a_deposit_and_no_missed_sale() -> None:
    """Cash alone is a deposit; cash against bitcoin at a market's price is a sale."""
    assert evaluated(of(broke("USDT", "30000"), pairs=(BTC_USDT,))).cause == "deposit"
    assert evaluated(bought("-0.5", "30000", orders=(order("SELL"),))).cause == "missed_fill"


def test_an_amount_that_orders_lock_does_not_support_a_withdrawal() -> None:
    locked = (LockChange(99, AT - HOUR, D("0.5")),)
    context = of(broke("BTC", "-0.5", held="2"), locks=locked, flows=(flow("0.25", "BTC"),))
    assert evaluated(context).strength > evaluated(of(broke("BTC", "-0.5", held="2"), locks=locked)).strength


def test_the_same_asset_in_another_account_is_a_transfer_only_if_time_and_amount_agree() -> None:
    break_ = broke("BTC", "-1", held="2")
    for other in (
        broke("BTC", "0.9995", account="KRAKEN", seen_us=AT + 2 * HOUR),
        broke("BTC", "0.5", account="KRAKEN"),
        broke("BTC", "1.5", account="KRAKEN"),
        broke("BTC", "-1", account="KRAKEN"),
    ):
        assert evaluated(of(break_, same_asset_other_accounts=(other,))).cause == "withdrawal"


def _paid(code: str, amount: str, us: int = FUNDED) -> BreakSummary:
    return broke(code, amount, seen_us=us + SECOND, after_us=us - SECOND)


def test_funding_needs_a_time_on_the_grid_a_position_and_a_small_share() -> None:
    assert "funding" in evaluated(of(_paid("USDT", "-12"), contracts=(contract(),))).fitting
    for context in (
        of(_paid("USDT", "-12", AT), contracts=(contract(),)),
        of(_paid("USDT", "-12")),
        of(_paid("USDT", "-12"), contracts=(contract("0"),)),
        of(_paid("USDT", "-5000"), contracts=(contract(),)),
        of(_paid("USDC", "-12"), contracts=(contract(),)),
    ):
        assert "funding" not in evaluated(context).fitting


def test_a_settlement_needs_the_setting_a_time_on_its_grid_and_no_order_of_ours() -> None:
    assert "off_exchange_settlement" in evaluated(of(_paid("USDT", "-900"), settlement=SETTLED)).fitting
    for context in (
        of(_paid("USDT", "-900")),
        of(_paid("USDT", "-900", FUNDED + HOUR // 2), settlement=SETTLED),
        of(
            _paid("USDT", "-30000"),
            _paid("BTC", "0.5"),
            settlement=SETTLED,
            pairs=(BTC_USDT,),
            orders=(msgspec.structs.replace(order(), updated_us=FUNDED),),
        ),
    ):
        assert "off_exchange_settlement" not in evaluated(context).fitting


def test_what_may_be_a_trade_at_a_time_of_settlement_is_either() -> None:
    both = of(_paid("USDT", "-30000"), _paid("BTC", "0.5"), settlement=SETTLED, pairs=(BTC_USDT,))
    assert (evaluated(both).cause, evaluated(both).certainty) == ("external_order", "candidate")
    assert "off_exchange_settlement" in evaluated(both).fitting


def test_what_moves_late_after_a_time_of_settlement_is_less_surely_one() -> None:
    late = broke("USDT", "-5000", held="90000", seen_us=FUNDED + 300 * SECOND, after_us=FUNDED + 290 * SECOND)
    evaluation = evaluated(of(late, settlement=SETTLED))
    assert (evaluation.cause, evaluation.certainty) == ("off_exchange_settlement", "candidate")
    assert "withdrawal" in evaluation.fitting


def test_a_third_asset_beside_a_missed_fill_is_its_fee() -> None:
    break_ = broke("BNB", "-0.05", held="10")
    legs = (broke("BTC", "0.5", held="2"), broke("USDT", "-30000", held="100000"))
    evaluation = evaluated(of(break_, *legs, pairs=(BTC_USDT,), orders=(order(),)))
    assert evaluation.cause == "missed_fill"
    assert set(evaluation.supporting_breaks) == {"BINANCE/BTC", "BINANCE/USDT"}


def test_cash_of_a_closed_position_has_the_cause_of_the_position() -> None:
    cash = broke("USDT", "9990", held="90000")
    evaluation = evaluated(of(cash, CLOSED, contracts=(contract(liquidation_price=D(55000)),)))
    assert (evaluation.cause, evaluation.supporting_breaks) == ("liquidation", ("BINANCE/PERP",))
    ended = evaluated(of(cash, CLOSED, contracts=(contract(expires_us=AT - HOUR),)))
    assert ended.cause == "expiry"


def test_an_inverse_contract_has_the_reciprocal_price() -> None:
    """2000 contracts of a dollar held at 50000 and closed at 40000 lose 0.01 bitcoin."""
    inverse = contract("2000", settles_in="BTC", inverse=True, liquidation_price=D(40000))
    closed = broke("PERP", "-2000", held="2000", kind="contract")
    evaluation = evaluated(of(broke("BTC", "-0.01", held="3"), closed, contracts=(inverse,)))
    assert evaluation.cause == "liquidation"
    assert "a price of 40,000" in evaluation.note
