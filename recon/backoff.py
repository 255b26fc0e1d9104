"""How long to wait before the next attempt: exponential backoff with jitter. Pure: the random source is passed in.

`stamina` and `tenacity` own the loop that retries. Here a success long after the start resets the count, a stored
count outlives a crash, and one kind of failure is retried more slowly than another. Only the arithmetic is shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Doublings after which every delay has reached its maximum; more would overflow.
MAX_DOUBLINGS: Final = 30


def no_jitter() -> float:
    """Return the upper end of every range: the delays grow without any randomness."""
    return 1.0


def delay_after(
    failures: int,
    *,
    first: float,
    longest: float,
    draw: Callable[[], float] = no_jitter,
    jitter: float = 1.0,
    floor: float = 0.0,
) -> float:
    """Return the delay after a number of failures in a row (1, 2, 3 …), in the unit of `first` and `longest`.

    The ceiling is `first`, doubled with each further failure, up to `longest`. `jitter` is the share of the ceiling
    that is random: 1 spreads clients best, 0.5 keeps at least half of the delay. No delay is shorter than `floor`.
    `draw` returns numbers uniform in [0, 1).
    """
    ceiling = min(longest, first * 2.0 ** min(max(failures - 1, 0), MAX_DOUBLINGS))
    lowest = max(floor, (1.0 - jitter) * ceiling)
    return lowest + draw() * max(0.0, ceiling - lowest)


@dataclass(slots=True)
class Backoff:
    """The delays of one retry loop, growing with each failure until `reset`; see `delay_after`."""

    first: float
    longest: float
    draw: Callable[[], float] = no_jitter
    jitter: float = 1.0
    floor: float = 0.0
    #: How often the attempt failed in a row.
    failures: int = 0

    def reset(self) -> None:
        """Start again from the first delay, after a success."""
        self.failures = 0

    def next(self) -> float:
        """Count one more failure and return the delay before the next attempt."""
        self.failures += 1
        return delay_after(
            self.failures,
            first=self.first,
            longest=self.longest,
            draw=self.draw,
            jitter=self.jitter,
            floor=self.floor,
        )
