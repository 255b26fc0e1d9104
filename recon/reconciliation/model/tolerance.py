"""The tolerance: how far a report may be from the ledger and still agree. Pure (semantics 6).

1. Total = max(computed, absolute, relative x |expected|, usd / rate); with no rate `usd` counts as 0.
2. Computed = what a sum of doubles may be off by, plus what rounding may have taken from cash entries since the last
   agreement.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from recon.exact import ZERO, divide, noise
from recon.ledger.rules import Tolerance


def computed_tolerance(reported: Decimal, slack: Decimal) -> Decimal:
    """Return the tolerance that follows from the numbers themselves."""
    return noise(reported) + slack if slack > ZERO else noise(reported)


class Bound(NamedTuple):
    """A tolerance, and what it follows from: `computed`, or the name of a setting."""

    amount: Decimal
    of: str


def total_tolerance(
    configured: Tolerance, *, reported: Decimal, expected: Decimal, slack: Decimal, rate_usd: Decimal | None
) -> Decimal:
    """Return the whole tolerance for one comparison, in the unit's own measure."""
    if not (configured.absolute or configured.relative or configured.usd):  # as nearly everywhere
        return noise(reported) if not slack else computed_tolerance(reported, slack)
    return largest_tolerance(configured, reported=reported, expected=expected, slack=slack, rate_usd=rate_usd).amount


def largest_tolerance(
    configured: Tolerance, *, reported: Decimal, expected: Decimal, slack: Decimal, rate_usd: Decimal | None
) -> Bound:
    """Return the whole tolerance for one comparison, with which of the values it is."""
    bound = Bound(computed_tolerance(reported, slack), "computed")
    if configured.absolute > bound.amount:
        bound = Bound(configured.absolute, "absolute")
    if configured.relative and (relative := configured.relative * abs(expected)) > bound.amount:
        bound = Bound(relative, "relative")
    if configured.usd and rate_usd and (usd := divide(configured.usd, rate_usd)) > bound.amount:
        bound = Bound(usd, "usd")
    return bound
