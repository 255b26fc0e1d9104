"""Actions in simulated time, in the same order on every run."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], object]


class EventQueue:
    """Runs actions by time, and actions of the same time in the order added. `now` is in ticks."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._count = 0
        self._waiting: list[tuple[int, int, Action]] = []

    def at(self, when: int, action: Action) -> None:
        """Add an action at a time; a time in the past means at once."""
        self._count += 1
        heapq.heappush(self._waiting, (max(when, self.now), self._count, action))

    def after(self, pause: int, action: Action) -> None:
        """Add an action after a number of ticks."""
        self.at(self.now + pause, action)

    def next_at(self) -> int | None:
        """Return the time of the next action; None if there is none."""
        return self._waiting[0][0] if self._waiting else None

    def run_until(self, when: int) -> None:
        """Run all actions up to a time, and set `now` to that time."""
        while self._waiting and self._waiting[0][0] <= when:
            self.now, _, action = heapq.heappop(self._waiting)
            action()
        self.now = max(self.now, when)


class Lanes:
    """Arrival times of delayed messages; each lane is first in, first out."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def arrival(self, lane: str, now: int, delay: int) -> int:
        """Return the arrival time in ticks."""
        at = max(now + delay, self._last.get(lane, 0) + 1)
        self._last[lane] = at
        return at

    def close(self, lane: str) -> None:
        """Forget a lane without pending messages."""
        self._last.pop(lane, None)
