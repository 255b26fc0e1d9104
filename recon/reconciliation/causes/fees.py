"""Fees and rebates: shares of the turnover of the fills near the origin. Pure (semantics 8.5).

1. A share below MIN_FEE_RATE is rounding; a share above the account's largest fee rate is no fee.
2. A scheduled rate that gives the amount to the last digit leaves no other reading.
3. If fills are already booked with their fee, a fee-like rest is a variance of that fee, up or down.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.display.worth import worth
from recon.exact import ZERO, divide
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext, FillFlow
from recon.reconciliation.causes.formatting import percent_text
from recon.reconciliation.model.break_ import Evidence

#: Why an expired fee candidate is no fee: a venue charges every fill.
_SEEN_ONCE: Final = "nothing like it was taken of the fills after it"
#: The smallest share of the turnover that can be a fee: a tenth of a basis point.
MIN_FEE_RATE: Final = Decimal("0.00001")


def _fee_expected(context: BreakContext) -> CauseMatch:
    if context.break_.amount > 0:
        return no_match("fees are debits; this is a credit")
    if context.was_fee_candidate:
        return no_match(_SEEN_ONCE)
    if context.fees_booked:
        return no_match("fills are posted with their fees already")
    return _fee_match(context, scheduled_only=bool(context.scheduled_rates))


def _fee_variance(context: BreakContext) -> CauseMatch:
    if not context.fees_booked and not context.scheduled_rates:
        return no_match("no fee rate is known to compare with")
    if not context.fees_booked and _scheduled_fee(context) is not None:
        return no_match(f"it is what the schedule says: see {FEE_EXPECTED.code}")
    return _fee_match(context, scheduled_only=False)


def _rebate(context: BreakContext) -> CauseMatch:
    if context.break_.amount < 0:
        return no_match("rebates are credits; this is a debit")
    if context.was_fee_candidate:
        return no_match(_SEEN_ONCE)
    return _fee_match(context, scheduled_only=False)


def _fee_third_asset(context: BreakContext) -> CauseMatch:
    break_ = context.break_
    if break_.amount > 0:
        return no_match("fees are debits of an asset; this is none")
    if context.flows:
        return no_match(f"fills around it move {break_.code} itself")
    turnovers = [abs(flow.turnover * flow.rate_usd) for flow in context.quote_flows if flow.rate_usd is not None]
    if break_.usd is None or not turnovers:
        return no_match("no fills around it, or no rates, to compare with")
    usd = abs(break_.usd)
    share = _fee_like_share(usd, turnovers, context.max_fee_rate)
    if share is None:
        return no_match(f"{worth(usd)} is no fee-like share of fills of {worth(sum(turnovers, ZERO))}")
    why = f"{shown(abs(break_.amount))} {break_.code} is {percent_text(share)} of what fills around it were worth"
    return CauseMatch(Strength.STRONG if context.is_fee_asset else Strength.POSSIBLE, why, (Evidence(why),))


def is_fee_like(context: BreakContext) -> bool:
    """True if the amount is a fee-like share of the turnover near the origin."""
    return _share_of_flows(context) is not None


def _fee_match(context: BreakContext, *, scheduled_only: bool) -> CauseMatch:
    break_ = context.break_
    amount = shown(abs(break_.amount))
    if not context.flows:
        return no_match(f"no fill around it moved {break_.code}")
    scheduled = None if context.fees_booked else _scheduled_fee(context)
    if scheduled is not None:
        flow, rate = scheduled
        why = f"{amount} is {percent_text(rate)}, as the schedule says, of {shown(abs(flow.turnover))}"
        return CauseMatch(Strength.EXACT, why, (Evidence(why, flow.seq, flow.turnover),))
    share = _share_of_flows(context)
    if share is None or scheduled_only:
        bounds = f"between {percent_text(MIN_FEE_RATE)} and {percent_text(context.max_fee_rate)}"
        expected = "a rate of the schedule" if scheduled_only else bounds
        return no_match(f"{amount} is not {expected} of what fills around it moved")
    why = f"{amount} is {percent_text(share)} of what fills around it moved"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, context.flows[-1].seq),))


def _scheduled_fee(context: BreakContext) -> tuple[FillFlow, Decimal] | None:
    """Return the fill, or the sum of all fills, and the scheduled rate that give the amount."""
    fee = -context.break_.amount
    for flow in _flows_and_sum(context):
        for rate in context.scheduled_rates:
            if rate and flow.turnover and abs(rate * abs(flow.turnover) - fee) <= context.tolerance:
                return flow, rate
    return None


def _flows_and_sum(context: BreakContext) -> list[FillFlow]:
    flows = [flow for flow in context.flows if not flow.fee_booked]
    if len(flows) > 1:
        total = sum((abs(flow.turnover) for flow in flows), ZERO)
        flows.append(FillFlow(context.break_.code, flows[-1].seq, total, total))
    return flows


def _share_of_flows(context: BreakContext) -> Decimal | None:
    turnovers = [abs(flow.turnover) for flow in context.flows]
    return _fee_like_share(abs(context.break_.amount), turnovers, context.max_fee_rate)


def _fee_like_share(amount: Decimal, turnovers: list[Decimal], max_rate: Decimal) -> Decimal | None:
    """Return the amount's share of all fills, else of the latest single fill, that is within the bounds of a fee."""
    for turnover in (sum(turnovers, ZERO), *reversed(turnovers)):
        if turnover and MIN_FEE_RATE <= (share := divide(amount, turnover)) <= max_rate:
            return share
    return None


FEE_EXPECTED: Final = Cause(
    "fee_expected",
    meaning="the fee of a fill whose report carries none",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=_fee_expected,
)
FEE_VARIANCE: Final = Cause(
    "fee_variance",
    meaning="a fee that differs from the known rate",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=_fee_variance,
)
FEE_THIRD_ASSET: Final = Cause(
    "fee_third_asset",
    meaning="the fee of a fill, charged in an asset that the fill does not move",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=_fee_third_asset,
)
REBATE: Final = Cause(
    "rebate",
    meaning="a fee paid back for adding liquidity",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="rebate",
    test=_rebate,
)
CAUSES: Final = (FEE_EXPECTED, FEE_VARIANCE, FEE_THIRD_ASSET, REBATE)
