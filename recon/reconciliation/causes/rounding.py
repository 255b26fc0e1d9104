"""Amounts too small to be anything else: rounding and dust. Pure (semantics 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.display.worth import worth
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.model.break_ import Evidence

#: An amount worth less, in USD, cannot be traded: the smallest orders of venues are worth 1 to 10 USD.
DUST_USD: Final = Decimal(1)


def _rounding(context: BreakContext) -> CauseMatch:
    amount = abs(context.break_.amount)
    if not context.quantum:
        return no_match("the smallest step of the unit is not known")
    if amount >= context.quantum:
        return no_match(f"{shown(amount)} is not less than a step of {shown(context.quantum)}")
    why = f"{shown(amount)} is less than a step of {shown(context.quantum)}; a persistent sign is a fee"
    return CauseMatch(Strength.STRONG, why, (Evidence(why, context.break_.until_seq, context.break_.amount),))


def _dust(context: BreakContext) -> CauseMatch:
    break_ = context.break_
    if break_.expected and break_.reported:
        return no_match("neither the ledger nor the report is zero")
    if break_.usd is None:
        return no_match(f"the rate of {break_.code} is not known")
    if abs(break_.usd) > DUST_USD:
        return no_match(f"{worth(abs(break_.usd))} is more than {worth(DUST_USD)}")
    why = f"{worth(abs(break_.usd))}, where {'nothing is left' if break_.expected else 'nothing is booked'}"
    return CauseMatch(Strength.LIKELY, why, (Evidence(why, break_.until_seq, break_.amount),))


ROUNDING: Final = Cause(
    "rounding",
    meaning="less than the smallest step of the unit",
    advice=advice.PRECISION,
    test=_rounding,
)
DUST: Final = Cause(
    "dust",
    meaning="less than the smallest order, left over or swept away",
    advice=advice.PRECISION,
    test=_dust,
)
CAUSES: Final = (ROUNDING, DUST)
