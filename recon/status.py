"""What one part of the service is doing, since when, and why. Pure.

A part sets its own status through a `StatusReporter`. The service reads all of them on its board.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

#: Longest detail kept, in characters.
MAX_DETAIL: Final = 500


class Status(msgspec.Struct, frozen=True):
    """The state of one part, when it began, and the reason; `figures` are positions, bytes and counts."""

    state: str
    since: datetime
    detail: str
    figures: Mapping[str, int]


def _ignore(_: Status) -> None:
    pass


class StatusReporter:
    """The present status of one part; it has none before the first `set`."""

    def __init__(self, now: Callable[[], datetime], on_change: Callable[[Status], None] = _ignore) -> None:
        """Report changes of state or detail to `on_change`."""
        self._now = now
        self._on_change = on_change
        self._status: Status | None = None
        #: Returns the figures that change without any change of state; called whenever the status is read.
        self.measure: Callable[[], Mapping[str, int]] = dict

    @property
    def state(self) -> str:
        """Return the state, empty before the first `set`."""
        return "" if self._status is None else self._status.state

    @property
    def detail(self) -> str:
        """Return the detail of the state."""
        return "" if self._status is None else self._status.detail

    @property
    def status(self) -> Status | None:
        """Return the status with its latest figures; None before the first `set`."""
        if self._status is None:
            return None
        return msgspec.structs.replace(self._status, figures={**self._status.figures, **self.measure()})

    def set(self, state: str, detail: str = "", **figures: int) -> None:
        """Set the state. `since` changes only with the state; figures that are not given keep their value."""
        detail = detail.replace("\0", "")[:MAX_DETAIL]
        former = self._status
        changed = former is None or (former.state, former.detail) != (state, detail)
        since = former.since if former is not None and former.state == state else self._now()
        self._status = Status(state, since, detail, {**({} if former is None else former.figures), **figures})
        if changed and (status := self.status) is not None:
            self._on_change(status)
