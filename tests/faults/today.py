"""The comparison as the service runs it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from recon.ledger.ledger import LedgerChanges
from recon.log.events import Event
from recon.projection.fold import decode_event
from recon.testing.log import new_fold
from tests.faults.engine import LogTimes, Said, explanation, step_of


class Today:
    """The comparison as the service runs it."""

    def __init__(self, gateway: str) -> None:
        self._fold = new_fold(gateway)
        self.said = Said([], [], [])

    def fold(self, events: Sequence[Event], times: LogTimes) -> None:
        fold = self._fold
        fold.fold([decode_event(event) for event in events])
        transitions, fold.reconciler.transitions = fold.reconciler.transitions, []
        changes, fold.ledger.changes = fold.ledger.changes, LedgerChanges()
        self.said.steps.extend(step_of(each, times) for each in transitions)
        self.said.explained.extend(explanation(each) for each in changes.entries)

    def state_bytes(self) -> int:
        return sum(len(msgspec.msgpack.encode(each)) for each in self._fold.reconciler.comparisons.values())
