"""Legs without a balance row, and fills whose instrument is not known yet. Pure."""

from __future__ import annotations

from typing import Final

from recon.reconciliation.causes.cause import Cause, CauseMatch, Strength, no_match
from recon.reconciliation.causes.context import BreakContext
from recon.reconciliation.model.break_ import Evidence

#: Symbols named in a reason.
_MAX_NAMED: Final = 5


def _unmapped(context: BreakContext) -> CauseMatch:
    if context.unmapped_reason is not None:
        return CauseMatch(Strength.EXACT, context.unmapped_reason, (Evidence(context.unmapped_reason),))
    symbols = context.awaiting_instrument
    if symbols:
        named = ", ".join(symbols[:_MAX_NAMED]) + (" …" if len(symbols) > _MAX_NAMED else "")
        why = f"fills of {named} wait for their instrument"
        return CauseMatch(Strength.STRONG, why, (Evidence(why),))
    return no_match("every leg has its balance row")


UNMAPPED: Final = Cause(
    "unmapped",
    meaning="legs or symbols without a known balance row",
    applies_to="asset",
    floor="medium",
    advice="map the code to its balance row (`assets` of the account in the settings)",
    test=_unmapped,
)
CAUSES: Final = (UNMAPPED,)
