"""The status board: what every part of the service is doing, for the screen and for `recon status`.

A plain data structure in one Trio thread; nothing here waits or fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec
import trio

from recon.status import Status, StatusReporter

#: The `gateway` of a part that belongs to the service as a whole.
SERVICE: Final = ""


class PartStatus(msgspec.Struct, frozen=True):
    """The status of one part of one gateway, or of the service."""

    gateway: str
    part: str
    state: str
    detail: str
    since: datetime
    figures: Mapping[str, int]


class StatusBoard:
    """The status of every part; `now` is the clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Make an empty board."""
        self._now = now
        self._reporters: dict[tuple[str, str], StatusReporter] = {}
        self._changed = trio.Event()

    def reporter(self, gateway: str, part: str) -> StatusReporter:
        """Return the reporter of one part, the same each time."""
        return self._reporters.setdefault((gateway, part), StatusReporter(self._now, self._note_change))

    def parts(self) -> list[PartStatus]:
        """Return the status of every part that has one, by gateway and name."""
        statuses = [(key, self._reporters[key].status) for key in sorted(self._reporters)]
        return [
            PartStatus(gateway, part, status.state, status.detail, status.since, status.figures)
            for (gateway, part), status in statuses
            if status is not None
        ]

    async def change(self) -> None:
        """Wait until the state or detail of any part changes."""
        await self._changed.wait()

    def _note_change(self, _: Status) -> None:
        self._changed.set()
        self._changed = trio.Event()
