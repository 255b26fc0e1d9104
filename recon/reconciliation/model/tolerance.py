"""The tolerance: how far a report may be from the ledger and still agree. Pure (semantics 6).

1. Total = max(computed, absolute, relative x |expected|, usd / rate); with no rate `usd` counts as 0.
2. Computed = what a sum of doubles may be off by, plus what rounding may have taken from cash entries since the last
   agreement.
"""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO, divide, noise
from recon.ledger.rules import Tolerance


def computed_tolerance(reported: Decimal, slack: Decimal) -> Decimal:
    """Return the tolerance that follows from the numbers themselves."""
    return noise(reported) + max(slack, ZERO)


def total_tolerance(
    configured: Tolerance, *, reported: Decimal, expected: Decimal, slack: Decimal, rate_usd: Decimal | None
) -> Decimal:
    """Return the whole tolerance for one comparison, in the unit's own measure."""
    bound = max(computed_tolerance(reported, slack), configured.absolute)
    if configured.relative:
        bound = max(bound, configured.relative * abs(expected))
    if configured.usd and rate_usd:
        bound = max(bound, divide(configured.usd, rate_usd))
    return bound
