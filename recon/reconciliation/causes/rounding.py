"""What is too small to be anything: rounding and dust. Pure (semantics 6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import plain
from recon.reconciliation.causes import advice
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext
from recon.reconciliation.model.break_ import Evidence

#: What is worth less, in USD, cannot be traded away: the smallest orders of venues are of 1 to 10 USD.
DUST_USD: Final = Decimal(1)


def rounding(case: CaseContext) -> CauseMatch:
    """Less than the smallest step of the unit's reports."""
    amount = abs(case.own.amount)
    if not case.quantum:
        return no_match("the smallest step of the unit is not known")
    if amount >= case.quantum:
        return no_match(f"{plain(amount)} is not less than a step of {plain(case.quantum)}")
    why = f"{plain(amount)} is less than a step of {plain(case.quantum)}; a persistent sign is a fee"
    return CauseMatch(Strength.STRONG, why, (Evidence(why, case.own.until_seq, case.own.amount),))


def dust(case: CaseContext) -> CauseMatch:
    """Less than can be traded, left over where the books are flat, or swept away."""
    own = case.own
    if own.expected and own.reported:
        return no_match("something is held, by the books and by the report")
    if own.usd is None:
        return no_match(f"the rate of {own.code} is not known")
    if abs(own.usd) > DUST_USD:
        return no_match(f"{plain(abs(own.usd))} USD is more than {plain(DUST_USD)}")
    why = f"{plain(abs(own.usd))} USD, where {'nothing is booked' if not own.expected else 'nothing is left'}"
    return CauseMatch(Strength.LIKELY, why, (Evidence(why, own.until_seq, own.amount),))


ROUNDING: Final = Cause(
    "rounding",
    meaning="less than the smallest step of the unit",
    advice=advice.PRECISION,
    test=rounding,
)
DUST: Final = Cause(
    "dust",
    meaning="less than can be traded, left over or swept away",
    advice=advice.PRECISION,
    test=dust,
)
CAUSES: Final = (ROUNDING, DUST)
