"""The venue's times of an account's fills: their resolution, and their translation to our clock. Pure (semantics 2.3).

Only this module assigns the fields of its part of an account.
"""

from __future__ import annotations

from typing import Final

import msgspec

from recon.ledger.legs import Stamp

#: Resolutions of times, in microseconds, the coarsest first.
RESOLUTIONS_US: Final = (1_000_000, 100_000, 10_000, 1_000, 1)


class Stamps(msgspec.Struct, gc=False):
    """What is known of the venue's times; `resolution_us` is the finest resolution seen, 0 before the first time."""

    resolution_us: int = 0

    def stamp(self, venue_us: int, arrived_us: int, *, skew_us: int) -> Stamp:
        """Return when a fill happened, by our clock, and learn from its time; nothing happens after its arrival.

        `venue_us` is the time that the venue told; `skew_us` is added for our clock. All are in microseconds.
        """
        resolution_us = resolution_of(venue_us)
        if not self.resolution_us or resolution_us < self.resolution_us:
            self.resolution_us = resolution_us
        return Stamp(min(venue_us + skew_us, arrived_us), self.resolution_us)


def resolution_of(us: int) -> int:
    """Return the coarsest resolution, in microseconds, that a time can have."""
    return next(each for each in RESOLUTIONS_US if us % each == 0)
