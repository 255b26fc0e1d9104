"""Quantities read in another unit, or on the other side. Pure.

1. What is reported is a power of ten, the contract's multiplier, or the other side of what the books hold; or what a
   fill did was so much more or less.
2. A coincidence with a number of few digits tells little: equal lots make them every day. That all that is held turns
   to the other side is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from recon.exact import ONE, divide, plain
from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext, shown, significant
from recon.reconciliation.model.break_ import Evidence

#: Powers of ten that are tried, either way.
MAX_POWER: Final = 8
#: The latest fills that are tried.
MAX_FLOWS: Final = 16
#: Significant digits from which a coincidence with what is held, or with one of many fills, is none.
TELLING_TOTAL: Final = 2
TELLING_FLOW: Final = 3


def unit_or_side(case: CaseContext) -> CauseMatch:
    """A quantity that is read in another unit, or on the other side."""
    own = case.own
    if own.expected and own.reported:
        for factor in _factors(case):
            if abs(own.reported - factor * own.expected) <= case.tolerance:
                why = f"{plain(own.reported)} is {_words(factor)} the {plain(own.expected)} that the books hold"
                telling = factor == -1 or significant(own.expected) >= TELLING_TOTAL
                seen = Evidence(why, own.until_seq, own.reported)
                return CauseMatch(Strength.STRONG if telling else Strength.LIKELY, why, (seen,))
    for flow in reversed(case.flows[-MAX_FLOWS:]):
        for factor in _factors(case):
            if flow.amount and abs(own.amount - (factor - 1) * flow.amount) <= case.tolerance:
                moved = plain(flow.amount + own.amount)
                why = f"a fill of {plain(flow.amount)} moved {moved}, {_words(factor)} as much"
                telling = significant(flow.amount) >= TELLING_FLOW
                seen = Evidence(why, flow.seq, flow.amount)
                return CauseMatch(Strength.LIKELY if telling else Strength.POSSIBLE, why, (seen,))
    return no_match("neither a power of ten, a multiplier nor the other side of what is held, or of a fill")


def _factors(case: CaseContext) -> Iterator[Decimal]:
    yield -ONE
    for contract in case.contracts:
        if contract.code == case.own.code and contract.multiplier and contract.multiplier != 1:
            yield contract.multiplier
            yield divide(ONE, contract.multiplier)
    for power in range(1, MAX_POWER + 1):
        yield ONE.scaleb(power)
        yield ONE.scaleb(-power)


def _words(factor: Decimal) -> str:
    return "the other side of" if factor == -1 else f"{shown(factor)} times"


UNIT_OR_SIDE: Final = Cause(
    "unit_or_side",
    meaning="a quantity is read in another unit, or on the other side: a mapping defect",
    floor="critical",
    advice="look at the contract's terms in the settings: multiplier, order_unit, position_unit",
    test=unit_or_side,
)
CAUSES: Final = (UNIT_OR_SIDE,)
