"""What an engine is to the benchmark: it folds events and says what it made of them, in the scorer's rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from recon.ledger.units import Entry
from recon.log.events import Event
from recon.reconciliation.model.snapshot import Transition
from recon.times import to_datetime
from tests.faults.rows import Explanation, Step, UnitId

#: The log time of a position of the log.
LogTimes = Sequence[datetime]


class Said(NamedTuple):
    """What an engine said of a day: what became of breaks, what was explained, which openings it calls uncertain."""

    steps: list[Step]
    explained: list[Explanation]
    uncertain: list[Step]


class Engine(Protocol):
    """An engine while a day is played to it."""

    said: Said

    def fold(self, events: Sequence[Event], times: LogTimes) -> None:
        """Fold the next events; `times` are those of the whole log up to here."""

    def state_bytes(self) -> int:
        """Return the size of what the comparison would store now, in bytes."""


def step_of(each: Transition, times: LogTimes) -> Step:
    """Return the scorer's row of a step in a break's life."""
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


def explanation(entry: Entry) -> Explanation:
    """Return the scorer's row of an entry of the books."""
    return Explanation(
        unit=UnitId(entry.account, entry.kind, entry.unit),
        at=to_datetime(entry.recorded_us),
        amount=entry.amount,
        cause=entry.cause,
        certainty=entry.certainty,
    )
