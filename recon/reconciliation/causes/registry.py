"""All causes, in the order of their tests. Pure (semantics 8, architecture 4).

1. Of equally strong causes the first one is shown, so the order of the families and of the causes in them matters.
2. Each cause is one record in the file of its family; a new family is one line here.
"""

from __future__ import annotations

from typing import Final

from recon.ledger.facts.matching import family_of
from recon.reconciliation.causes import (
    derivatives,
    fees,
    fills,
    integrity,
    mapping,
    measure,
    periodic,
    rounding,
    transfers,
    untested,
)
from recon.reconciliation.causes.cause import Cause
from recon.reconciliation.model.severity import Severity

#: The version of the tests, kept with each break.
VERSION: Final = 3

#: Every cause by its code, from the most to the least certain family.
CAUSES: Final[dict[str, Cause]] = {
    cause.code: cause
    for cause in (
        untested.IN_FLIGHT,
        untested.STALE_SOURCE,
        *integrity.CAUSES,
        *fills.CAUSES,
        *fees.CAUSES,
        *periodic.CAUSES,
        *transfers.CAUSES,
        *derivatives.CAUSES,
        *measure.CAUSES,
        *rounding.CAUSES,
        *mapping.CAUSES,
        untested.UNEXPLAINED,
    )
}


def floor_of(code: str) -> Severity:
    """Return the lowest severity of a cause; a person may have proposed one that has no record."""
    cause = CAUSES.get(code)
    return "info" if cause is None else cause.floor


def replaceable_causes(posted: str) -> frozenset[str]:
    """Return the causes of the entries that an external fact posted under this cause may replace."""
    family = family_of(posted)
    return family.union(cause.code for cause in CAUSES.values() if cause.booked_as in family)
