"""The fold as the service runs it: folds events, and says in the scorer's rows what it made of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.ledger.changes import Finding, LedgerChanges
from recon.ledger.units import Entry
from recon.log.events import Event
from recon.projection.fold import decode_event
from recon.reconciliation.model.snapshot import Transition
from recon.testing.log import new_fold
from recon.times import to_datetime
from tests.faults.rows import Explanation, Step, UnitId

#: The log time of each position of the log up to now.
LogTimes = Sequence[datetime]
#: Where a finding of an uncertain opening says by how much the first reports differ.
_DIFFER: Final = re.compile(r"differ by (\S+) without a fill")
_UNCERTAIN: Final = "opening_uncertain"


class Said(NamedTuple):
    """What was said of a day: what became of breaks, what was explained, which openings are called uncertain."""

    steps: list[Step]
    explained: list[Explanation]
    uncertain: list[Step]


class Service:
    """The fold of one gateway while a day is played to it."""

    def __init__(self, gateway: str) -> None:
        self._fold = new_fold(gateway)
        self.said = Said([], [], [])

    def fold(self, events: Sequence[Event], times: LogTimes) -> None:
        """Fold the next events; `times` are those of the whole log up to here."""
        fold = self._fold
        fold.fold([decode_event(event) for event in events])
        transitions, fold.reconciler.transitions = fold.reconciler.transitions, []
        changes, fold.ledger.changes = fold.ledger.changes, LedgerChanges()
        self.said.steps.extend(_step(each, times) for each in transitions)
        self.said.explained.extend(_explanation(each) for each in changes.entries)
        self.said.uncertain.extend(self._uncertain(each, times) for each in changes.findings if each.kind == _UNCERTAIN)

    def state_bytes(self) -> int:
        """Return the size of what the comparison would store now, in bytes."""
        return sum(len(msgspec.msgpack.encode(each)) for each in self._fold.reconciler.comparisons.values())

    def _uncertain(self, finding: Finding, times: LogTimes) -> Step:
        account, at = finding.account or "", times[finding.seq - 1]
        kind = "contract" if (account, "contract", finding.about) in self._fold.ledger.units else "asset"
        told = _DIFFER.search(finding.message)
        amount = Decimal(told[1].replace(",", "")) if told else Decimal(0)
        unit = UnitId(account, kind, finding.about)
        return Step(f"{unit}/{finding.seq}", unit, _UNCERTAIN, at, amount, "", "", (), None, at)


def _step(each: Transition, times: LogTimes) -> Step:
    known = each.break_
    return Step(
        break_id=known.id,
        unit=UnitId(each.account, each.kind, each.unit),
        event=each.event,
        at=to_datetime(each.us),
        amount=known.amount,
        cause=known.cause,
        certainty=known.certainty,
        fits=tuple(tried.cause for tried in known.tried if tried.fits),
        after=times[known.after_seq - 1] if known.after_seq else None,
        until=times[known.until_seq - 1],
    )


def _explanation(entry: Entry) -> Explanation:
    return Explanation(
        unit=UnitId(entry.account, entry.kind, entry.unit),
        at=to_datetime(entry.recorded_us),
        amount=entry.amount,
        cause=entry.cause,
        certainty=entry.certainty,
    )
