"""The board: what every part of the service is doing, for the screen, the page and `recon status`.

A plain data structure in one Trio thread; nothing here waits or fails.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
import trio

#: The `gateway` of what belongs to the service as a whole.
SERVICE: Final = ""
#: Longest detail kept, in characters.
MAX_DETAIL: Final = 500


class PartState(msgspec.Struct, frozen=True):
    """What one part is doing, since when; `figures` are numbers that go with it (positions, bytes, counts)."""

    gateway: str
    part: str
    state: str
    detail: str
    since: datetime
    figures: dict[str, int]


class Board:
    """The state of every part; `now` is the clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Make an empty board."""
        self._now = now
        self._parts: dict[tuple[str, str], PartState] = {}
        self._refreshers: list[Callable[[], None]] = []
        self._changed = trio.Event()

    def watch(self, refresh: Callable[[], None]) -> None:
        """Have a part bring its figures up to date (by `note`) whenever the board is read."""
        self._refreshers.append(refresh)

    def parts(self) -> list[PartState]:
        """Return the state of every part, by gateway and name."""
        for refresh in self._refreshers:
            refresh()
        return [self._parts[key] for key in sorted(self._parts)]

    def of(self, gateway: str, part: str) -> PartState | None:
        """Return the state of one part; None while it has said nothing."""
        return self._parts.get((gateway, part))

    def tell(self, gateway: str, part: str, state: str, detail: str = "", **figures: int) -> None:
        """Say what a part is doing; `since` moves only with the state."""
        detail = detail.replace("\0", "")[:MAX_DETAIL]
        before = self._parts.get((gateway, part))
        if before is not None and (before.state, before.detail) == (state, detail):
            self.note(gateway, part, **figures)
            return
        known = {} if before is None else before.figures
        since = before.since if before is not None and before.state == state else self._now()
        self._parts[gateway, part] = PartState(gateway, part, state, detail, since, known | figures)
        self._changed.set()
        self._changed = trio.Event()

    def note(self, gateway: str, part: str, **figures: int) -> None:
        """Keep a part's figures current; that alone is no change of state. A part that said nothing yet has none."""
        before = self._parts.get((gateway, part))
        if before is not None:
            before.figures.update(figures)

    async def change(self) -> None:
        """Wait until the state of any part changes."""
        await self._changed.wait()
