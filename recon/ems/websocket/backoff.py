"""How long to wait before the next attempt: exponential, with full jitter and a cap.

Full jitter (a uniform draw between nothing and the ceiling) spreads the clients of a gateway that comes back.
The retry loop of the `stamina` library cannot be reset when a session has lived a while, nor be slower for
one kind of failure; hence this small formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

#: Doublings after which the ceiling is at its cap anyway.
MAX_DOUBLINGS = 30


@dataclass(slots=True)
class Backoff:
    """Delays in seconds, between `floor` and a ceiling that doubles; `draw` is uniform in [0, 1)."""

    base: float
    cap: float
    draw: Callable[[], float]
    floor: float = 0.0
    _failures: int = 0

    def reset(self) -> None:
        """Start anew, after a success."""
        self._failures = 0

    def next(self) -> float:
        """Return the delay after one more failure: at least `floor`, at most `cap`."""
        ceiling = min(self.cap, self.base * 2.0 ** min(self._failures, MAX_DOUBLINGS))
        self._failures += 1
        return self.floor + self.draw() * max(0.0, ceiling - self.floor)
