"""Fees: rates from samples (recon/ledger/fees/estimate.py, rules 1 to 4), and how the ledger books them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.exact import ONE, ZERO, exact, scale
from recon.ledger.fees.estimate import FEE_SAMPLES, estimate, shortest, with_sample
from recon.ledger.fees.model import FeeModel, FeeRate, FeeSample, swap_rates
from recon.ledger.fees.schedule import liquidity_of, rates_of, rule_of
from recon.ledger.rules import AccountRules, FeeRule, Rules
from recon.testing import GatewayDriver, Json, OrderScript, balance_row
from tests.support.properties import steady

D = Decimal
MAKER, TAKER = D("0.0002"), D("0.001")
RATES = st.integers(-25, 60).map(lambda points: D(points).scaleb(-4))
LEGS = st.decimals("0.01", "100000", places=2)


def sampled(rate: Decimal, leg: Decimal, *, quantum: str = "0.00000001") -> FeeSample:
    """What a fill of a leg received cost at a rate, as a venue rounds it."""
    return FeeSample(leg, ZERO, (rate * leg).quantize(D(quantum)), D(quantum))


# -- a schedule ------------------------------------------------------------------------------------------------------


def test_an_order_that_may_do_either_is_taken_for_a_maker_and_may_have_taken() -> None:
    rule = FeeRule(maker=MAKER, taker=TAKER)
    assert rates_of(rule, None) == (MAKER, TAKER)
    assert rates_of(rule, "maker") == (MAKER, MAKER)
    assert rates_of(rule, "taker") == (TAKER, TAKER)


@pytest.mark.parametrize("rule", [FeeRule(maker=TAKER), FeeRule(taker=TAKER)], ids=["maker alone", "taker alone"])
@pytest.mark.parametrize("kind", [None, "maker", "taker"])
def test_one_rate_of_a_line_holds_for_both(rule: FeeRule, kind: str | None) -> None:
    assert rates_of(rule, kind) == (TAKER, TAKER)


@pytest.mark.parametrize(
    ("time_in_force", "exec_inst", "kind"),
    [
        ("GOOD_TILL_CANCEL", None, None),
        (None, [], None),
        ("GOOD_TILL_CANCEL", ["MAKER_OR_CANCEL"], "maker"),
        ("GOOD_TILL_CANCEL", "POST_ONLY", "maker"),
        ("IMMEDIATE_OR_CANCEL", None, "taker"),
        ("FILL_OR_KILL", ["AUCTION_ONLY"], "taker"),
    ],
)
def test_an_order_tells_whether_it_makes_or_takes_where_its_instructions_leave_no_choice(
    time_in_force: str | None, exec_inst: list[str] | str | None, kind: str | None
) -> None:
    assert liquidity_of(time_in_force, exec_inst) == kind


def test_the_first_line_that_matches_and_names_a_rate_holds() -> None:
    rules = [FeeRule(symbol="BTCUSDT"), FeeRule(symbol="BTCUSDT", maker=MAKER), FeeRule(taker=TAKER)]
    assert rule_of(rules, "BTCUSDT", "SPOT") == rules[1]
    assert rule_of(rules, "ETHUSDT", "SPOT") == rules[2]
    assert rule_of(rules[:2], "ETHUSDT", "SPOT") is None


# -- what is learned -------------------------------------------------------------------------------------------------


@steady(80)
@given(RATES, st.lists(LEGS, min_size=FEE_SAMPLES, max_size=12))
def test_rules_2_4__the_rate_that_every_sample_bears_out_is_found_or_a_shorter_one_that_they_allow_too(
    rate: Decimal, legs: list[Decimal]
) -> None:
    with exact():
        samples = [sampled(rate, leg) for leg in legs]
        result = estimate([(sample, sample.received) for sample in samples])
        assert result is not None
        assert not result.half_width
        assert scale(result.share) <= scale(rate) or not rate
        for sample in samples:
            assert abs(sample.cost - result.share * sample.received) <= sample.error


@steady(60)
@given(st.decimals("-0.01", "0.01", places=9), st.decimals("0", "0.001", places=9))
def test_rule_4__no_decimal_between_two_bounds_has_fewer_digits_than_the_shortest(low: Decimal, width: Decimal) -> None:
    with exact():
        high = low + width
        result = shortest(low, high)
        assert low <= result <= high
        digits = max(scale(result.normalize()), 0)
        if result:
            step = ONE.scaleb(1 - digits)
            assert digits == 0 or (low / step).to_integral_value("ROUND_CEILING") * step > high
        else:
            assert low <= 0 <= high


def test_rule_2__a_second_rate_is_told_apart_where_samples_left_over_agree_on_it() -> None:
    legs = [D(f"{500 + 3 * index}.17") for index in range(10)]
    samples = [sampled(TAKER if index % 4 == 3 else MAKER, leg) for index, leg in enumerate(legs)]
    result = estimate([(sample, sample.received) for sample in samples])
    assert result is not None
    assert (result.share, result.half_width, result.alternate) == (MAKER, ZERO, TAKER)


def test_rule_3__while_no_rate_is_borne_out_nothing_is_learned_and_nothing_expected() -> None:
    model = FeeModel()
    for index in range(12):
        leg = D(500 + index)
        model = with_sample(model, FeeSample(leg, ZERO, D(index * index) / 100, D("1e-8")), entries=index)
    assert not model.learned
    assert model.cost_of(D(500)) == ZERO
    assert model.open_cost_of(D(500)) == (ZERO, ZERO)


def test_rule_1__a_cost_is_a_share_of_the_leg_by_its_side_and_the_other_rate_is_in_doubt() -> None:
    model = FeeModel(received=FeeRate(MAKER, alternate=TAKER), paid=FeeRate(TAKER))
    assert model.cost_of(D(500)) == D("0.1")
    assert model.open_cost_of(D(500)) == (ZERO, D("-0.4")), "the balance loses where the taker's rate was taken"
    assert model.cost_of(D(-500)) == D("0.5")
    assert model.open_cost_of(D(-500)) == (ZERO, ZERO)
    assert model.is_open
    assert not model.is_range


def test_a_habit_that_changed_swaps_the_two_rates_and_owes_nothing() -> None:
    model = swap_rates(
        FeeModel(received=FeeRate(MAKER, since_entry=7, backlog=MAKER, alternate=TAKER), paid=FeeRate(ZERO))
    )
    assert model.received == FeeRate(TAKER, since_entry=7, alternate=MAKER)
    assert model.paid == FeeRate(ZERO), "a side of one rate stays as it is"
    assert swap_rates(swap_rates(model)) == model


@steady(60)
@given(RATES, RATES, st.decimals("-100000", "100000", places=2))
def test_rule_1__expected_and_doubt_together_are_the_other_rate_of_a_leg(
    expected: Decimal, alternate: Decimal, leg: Decimal
) -> None:
    rate = FeeRate(expected, alternate=alternate)
    with exact():
        model = FeeModel(received=rate, paid=rate)
        _, spread = model.open_cost_of(leg)
        assert -model.cost_of(leg) + spread == -alternate * abs(leg)


# -- how they are booked ---------------------------------------------------------------------------------------------


def scheduled(more: dict[str, Json] | None = None, *, asset: str = "quote") -> GatewayDriver:
    """An account with a schedule, and a sale of it that is reported."""
    driver = GatewayDriver(Rules(defaults=AccountRules(fees=[FeeRule(maker=MAKER, taker=TAKER, asset=asset)])))
    driver.start(
        balance_row("BTC", "10", rate_usd=D(50000)),
        balance_row("USDT", "100000", rate_usd=D(1)),
        balance_row("BNB", "50", rate_usd=D(500)),
    )
    order = OrderScript("o1", [("0.01", "50000"), ("0.02", "50000")], side="SELL", placed_at=driver.now)
    order.extra = more or {}
    driver.report(order.report(2))
    return driver


def booked(driver: GatewayDriver, unit: str) -> list[Decimal]:
    return [entry.amount for entry in driver.entries(unit) if entry.cause == "fee"]


def test_each_fill_and_its_fee_are_one_step_whose_doubt_is_the_spread_of_the_schedule() -> None:
    driver = scheduled()
    line = driver.unit_state("USDT").timeline
    assert booked(driver, "USDT") == [D("-0.1"), D("-0.2")]
    assert line.totals[-3:] == [ZERO, D("499.9"), D("1499.7")], "a fill with its fee is one step"
    assert line.explained[-3:] == [ZERO, D("-0.1"), D("-0.3")]
    assert line.spreads_since(0, line.last()) == [D("-0.4"), D("-0.8")]
    assert line.fills_between(line.last() - 2, line.last()) == ((D(500), D(1000)), D("0.3"))
    assert not any(driver.unit_state("BTC").timeline.spreads)


@pytest.mark.parametrize(
    ("more", "fees"),
    [
        ({"exec_inst": ["MAKER_OR_CANCEL"]}, ["-0.1", "-0.2"]),
        ({"time_in_force": "IMMEDIATE_OR_CANCEL"}, ["-0.5", "-1"]),
    ],
    ids=["makes", "takes"],
)
def test_where_the_order_tells_its_liquidity_nothing_is_in_doubt(more: dict[str, Json], fees: list[str]) -> None:
    driver = scheduled(more)
    assert booked(driver, "USDT") == [D(fee) for fee in fees]
    line = driver.unit_state("USDT").timeline
    assert not line.spreads_since(0, line.last())


def test_a_scheduled_fee_in_a_third_asset_is_a_step_of_its_own_there_at_the_rates_last_told() -> None:
    driver = scheduled(asset="BNB")
    assert booked(driver, "BNB") == [D("-0.0002"), D("-0.0004")], "0.02 % of 500 and 1000 USD, at 500 USD for one"
    line = driver.unit_state("BNB").timeline
    assert line.totals[-3:] == [ZERO, D("-0.0002"), D("-0.0006")]
    assert not booked(driver, "USDT")
    assert driver.unit_state("USDT").timeline.totals[-3:] == [ZERO, D(500), D(1500)]
