"""Plays a day on virtual time, folds it, and writes down what the scorer reads."""

from __future__ import annotations

from typing import NamedTuple

from recon.ledger.units import Entry
from recon.log.events import Event
from recon.reconciliation.model.snapshot import Transition
from recon.simulator.fault import PlantedFault
from recon.testing import play
from recon.times import to_datetime
from tests.faults.days import QUIET_SECONDS, Day
from tests.faults.rows import Explanation, Planted, Step, UnitId


class Rows(NamedTuple):
    """A played day: how many accounts it has, what was planted, what opened, what was explained."""

    accounts: int
    planted: list[Planted]
    steps: list[Step]
    explained: list[Explanation]


def played(day: Day) -> Rows:
    ((gateway, fold, log),) = play(day.plan(), after=QUIET_SECONDS)
    return Rows(
        len(gateway.accounts),
        [row for fault in gateway.truth for row in _planted(fault)],
        [_step(each, log) for each in fold.reconciler.transitions],
        [_explanation(each) for each in fold.ledger.changes.entries],
    )


def _planted(fault: PlantedFault) -> list[Planted]:
    return [
        Planted(
            fault=fault.kind.value,
            unit=UnitId(fault.account, fault.unit_kind or "", code),
            amount=amount,
            uncertainty=fault.uncertainty[code],
            at=fault.planted_at,
            cause=fault.cause,
            causes=fault.causes,
        )
        for code, amount in fault.amounts.items()
    ]


def _step(each: Transition, log: list[Event]) -> Step:
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
        after=log[known.after_seq - 1].recorded_at if known.after_seq else None,
        until=log[known.until_seq - 1].recorded_at,
    )


def _explanation(entry: Entry) -> Explanation:
    return Explanation(
        unit=UnitId(entry.account, entry.kind, entry.unit),
        at=to_datetime(entry.recorded_us),
        amount=entry.amount,
        cause=entry.cause,
        certainty=entry.certainty,
    )
