"""The venue's times of an account's fills: resolution, and how far the venue's clock is ahead. Pure (semantics 2.7).

1. The resolution is the finest one seen: a time on a whole second by chance does not make it coarser.
2. If the last fills all arrived before they happened, the venue's clock is ahead. If they all arrived more than half a
   settlement window after, it is behind. Their delays must agree within a window: fills that were sent late do not.
3. The smallest delay becomes zero then, so that no fill happens after its arrival.
4. Only this module assigns the fields of its part of an account.
"""

from __future__ import annotations

from typing import Final

import msgspec

from recon.ledger.legs import Stamp

#: Resolutions of times, in microseconds, the coarsest first.
RESOLUTIONS_US: Final = (1_000_000, 100_000, 10_000, 1_000, 1)
#: Fills whose delays must agree on a wrong clock of the venue.
CLOCK_FILLS: Final = 32
#: The largest difference of clocks, in microseconds: a time further off is no running clock.
MAX_AHEAD_US: Final = 86_400_000_000


class Stamps(msgspec.Struct, gc=False, array_like=True):
    """What is known of the venue's times; all fields are in microseconds."""

    #: The finest resolution seen; 0 before the first time.
    resolution_us: int = 0
    #: How far the venue's clock is ahead of ours, the EMS's skew aside; negative if it is behind.
    ahead_us: int = 0
    #: How long after their stamps the last fills arrived, at most CLOCK_FILLS.
    delays_us: list[int] = []

    def stamp(self, venue_us: int, arrived_us: int, *, skew_us: int) -> Stamp:
        """Return when a fill happened by our clock, at the latest at its arrival; learn the resolution.

        `venue_us` is the time that was told, and `skew_us` is added for our clock.
        """
        known_us = self.resolution_us
        if known_us != RESOLUTIONS_US[-1]:  # nothing is finer
            resolution_us = resolution_of(venue_us)
            self.resolution_us = min(known_us, resolution_us) if known_us else resolution_us
        return Stamp(min(venue_us + skew_us - self.ahead_us, arrived_us), self.resolution_us)

    def note_delay(self, venue_us: int, arrived_us: int, window_us: int, *, skew_us: int) -> None:
        """Note how long a fill took that was reported at once, and learn by how much the venue's clock is wrong."""
        delay = arrived_us - (venue_us + skew_us - self.ahead_us)
        delays = [*self.delays_us[1 - CLOCK_FILLS :], delay]
        if 0 <= delay <= window_us // 2:  # a clock that tells such a delay is not wrong
            self.delays_us = delays
            return
        low, high = min(delays), max(delays)
        wrong = high < 0 or low > window_us // 2
        if len(delays) < CLOCK_FILLS or not wrong or high - low > window_us + self.resolution_us:
            self.delays_us = delays
            return
        self.ahead_us = max(-MAX_AHEAD_US, min(self.ahead_us - low, MAX_AHEAD_US))
        self.delays_us = []


def resolution_of(us: int) -> int:
    """Return the coarsest resolution, in microseconds, that a time can have."""
    return next(each for each in RESOLUTIONS_US if us % each == 0)
