"""How many requests an address may make: a budget that fills steadily, up to a burst. Pure."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

#: Requests of one address at once, and how many more it may make a second after that.
BURST: Final = 120
PER_SECOND: Final = 12.0
#: Most addresses that are remembered; the one that asked longest ago is forgotten, and has its whole burst again.
MAX_ADDRESSES: Final = 10_000


class RequestRate:
    """The budget of each address; `at` is a steady time in seconds."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str, at: float) -> float:
        """Take one request from an address's budget; return 0, or for how many seconds it must wait."""
        left, before = self._budgets.pop(address, (float(BURST), at))
        left = min(float(BURST), left + (at - before) * PER_SECOND)
        wait = 0.0 if left >= 1.0 else (1.0 - left) / PER_SECOND
        self._budgets[address] = (left if wait else left - 1.0, at)
        while len(self._budgets) > MAX_ADDRESSES:
            self._budgets.popitem(last=False)
        return wait
