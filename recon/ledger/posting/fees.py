"""Post the fees of fills, at a learned rate or at the rate of the venue's schedule. Pure (semantics 8.5).

The uncertainty of a range, or of an alternate rate, is kept in the entry.
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ONE, ZERO, divide
from recon.ledger.fees.model import FEE_DIGITS, FEE_QUANTUM
from recon.ledger.ledger import Ledger
from recon.ledger.posting.fill_entries import fill_posting, post_fill
from recon.ledger.timeline import Uncertainty
from recon.ledger.units import FEE, FillRef, UnitState
from recon.times import LogTime


def post_cost(
    ledger: Ledger, state: UnitState, cost: Decimal, uncertainty: Uncertainty, fill: FillRef, at: LogTime
) -> None:
    """Post an inferred fee; a positive cost lowers the balance, a negative one (a rebate) raises it."""
    posting = fill_posting(-cost, fill, uncertainty, cause=FEE, certainty="inferred")
    post_fill(ledger, state, posting, at)


def post_learned_fee(ledger: Ledger, state: UnitState, leg: Decimal, fill: FillRef, at: LogTime) -> None:
    """Post the expected fee of a signed leg, once the unit's rate is learned."""
    model = state.unit.fees.model
    cost, (half_width, spread) = model.cost_of(leg), model.open_cost_of(leg)
    if cost or half_width or spread:
        post_cost(ledger, state, cost, Uncertainty(1, half_width + FEE_QUANTUM, rate_spread=spread), fill, at)


def post_scheduled_fee(
    ledger: Ledger,
    state: UnitState,
    rates: tuple[Decimal, Decimal],
    worth: Decimal,
    fill: FillRef,
    at: LogTime,
    *,
    error: Decimal = ZERO,
) -> None:
    """Post a scheduled fee on a fill's worth in a unit; `error` bounds the error of the worth.

    `rates` are the expected rate and the alternate rate that the schedule allows (semantics 8.5).
    """
    rate, alternate = rates
    cost = divide(rate * worth, ONE, FEE_DIGITS)
    spread = divide((rate - alternate) * worth, ONE, FEE_DIGITS)
    uncertainty = Uncertainty(1, max(abs(rate), abs(alternate)) * error + FEE_QUANTUM, rate_spread=spread)
    post_cost(ledger, state, cost, uncertainty, fill, at)
