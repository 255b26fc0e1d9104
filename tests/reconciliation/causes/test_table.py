"""The table of causes: for each code a case made by hand that it alone explains, and cases that several explain."""

from __future__ import annotations

import pytest

from recon.ledger.evidence import Disagreement, Gap, LockChange
from recon.reconciliation.causes.context import BreakContext, BreakSummary, OwnOrder
from recon.reconciliation.causes.evaluation import MAX_EVIDENCE
from recon.reconciliation.causes.registry import CAUSES
from tests.support.break_cases import AT, BTC_USDT, HOUR, SECOND, D, bought, broke, contract, evaluated, flow, of, order

TESTED = {code for code, cause in CAUSES.items() if cause.test is not None}
GAP = Gap(105, 115, "disconnected")
FUNDED = AT - HOUR
#: A position of two, gone without a report.
CLOSED = broke("PERP", "-2", held="2", kind="contract")
LIQUIDATED = contract(liquidation_price=D(55000), price=D(54900))

#: What one cause alone explains, and how sure that is.
ALONE: dict[str, tuple[BreakContext, str, str]] = {
    "a purchase that an open order of ours admits": (bought(orders=(order(),)), "missed_fill", "inferred"),
    "less a fee taken in the base": (bought("0.4995", orders=(order(),)), "missed_fill", "inferred"),
    "a part of an order": (bought(orders=(order(left="2"),)), "missed_fill", "inferred"),
    "across a gap": (bought(orders=(order(vanished=True),), gaps=(GAP,)), "missed_fill_gap", "inferred"),
    "two orders that vanished together": (
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
    "the list of fills tells what is missing": (
        of(broke("USDT", "120"), pairs=(BTC_USDT,), disagreements=(Disagreement(110, "c:1", "BTCUSDT", D(120)),)),
        "inconsistent_report",
        "exact",
    ),
    "a rate of the schedule, to the last digit": (
        of(broke("USDT", "-30"), flows=(flow("30000"),), scheduled_rates=(D("0.001"),)),
        "fee_expected",
        "exact",
    ),
    "all fills around it together, by the schedule": (
        of(broke("USDT", "-30"), flows=(flow("10000"), flow("-20000")), scheduled_rates=(D("0.001"),)),
        "fee_expected",
        "exact",
    ),
    "a maker's rebate by the schedule": (
        of(broke("USDT", "3"), flows=(flow("30000"),), scheduled_rates=(D("-0.0001"),)),
        "rebate",
        "exact",
    ),
    "an asset that the settings name for fees": (
        of(broke("BNB", "-0.05"), quote_flows=(flow("-30000"),), is_fee_asset=True),
        "fee_third_asset",
        "inferred",
    ),
    "a position held over a time of the grid": (
        of(
            broke("USDT", "-12", held="500", seen_us=FUNDED + SECOND, after_us=FUNDED - SECOND), contracts=(contract(),)
        ),
        "funding",
        "inferred",
    ),
    "two assets of one worth, never traded": (
        of(broke("ETH", "-20"), broke("BTC", "0.997", held="5")),
        "conversion",
        "inferred",
    ),
    "one asset that came in": (of(broke("USDT", "5000")), "deposit", "inferred"),
    "one asset that went out": (of(broke("USDT", "-5000", held="9000")), "withdrawal", "inferred"),
    "what was locked before it went out": (
        of(broke("USDT", "-5", held="9000"), locks=(LockChange(99, AT - HOUR, D(5)),)),
        "withdrawal",
        "inferred",
    ),
    "another account's asset, less a network fee": (
        of(
            broke("BTC", "-1"),
            same_asset_other_accounts=(broke("BTC", "0.9995", account="KRAKEN", seen_us=AT + HOUR // 2),),
        ),
        "transfer",
        "inferred",
    ),
    "a position closed at its liquidation price": (of(CLOSED, contracts=(LIQUIDATED,)), "liquidation", "inferred"),
    "as the cash tells that it realised": (
        of(CLOSED, broke("USDT", "9990", held="90000"), contracts=(contract(liquidation_price=D(55000)),)),
        "liquidation",
        "inferred",
    ),
    "the cash of it, before the position is told": (
        of(broke("USDT", "9990", held="90000"), contracts=(contract(liquidation_price=D(55000)),)),
        "liquidation",
        "inferred",
    ),
    "a contract on the day that it ends": (
        of(CLOSED, contracts=(contract(expires_us=AT - HOUR),)),
        "expiry",
        "inferred",
    ),
    "what is held, on the other side": (
        of(broke("PERP", "-4", held="2", kind="contract"), contracts=(contract(),)),
        "unit_or_side",
        "inferred",
    ),
    "what is held, a thousand times": (of(broke("ETH", "1248.75", held="1.25")), "unit_or_side", "inferred"),
    "what is held, by the contract's multiplier": (
        of(broke("PERP", "-21.6", held="24", kind="contract"), contracts=(contract("24", multiplier=D("0.1")),)),
        "unit_or_side",
        "inferred",
    ),
    "less than a step": (of(broke("USDT", "0.004"), quantum=D("0.01")), "rounding", "inferred"),
    "a rest worth cents": (of(broke("ETH", "0.0001", held="0")), "dust", "inferred"),
    "legs without a row": (of(broke("BTC", "1"), unmapped_reason="legs of XBT have no row"), "unmapped", "exact"),
    "fills that wait": (of(broke("BTC", "1"), awaiting_instrument=("SOLUSDT",)), "unmapped", "inferred"),
}

#: What several causes explain equally well; the first is shown.
AMBIGUOUS: dict[str, tuple[BreakContext, list[str]]] = {
    "a trade that no order of ours admits": (bought(), ["external_order", "conversion"]),
    "a trade, where not every open order is remembered": (
        bought(orders_complete=False),
        ["missed_fill", "external_order", "conversion"],
    ),
    "a trade across a gap, and no order of ours": (
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
    "a share of a fill that is not the schedule's": (
        of(broke("USDT", "-20"), flows=(flow("-30000"),), scheduled_rates=(D("0.001"),)),
        ["fee_variance", "withdrawal"],
    ),
    "the schedule's share of a fill that is booked with it": (
        of(broke("USDT", "-30"), flows=(flow("-30000", fee_booked=True),), scheduled_rates=(D("0.001"),)),
        ["fee_variance", "withdrawal"],
    ),
    "half of what a report is off by, among fills": (
        of(
            broke("USDT", "70"),
            pairs=(BTC_USDT,),
            flows=(flow("-30000"),),
            disagreements=(Disagreement(110, "c:1", "BTCUSDT", D(120)),),
        ),
        ["inconsistent_report", "rebate", "deposit"],
    ),
    "a share of a fill that came in": (of(broke("USDT", "20"), flows=(flow("-30000"),)), ["rebate", "deposit"]),
    "a third asset, in the worth of a fee": (
        of(broke("BNB", "-0.05", held="10"), quote_flows=(flow("-30000"),)),
        ["fee_third_asset", "withdrawal"],
    ),
    "all of an order of ours, but the cash stood still": (
        of(broke("BTC", "0.5", held="2"), pairs=(BTC_USDT,), orders=(order(),)),
        ["missed_fill", "deposit"],
    ),
}


@pytest.mark.parametrize("name", ALONE)
def test_one_cause_alone_explains(name: str) -> None:
    context, cause, certainty = ALONE[name]
    evaluation = evaluated(context)
    assert (evaluation.cause, evaluation.certainty) == (cause, certainty), evaluation.note
    assert evaluation.evidence, "and it says what on"


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_several_causes_explain_and_all_are_named(name: str) -> None:
    context, causes = AMBIGUOUS[name]
    evaluation = evaluated(context)
    assert (evaluation.cause, evaluation.certainty) == (causes[0], "candidate"), evaluation.note
    assert evaluation.note.startswith(f"may be {', '.join(causes)}: ")
    assert set(causes) <= set(evaluation.fitting)


def test_every_code_of_a_break_has_a_case() -> None:
    said = {cause for _, cause, _ in ALONE.values()} | {cause for _, causes in AMBIGUOUS.values() for cause in causes}
    assert said == TESTED


def test_two_legs_far_from_the_market_are_no_trade_and_say_so() -> None:
    context = of(broke("USDT", "-30000", held="100000"), broke("BTC", "5"), pairs=(BTC_USDT,))
    evaluation = evaluated(context)
    assert evaluation.cause == "withdrawal", "5 bitcoin for 30000"
    assert any("too far for a trade" in tried.why for tried in evaluation.tried)


@pytest.mark.parametrize("name", [*ALONE, *AMBIGUOUS])
def test_every_cause_considered_says_why_with_its_arithmetic_and_is_bounded(name: str) -> None:
    context = ALONE[name][0] if name in ALONE else AMBIGUOUS[name][0]
    evaluation = evaluated(context)
    assert all(0 < len(tried.why) < 300 for tried in evaluation.tried)
    assert len({tried.cause for tried in evaluation.tried}) == len(evaluation.tried) <= len(TESTED)
    assert len(evaluation.evidence) <= MAX_EVIDENCE


# -- what an order of ours admits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (order("SELL"), "the other side"),
        (order(symbol="ETHUSDT"), "another symbol"),
        (order(left="0.3"), "less is open"),
        (order(price="50000", left="9"), "its limit is below the price"),
        (order(updated_us=AT + HOUR), "it was heard of since, and had not filled"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_order_does_not_admit_a_trade(known: OwnOrder, why: str) -> None:
    assert evaluated(bought(orders=(known,))).cause == "external_order", why


@pytest.mark.parametrize("known", [order(price=None), order(price="61000"), order(vanished=True, updated_us=AT + HOUR)])
def test_an_order_without_a_limit_or_beyond_it_or_vanished_admits(known: OwnOrder) -> None:
    assert evaluated(bought(orders=(known,))).cause == "missed_fill"


def test_a_sale_is_read_by_its_own_side() -> None:
    sold = bought("-0.5", "30000", orders=(order(), order("SELL", "59000", key="c:2")))
    assert (evaluated(sold).cause, evaluated(sold).supporting_order) == ("missed_fill", ("c:2", 90))


# -- one leg, one amount, one gap ----------------------------------------------------------------------------------


def test_a_base_whose_quote_is_not_judged_is_read_alone() -> None:
    alone = of(broke("BTC", "0.5", held="2"), pairs=(BTC_USDT,), uncompared=frozenset({"USDT"}))
    assert evaluated(alone).note.startswith("may be external_order, deposit")


@pytest.mark.parametrize(("code", "amount"), [("BTC", "0.5"), ("USDT", "-30000")])
def test_while_the_other_leg_is_undecided_an_order_of_ours_tells(code: str, amount: str) -> None:
    other = frozenset({"USDT", "BTC"} - {code})
    context = of(broke(code, amount, held="100000"), pairs=(BTC_USDT,), undecided=other)
    assert evaluated(context).cause != "missed_fill"
    known = of(broke(code, amount, held="100000"), pairs=(BTC_USDT,), undecided=other, orders=(order(),))
    assert (evaluated(known).cause, evaluated(known).certainty) == ("missed_fill", "inferred")


def test_of_several_amounts_the_one_that_makes_a_trade_is_read() -> None:
    quote = broke("USDT", "-45000", "-30000", held="100000")
    evaluation = evaluated(of(broke("BTC", "0.5", held="2"), quote, pairs=(BTC_USDT,), orders=(order(),)))
    assert (evaluation.cause, evaluation.certainty) == ("missed_fill", "inferred")


def test_a_cause_that_does_not_hold_for_every_amount_is_a_candidate_and_the_other_is_named() -> None:
    evaluation = evaluated(of(broke("USDT", "5000", "-300", held="9000")))
    assert (evaluation.cause, evaluation.certainty) == ("deposit", "candidate")
    assert "withdrawal" in evaluation.fitting
    assert evaluation.note.endswith("the amount may also be -300, and it withdrawal")
    assert evaluated(of(broke("USDT", "5000", "4000", held="9000"))).certainty == "inferred"


def test_across_a_gap_what_only_the_amount_speaks_for_is_a_candidate_and_the_gap_is_evidence() -> None:
    evaluation = evaluated(of(broke("USDT", "5000"), gaps=(GAP,)))
    assert (evaluation.cause, evaluation.certainty) == ("deposit", "candidate")
    assert any(each.seq == 105 and "not observed" in each.text for each in evaluation.evidence)


@pytest.mark.parametrize("gap", [Gap(50, 90, "earlier"), Gap(130, None, "later")])
def test_a_gap_elsewhere_tells_nothing(gap: Gap) -> None:
    assert evaluated(bought(orders=(order(),), gaps=(gap,))).cause == "missed_fill"


# -- what looks alike ----------------------------------------------------------------------------------------------


def test_a_deposit_is_not_a_missed_sale() -> None:
    """Cash alone is a deposit; cash against bitcoin at a market's price is a sale."""
    assert evaluated(of(broke("USDT", "30000"), pairs=(BTC_USDT,))).cause == "deposit"
    assert evaluated(bought("-0.5", "30000", orders=(order("SELL"),))).cause == "missed_fill"


def test_what_orders_lock_does_not_speak_for_a_withdrawal() -> None:
    locked = (LockChange(99, AT - HOUR, D("0.5")),)
    context = of(broke("BTC", "-0.5", held="2"), locks=locked, flows=(flow("0.25", "BTC"),))
    assert evaluated(context).strength > evaluated(of(broke("BTC", "-0.5", held="2"), locks=locked)).strength


def test_the_same_asset_elsewhere_is_no_transfer_unless_time_and_amount_agree() -> None:
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


def test_funding_needs_its_time_a_position_and_a_size() -> None:
    assert "funding" in evaluated(of(_paid("USDT", "-12"), contracts=(contract(),))).fitting
    for context in (
        of(_paid("USDT", "-12", AT), contracts=(contract(),)),
        of(_paid("USDT", "-12")),
        of(_paid("USDT", "-12"), contracts=(contract("0"),)),
        of(_paid("USDT", "-5000"), contracts=(contract(),)),
        of(_paid("USDC", "-12"), contracts=(contract(),)),
    ):
        assert "funding" not in evaluated(context).fitting


def test_the_fee_of_a_missed_fill_in_a_third_asset_is_of_that_fill() -> None:
    break_ = broke("BNB", "-0.05", held="10")
    legs = (broke("BTC", "0.5", held="2"), broke("USDT", "-30000", held="100000"))
    evaluation = evaluated(of(break_, *legs, pairs=(BTC_USDT,), orders=(order(),)))
    assert evaluation.cause == "missed_fill"
    assert set(evaluation.supporting_breaks) == {"BINANCE/BTC", "BINANCE/USDT"}


def test_cash_beside_a_closed_position_has_the_cause_of_the_position() -> None:
    cash = broke("USDT", "9990", held="90000")
    evaluation = evaluated(of(cash, CLOSED, contracts=(contract(liquidation_price=D(55000)),)))
    assert (evaluation.cause, evaluation.supporting_breaks) == ("liquidation", ("BINANCE/PERP",))
    ended = evaluated(of(cash, CLOSED, contracts=(contract(expires_us=AT - HOUR),)))
    assert ended.cause == "expiry"


def test_an_inverse_contract_is_priced_by_its_own_arithmetic() -> None:
    """2000 contracts of a dollar held at 50000 and closed at 40000 lose 0.01 bitcoin."""
    known = contract("2000", settles_in="BTC", inverse=True, liquidation_price=D(40000))
    closed = broke("PERP", "-2000", held="2000", kind="contract")
    evaluation = evaluated(of(broke("BTC", "-0.01", held="3"), closed, contracts=(known,)))
    assert evaluation.cause == "liquidation"
    assert "a price of 40000" in evaluation.note
