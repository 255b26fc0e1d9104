"""The clock of whoever sits at the command line, so that what they do has the times of a story."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from recon.clock import utc_now


class DeskClock:
    """Stands in for this machine's clock in every command, once it is set."""

    def __init__(self) -> None:
        self._at: datetime | None = None

    def __call__(self) -> datetime:
        return self._at or utc_now()

    def set(self, at: datetime) -> None:
        """Let it be a time, until it is set anew."""
        self._at = at

    def give_back(self) -> None:
        """Let it be the time of this machine again."""
        self._at = None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeskClock]:
    """Let commands read a clock of the test's; modules that are loaded meanwhile keep it, and it is right again."""
    made = DeskClock()
    monkeypatch.setattr("recon.clock.utc_now", made)
    for name, module in list(sys.modules.items()):
        if name.startswith("recon.") and getattr(module, "utc_now", None) is utc_now:
            monkeypatch.setattr(module, "utc_now", made)
    yield made
    made.give_back()
