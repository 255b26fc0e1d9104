"""Fees and rebates: shares of what fills around the origin moved. Pure (semantics 8.5).

1. A share below FEE_FROM is rounding, one above what may be learned is no fee.
2. A rate of the schedule that gives the amount to the last digit leaves no other reading.
3. Where fills are booked with their fee already, what is left over is a variance of it, either way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide, plain
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext, Flow, percent
from recon.reconciliation.model.break_ import Evidence

#: Why what was in suspense is no fee of a venue's.
ONCE: Final = "nothing like it was taken of the fills after it"
#: The smallest share of a leg that is taken for a fee: a tenth of a basis point.
FEE_FROM: Final = Decimal("0.00001")


def fee_expected(case: CaseContext) -> CauseMatch:
    """The fee of fills, which their reports do not carry."""
    if case.own.amount > 0:
        return no_match("a fee takes, and this came in")
    if case.waited:
        return no_match(ONCE)
    if case.fee_booked:
        return no_match("fills are booked with their fee already")
    return _share(case, known_only=bool(case.schedule))


def fee_variance(case: CaseContext) -> CauseMatch:
    """A fee other than the one that is known."""
    if not case.fee_booked and not case.schedule:
        return no_match("no rate is known that it could differ from")
    if not case.fee_booked and _scheduled(case) is not None:
        return no_match(f"it is what the schedule says: see {FEE_EXPECTED.code}")
    return _share(case, known_only=False)


def rebate(case: CaseContext) -> CauseMatch:
    """A fee paid back for adding liquidity."""
    if case.own.amount < 0:
        return no_match("a rebate pays, and this went out")
    if case.waited:
        return no_match(ONCE)
    return _share(case, known_only=False)


def fee_third_asset(case: CaseContext) -> CauseMatch:
    """The fee of fills, taken in an asset that they do not move."""
    own = case.own
    if own.kind != "asset" or own.amount > 0:
        return no_match("a fee takes an asset, and this is none that went out")
    if case.flows:
        return no_match(f"fills around it move {own.code} itself")
    usd = None if own.usd is None else abs(own.usd)
    worth = [abs(flow.leg * flow.rate_usd) for flow in case.traded if flow.rate_usd is not None]
    if usd is None or not worth:
        return no_match("no fills around it, or no rates, to compare with")
    share = _fitting_share(usd, worth, case.learn_up_to)
    if share is None:
        return no_match(f"{plain(usd)} USD is no fee-like share of fills of {plain(sum(worth, ZERO))} USD")
    why = f"{plain(abs(own.amount))} {own.code} is {percent(share)} of what fills around it were worth"
    return CauseMatch(Strength.STRONG if case.fee_asset else Strength.POSSIBLE, why, (Evidence(why),))


def is_fee_like(case: CaseContext) -> bool:
    """Tell whether the amount is a fee-like share of what fills around it moved."""
    return _share_of_flows(case) is not None


def _share(case: CaseContext, *, known_only: bool) -> CauseMatch:
    own = case.own
    if own.kind != "asset" or not case.flows:
        return no_match(f"no fill around it moved {own.code}")
    scheduled = _scheduled(case) if not case.fee_booked else None
    if scheduled is not None:
        flow, rate = scheduled
        why = f"{plain(abs(own.amount))} is {percent(rate)}, as the schedule says, of {plain(abs(flow.leg))}"
        return CauseMatch(Strength.EXACT, why, (Evidence(why, flow.seq, flow.leg),))
    share = _share_of_flows(case)
    if share is None or known_only:
        most = percent(case.learn_up_to)
        wanted = "a rate of the schedule" if known_only else f"between {percent(FEE_FROM)} and {most}"
        return no_match(f"{plain(abs(own.amount))} is not {wanted} of what fills around it moved")
    why = f"{plain(abs(own.amount))} is {percent(share)} of what fills around it moved"
    return CauseMatch(Strength.POSSIBLE, why, (Evidence(why, case.flows[-1].seq),))


def _scheduled(case: CaseContext) -> tuple[Flow, Decimal] | None:
    """Return the fill, or all of them as one, and the rate of the schedule that give the amount."""
    flows = [flow for flow in case.flows if not flow.charged]
    cost, total = -case.own.amount, sum((abs(flow.leg) for flow in flows), ZERO)
    together = [Flow(case.own.code, flows[-1].seq, total, total)] if len(flows) > 1 else []
    for flow in (*flows, *together):
        for rate in case.schedule:
            if rate and flow.leg and abs(rate * abs(flow.leg) - cost) <= case.tolerance:
                return flow, rate
    return None


def _share_of_flows(case: CaseContext) -> Decimal | None:
    return _fitting_share(abs(case.own.amount), [abs(flow.leg) for flow in case.flows], case.learn_up_to)


def _fitting_share(amount: Decimal, legs: list[Decimal], most: Decimal) -> Decimal | None:
    """Return the share of all fills, else of the latest single one, that is within the bounds of a fee."""
    for leg in (sum(legs, ZERO), *reversed(legs)):
        if leg and FEE_FROM <= (share := divide(amount, leg)) <= most:
            return share
    return None


FEE_EXPECTED: Final = Cause(
    "fee_expected",
    meaning="the fee of a fill, which no report carries",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=fee_expected,
)
FEE_VARIANCE: Final = Cause(
    "fee_variance",
    meaning="a fee other than the one that is known",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=fee_variance,
)
FEE_THIRD_ASSET: Final = Cause(
    "fee_third_asset",
    meaning="the fee of a fill, taken in an asset that it does not move",
    applies_to="asset",
    advice=advice.FEE_SCHEDULE,
    booked_as="fee",
    test=fee_third_asset,
)
REBATE: Final = Cause(
    "rebate",
    meaning="a fee paid back, for adding liquidity",
    applies_to="asset",
    advice=advice.STATEMENT,
    booked_as="rebate",
    test=rebate,
)
CAUSES: Final = (FEE_EXPECTED, FEE_VARIANCE, FEE_THIRD_ASSET, REBATE)
