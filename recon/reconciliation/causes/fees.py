"""Fees and rebates: shares of what fills around the origin moved. Pure (semantics 8.5).

1. A share below FEE_FROM is rounding, one above what may be learned is no fee.
2. A rate of the schedule that gives the amount to the last digit leaves no other reading.
3. Where fills are booked with their fee already, what is left over is a variance of it, either way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, divide, plain
from recon.reconciliation.causes.context import CaseContext, Flow, Opinion, Strength, no, percent
from recon.reconciliation.model import cause_codes
from recon.reconciliation.model.break_ import Evidence

#: Why what was in suspense is no fee of a venue's.
ONCE: Final = "nothing like it was taken of the fills after it"
#: The smallest share of a leg that is taken for a fee: a tenth of a basis point.
FEE_FROM: Final = Decimal("0.00001")


def fee_expected(case: CaseContext) -> Opinion:
    """The fee of fills, which their reports do not carry."""
    cause = cause_codes.FEE_EXPECTED
    if case.own.amount > 0:
        return no(cause, "a fee takes, and this came in")
    if case.waited:
        return no(cause, ONCE)
    if case.fee_booked:
        return no(cause, "fills are booked with their fee already")
    return _share(case, cause, known_only=bool(case.schedule))


def fee_variance(case: CaseContext) -> Opinion:
    """A fee other than the one that is known."""
    cause = cause_codes.FEE_VARIANCE
    if not case.fee_booked and not case.schedule:
        return no(cause, "no rate is known that it could differ from")
    if not case.fee_booked and _scheduled(case) is not None:
        return no(cause, f"it is what the schedule says: see {cause_codes.FEE_EXPECTED}")
    return _share(case, cause, known_only=False)


def rebate(case: CaseContext) -> Opinion:
    """A fee paid back for adding liquidity."""
    cause = cause_codes.REBATE
    if case.own.amount < 0:
        return no(cause, "a rebate pays, and this went out")
    if case.waited:
        return no(cause, ONCE)
    return _share(case, cause, known_only=False)


def fee_third_asset(case: CaseContext) -> Opinion:
    """The fee of fills, taken in an asset that they do not move."""
    cause, own = cause_codes.FEE_THIRD_ASSET, case.own
    if own.kind != "asset" or own.amount > 0:
        return no(cause, "a fee takes an asset, and this is none that went out")
    if case.flows:
        return no(cause, f"fills around it move {own.code} itself")
    usd = None if own.usd is None else abs(own.usd)
    worth = [abs(flow.leg * flow.rate_usd) for flow in case.traded if flow.rate_usd is not None]
    if usd is None or not worth:
        return no(cause, "no fills around it, or no rates, to compare with")
    share = _fitting_share(usd, worth, case.learn_up_to)
    if share is None:
        return no(cause, f"{plain(usd)} USD is no fee-like share of fills of {plain(sum(worth, ZERO))} USD")
    why = f"{plain(abs(own.amount))} {own.code} is {percent(share)} of what fills around it were worth"
    return Opinion(cause, Strength.STRONG if case.fee_asset else Strength.POSSIBLE, why, (Evidence(why),))


def is_fee_like(case: CaseContext) -> bool:
    """Tell whether the amount is a fee-like share of what fills around it moved."""
    return _share_of_flows(case) is not None


def _share(case: CaseContext, cause: str, *, known_only: bool) -> Opinion:
    own = case.own
    if own.kind != "asset" or not case.flows:
        return no(cause, f"no fill around it moved {own.code}")
    scheduled = _scheduled(case) if not case.fee_booked else None
    if scheduled is not None:
        flow, rate = scheduled
        why = f"{plain(abs(own.amount))} is {percent(rate)}, as the schedule says, of {plain(abs(flow.leg))}"
        return Opinion(cause, Strength.EXACT, why, (Evidence(why, flow.seq, flow.leg),))
    share = _share_of_flows(case)
    if share is None or known_only:
        most = percent(case.learn_up_to)
        wanted = "a rate of the schedule" if known_only else f"between {percent(FEE_FROM)} and {most}"
        return no(cause, f"{plain(abs(own.amount))} is not {wanted} of what fills around it moved")
    why = f"{plain(abs(own.amount))} is {percent(share)} of what fills around it moved"
    return Opinion(cause, Strength.POSSIBLE, why, (Evidence(why, case.flows[-1].seq),))


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
