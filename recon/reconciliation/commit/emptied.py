"""Balances that all go to zero together: told row by row, it is what an empty list is. Pure (semantics 4.3)."""

from __future__ import annotations

from typing import Final

from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break

#: So many units are not emptied at once without a reason.
_SEVERAL: Final = 2
#: Reports of one moment lie within so many windows.
_WINDOWS: Final = 2


def case_of_emptied(context: ComparisonContext, fresh: Break) -> str | None:
    """Return the case of another unit that was emptied at the same time; None where there is none."""
    for state in context.ledger.units_of(context.unit.account):
        other = context.comparison_of(state)
        if other is None or not other.emptied_seq or state.unit.kind != context.unit.kind:
            continue
        for known in other.breaks:
            if known.step_seq == other.emptied_seq and abs(known.seen_us - fresh.seen_us) <= _WINDOWS * context.window:
                return known.case_id
    return None


def emptied_with_all(context: ComparisonContext, fresh: Break) -> bool:
    """True if a break empties its unit, and all that the account holds of this kind is told to be zero then."""
    unit = context.unit
    if context.comparison.reported or not unit.value or fresh.amount != -unit.value:
        return False  # what is left, or what is booked beside it, says that it was no outage
    held = 0
    for state in context.ledger.units_of(unit.account):
        other = context.comparison_of(state)
        if state.unit.kind != unit.kind or not state.unit.value or other is None:
            continue
        held += 1
        at_us = other.observed_us or 0
        if other.reported or abs(at_us - fresh.seen_us) > _WINDOWS * context.window:
            return False
    return held >= _SEVERAL
