"""The postings of a fill's fees, at a learned rate or at the rate of the venue's schedule. Pure (semantics 8.5).

1. A positive cost lowers the balance; a negative one (a rebate) raises it.
2. The uncertainty of a range, or of an alternate rate, is kept in the entry.
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ONE, ZERO, divide
from recon.ledger.fees.model import FEE_DIGITS, FEE_QUANTUM
from recon.ledger.posting.fill_entries import fill_posting
from recon.ledger.timeline import Uncertainty, leg_uncertainty
from recon.ledger.units import FEE, FillRef, Posting, UnitState


def learned_fee(state: UnitState, leg: Decimal, fill: FillRef) -> list[Posting]:
    """Return the expected fee of a signed leg, once the unit's rate is learned; nothing where there is no fee."""
    model = state.unit.fees.model
    cost, (half_width, spread) = model.cost_of(leg), model.open_cost_of(leg)
    if not (cost or half_width or spread):
        return []
    return [_fee(cost, Uncertainty(1, half_width + FEE_QUANTUM, rate_spread=spread), fill)]


def scheduled_fee(
    rates: tuple[Decimal, Decimal], worth: Decimal, fill: FillRef, *, error: Decimal = ZERO
) -> list[Posting]:
    """Return the scheduled fee on a fill's worth in a unit; `error` bounds the error of the worth.

    `rates` are the expected rate and the alternate rate that the schedule allows (semantics 8.5).
    """
    rate, alternate = rates
    cost = divide(rate * worth, ONE, FEE_DIGITS)
    spread = divide((rate - alternate) * worth, ONE, FEE_DIGITS)
    bound = max(abs(rate), abs(alternate)) * error + FEE_QUANTUM
    return [_fee(cost, Uncertainty(1, bound, rate_spread=spread), fill)]


def third_asset_fee(state: UnitState, worth: Decimal, fill: FillRef) -> list[Posting]:
    """Return the fee of a fill in the account's fee asset, in which the fill is worth so much.

    Until the rate is learned, an entry of zero carries the fill's turnover in that asset. Samples need the turnover.
    """
    model = state.unit.fees.model
    half_width, spread = model.open_cost_of(-worth)
    uncertainty = leg_uncertainty(-worth, rounded=1, price_error=half_width + FEE_QUANTUM, rate_spread=spread)
    return [_fee(model.cost_of(-worth), uncertainty, fill)]


def _fee(cost: Decimal, uncertainty: Uncertainty, fill: FillRef) -> Posting:
    return fill_posting(-cost, fill, uncertainty, cause=FEE, certainty="inferred")
