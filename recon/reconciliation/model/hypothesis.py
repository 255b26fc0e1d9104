"""A residual that observations allow, and the bounds of looking for one. Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO

#: Residuals that one chain carries as candidates.
MAX_CANDIDATES: Final = 128
#: Cuts that one observation is held against, at most: half before it and half after. A unit with more entries in a
#: window is judged by the nearest.
MAX_CUTS: Final = 128
#: Fees of which it is open which of two rates was taken, at most, that all combinations are tried of.
MAX_DOUBTS: Final = 8
#: Reports in a row, each just what is booked, after which an opening is beyond doubt (the total must have turned).
OPENING_HITS: Final = 12
OPENING_TURNS: Final = 2
#: Observations that a candidate may miss before it must fit three times as many.
MAX_MISSES: Final = 2
#: Reports that an opening is weighed by, at most: the latest.
MAX_HEARD: Final = 32
#: An observation that an opening fits only within tolerance counts as far away as this share of a window.
ROUGH_SHARE: Final = 4
#: One that it fits only if a fee not known yet was taken counts as so many of those.
ROUGH_FEE: Final = 3
#: Cuts of one report that an opening is looked for at, the nearest in time; and candidates that are carried.
NEAR_CUTS: Final = 12
MAX_OPENINGS: Final = 48
#: How far ahead of all others an opening's best candidate must be while things are in motion, in windows of lag.
OPENING_LEAD: Final = 4


class Hypothesis(msgspec.Struct, gc=False):
    """A residual that observations allow, and how well it has done since the one that first allowed it."""

    residual: Decimal
    #: The entry after which its latest cut was.
    low: int
    #: The entry after which its first cut was, and where and when the observation was.
    origin: int
    since: int
    since_seq: int
    since_us: int
    #: Contracts: the average entry price reported with that observation.
    price: Decimal | None = None
    fits: int = 1
    misses: int = 0
    #: How many of the fits were not exact but within tolerance; one with a fee not known yet counts ROUGH_FEE times.
    inexact_fits: int = 0
    #: How far in time, in all, the cuts that fit were from their observations: the truth is seldom far.
    distance: int = 0
    #: Whether it fits the latest observation.
    fitting: bool = True
    #: How much nearer in time the cut it fits was than any other that fits, at best; which cut that was the last time,
    #: and the average entry price reported then.
    margin: int = -1
    latest: int = 0
    latest_price: Decimal | None = None
    #: What fees in doubt came to since its first cut, beyond what is booked, and up to which entry.
    accrued_fees: Decimal = ZERO
    mark: int = 0

    @property
    def score(self) -> int:
        """Weigh fits against misses: reports that cross each other make even the truth miss now and then."""
        return self.fits - 2 * self.misses

    @property
    def exhausted(self) -> bool:
        """Tell whether it has missed too often to be the truth."""
        return self.misses > MAX_MISSES and 3 * self.misses > self.fits


class FrontRunner(msgspec.Struct, gc=False):
    """The opening under which the latest reports are exactly what is booked, one after the other."""

    residual: Decimal
    number: int
    price: Decimal | None
    total: Decimal
    hits: int = 0
    turns: int = 0
    rising: bool | None = None
