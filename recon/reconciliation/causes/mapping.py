"""Legs without a balance row, and fills whose instrument is not known yet. Pure."""

from __future__ import annotations

from typing import Final

from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import CaseContext
from recon.reconciliation.model.break_ import Evidence

#: Symbols named in a reason.
_MAX_NAMED: Final = 5


def unmapped(case: CaseContext) -> CauseMatch:
    """Legs, or whole symbols, that no balance row is known to be of."""
    if case.unmapped is not None:
        return CauseMatch(Strength.EXACT, case.unmapped, (Evidence(case.unmapped),))
    if case.waiting and case.own.kind == "asset":
        named = ", ".join(case.waiting[:_MAX_NAMED]) + (" …" if len(case.waiting) > _MAX_NAMED else "")
        why = f"fills of {named} wait for their instrument"
        return CauseMatch(Strength.STRONG, why, (Evidence(why),))
    return no_match("every leg has its balance row")


UNMAPPED: Final = Cause(
    "unmapped",
    meaning="legs or symbols that no balance row is known to be of",
    applies_to="asset",
    floor="medium",
    advice="tell which balance row is meant (`assets` of the account in the settings)",
    test=unmapped,
)
CAUSES: Final = (UNMAPPED,)
