"""Earlier balances, for gateways whose first snapshot is older than the rest. Pure."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from recon.simulator.ticks import ticks


class StaleBalances:
    """Keeps earlier balances for a number of seconds; with 0 seconds, none."""

    def __init__(self, seconds: float) -> None:
        self._kept = ticks(seconds)
        self._before: deque[tuple[int, str, Decimal]] = deque()

    def remember(self, now: int, asset: str, before: Decimal) -> None:
        """Keep the balance before a change, for a stale snapshot."""
        if self._kept:
            while self._before and self._before[0][0] < now - self._kept:
                self._before.popleft()
            self._before.append((now, asset, before))

    def balances(self, now: int) -> dict[str, Decimal]:
        """Return the earlier amounts of recently changed balances."""
        stale: dict[str, Decimal] = {}
        for at, asset, before in self._before:
            if at >= now - self._kept:
                stale.setdefault(asset, before)
        return stale
