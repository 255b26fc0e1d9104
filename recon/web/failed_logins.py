"""How often a login may fail: a bound for each key, such as an address, within a time. Pure.

An attempt counts as failed from its beginning until it succeeds, so attempts at the same time cannot pass the bound.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final

#: Most failures of one key within WINDOW_SECONDS.
MAX_FAILURES: Final = 10
WINDOW_SECONDS: Final = 60.0
#: Most keys that are remembered; beyond that the one that failed longest ago is forgotten.
MAX_KEYS: Final = 10_000


class FailedLogins:
    """The failures of the last minute, by key; `at` is a steady time in seconds."""

    def __init__(self) -> None:
        """Begin without any."""
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, keys: Sequence[str], at: float) -> float:
        """Return for how many seconds the keys must wait; 0: they may try now."""
        waits = [0.0]
        for key in keys:
            failures = self._failures.get(key, deque())
            while failures and failures[0] <= at - WINDOW_SECONDS:
                failures.popleft()
            if len(failures) >= MAX_FAILURES:
                waits.append(failures[0] + WINDOW_SECONDS - at)
        return max(waits)

    def begin(self, keys: Sequence[str], at: float) -> None:
        """Count an attempt as failed."""
        for key in keys:
            self._failures.setdefault(key, deque(maxlen=MAX_FAILURES)).append(at)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeed(self, keys: Sequence[str]) -> None:
        """Take back the last attempt of the keys."""
        for key in keys:
            failures = self._failures.get(key)
            if failures:
                failures.pop()
            if not failures:
                self._failures.pop(key, None)
