"""Quantities read in another unit, or on the wrong side. Pure.

1. The reported quantity is the expected one times a power of ten or the contract's multiplier, or has the other sign;
   or one fill was booked with such a factor.
2. Where the price moved the other way with it, any factor is one: the coin was split, or counted anew.
3. Equal numbers of few digits are often a coincidence: equal lots are common. A position that turns to the other side
   is never one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ONE, divide
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.causes.formatting import number_text, significant_digits
from recon.reconciliation.model.break_ import Evidence

#: Powers of ten that are tried, up and down.
MAX_POWER: Final = 8
#: Fills that are tried, the latest.
MAX_FLOWS: Final = 16
#: A quantity that is counted anew is worth as much as before, within this share.
SAME_VALUE: Final = Decimal("0.05")
_FACTOR_DIGITS: Final = 6
#: Significant digits from which an equal number is no coincidence: of the whole holding, and of one of many fills.
_TELLING_TOTAL_DIGITS: Final = 2
_TELLING_FLOW_DIGITS: Final = 3


def _unit_or_side(context: BreakContext) -> CauseMatch:
    match = _counted_anew(context) or _holding_misread(context) or _fill_misread(context)
    return match or no_match("neither a power of ten, a multiplier nor the other side of what is held, or of a fill")


def _counted_anew(context: BreakContext) -> CauseMatch | None:
    """Match a quantity that was multiplied while its price was divided by as much."""
    break_, moved = context.break_, context.rate_step
    expected, reported = break_.expected, break_.reported
    if moved is None or not expected or not reported or (expected > 0) != (reported > 0):
        return None
    if moved.us < break_.after_us - context.window_us:
        return None
    before, after = abs(expected) * moved.before, abs(reported) * moved.after
    if abs(before - after) > SAME_VALUE * before:
        return None
    factor = divide(reported, expected, _FACTOR_DIGITS)
    why = (
        f"{shown(reported)} is {number_text(factor)} times the {shown(expected)} that the books hold, and its price"
        f" went from {number_text(moved.before)} to {number_text(moved.after)} USD"
    )
    return CauseMatch(Strength.STRONG, why, (Evidence(why, break_.until_seq, reported),))


def _holding_misread(context: BreakContext) -> CauseMatch | None:
    break_ = context.break_
    expected, reported = break_.expected, break_.reported
    if not expected or not reported:
        return None
    for factor in _factors(context):
        if abs(reported - factor * expected) <= context.tolerance:
            why = f"{shown(reported)} is {_factor_text(factor)} the {shown(expected)} that the books hold"
            telling = factor == -1 or significant_digits(expected) >= _TELLING_TOTAL_DIGITS
            evidence = Evidence(why, break_.until_seq, reported)
            return CauseMatch(Strength.STRONG if telling else Strength.LIKELY, why, (evidence,))
    return None


def _fill_misread(context: BreakContext) -> CauseMatch | None:
    amount = context.break_.amount
    for flow in reversed(context.flows[-MAX_FLOWS:]):
        for factor in _factors(context):
            if flow.amount and abs(amount - (factor - 1) * flow.amount) <= context.tolerance:
                moved = shown(flow.amount + amount)
                why = f"a fill of {shown(flow.amount)} moved {moved}, {_factor_text(factor)} as much"
                telling = significant_digits(flow.amount) >= _TELLING_FLOW_DIGITS
                evidence = Evidence(why, flow.seq, flow.amount)
                return CauseMatch(Strength.LIKELY if telling else Strength.POSSIBLE, why, (evidence,))
    return None


def _factors(context: BreakContext) -> Iterator[Decimal]:
    yield -ONE
    for contract in context.contracts:
        if contract.code == context.break_.code and contract.multiplier and contract.multiplier != 1:
            yield contract.multiplier
            yield divide(ONE, contract.multiplier)
    for power in range(1, MAX_POWER + 1):
        yield ONE.scaleb(power)
        yield ONE.scaleb(-power)


def _factor_text(factor: Decimal) -> str:
    return "the other side of" if factor == -1 else f"{number_text(factor)} times"


UNIT_OR_SIDE: Final = Cause(
    "unit_or_side",
    meaning="a quantity read in another unit, or on the wrong side: a mapping defect",
    floor="critical",
    advice="check the contract's terms in the settings: multiplier, order_unit, position_unit",
    test=_unit_or_side,
)
CAUSES: Final = (UNIT_OR_SIDE,)
