"""What is to happen when: a queue of actions in simulated time, deterministic in every tie."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], object]


class Agenda:
    """Actions in order of time, then of being put there. `now` is in ticks."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._count = 0
        self._waiting: list[tuple[int, int, Action]] = []

    def at(self, when: int, action: Action) -> None:
        """Put an action at a time; one that is past comes next."""
        self._count += 1
        heapq.heappush(self._waiting, (max(when, self.now), self._count, action))

    def after(self, pause: int, action: Action) -> None:
        """Put an action some ticks from now."""
        self.at(self.now + pause, action)

    def next_at(self) -> int | None:
        """Return when the next action is due."""
        return self._waiting[0][0] if self._waiting else None

    def run_until(self, when: int) -> None:
        """Do everything that is due up to a time, and be there."""
        while self._waiting and self._waiting[0][0] <= when:
            self.now, _, action = heapq.heappop(self._waiting)
            action()
        self.now = max(self.now, when)


class Queues:
    """First in, first out per lane: when a message sent now, with a delay, arrives."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def arrival(self, lane: str, now: int, delay: int) -> int:
        """Return the arrival time in ticks."""
        at = max(now + delay, self._last.get(lane, 0) + 1)
        self._last[lane] = at
        return at

    def close(self, lane: str) -> None:
        """Forget a lane that takes no more."""
        self._last.pop(lane, None)
