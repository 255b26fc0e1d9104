"""Compares the planted faults of a simulated day with the opened breaks; it only reads the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from recon.ledger.units import UnitState
from recon.log.events import Event
from recon.projection.fold import Fold
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.model.verdict import verdict_of
from recon.simulator.fault import FaultKind, PlantedFault
from recon.simulator.faults.scoring import Matcher
from recon.simulator.plan import Plan
from recon.testing import play

#: Accepted relative error of an amount.
SHARE = Decimal("1e-6")
#: Accepted error of cash in any case, because the cash of several trades is rounded.
CASH_AT_ALL = Decimal("0.05")
NOT_ROUNDED = frozenset({FaultKind.DEPOSIT, FaultKind.WRONG_BALANCE})
MATCHER = Matcher(share=SHARE)
UnitId = tuple[str, str, str]


@dataclass(frozen=True)
class Opened:
    """One opening of a break: unit, time, amount, and the log times between which it arose."""

    id: str
    unit: UnitId
    amount: Decimal
    at: datetime
    after: datetime | None
    until: datetime

    def __str__(self) -> str:
        return f"{'/'.join(self.unit)} {self.amount} at {self.at:%H:%M:%S.%f}"


@dataclass
class Day:
    """One gateway's day, played and folded."""

    name: str
    truth: Sequence[PlantedFault]
    opened: list[Opened]
    cleared: dict[str, datetime]
    still_open: set[UnitId]
    #: Units whose last report agreed with the ledger, and units never judged.
    agreed: frozenset[UnitId] = frozenset()
    unjudged: frozenset[UnitId] = frozenset()


@dataclass(frozen=True)
class _Step:
    """One unit of a planted fault, in the shape of the matcher."""

    day: Day
    fault: PlantedFault
    code: str
    amount: Decimal

    @property
    def unit(self) -> UnitId:
        return (self.fault.account, self.fault.unit_kind or "", self.code)

    @property
    def at(self) -> datetime:
        return self.fault.planted_at

    @property
    def uncertainty(self) -> Decimal:
        cash = self.fault.unit_kind == "asset" and self.fault.kind not in NOT_ROUNDED
        return max(CASH_AT_ALL - abs(self.amount) * SHARE, Decimal(0)) if cash and abs(self.amount) > 1 else Decimal(0)

    def __str__(self) -> str:
        return f"{self.day.name}: {self.fault.kind.value} of {self.amount} {self.code} at {self.at:%H:%M:%S.%f}"


def days(plan: Plan, name: str, *, after: float = 20.0) -> list[Day]:
    """Play a plan and return the folded day of each gateway."""
    return [
        Day(
            f"{name}, {gateway.plan.name}",
            gateway.truth,
            [_opened(each, log) for each in fold.reconciler.transitions if each.event == "opened"],
            {each.break_.id: _at(log, each.seq) for each in fold.reconciler.transitions if each.event == "cleared"},
            {key for key, each in fold.reconciler.comparisons.items() if each.breaks},
            frozenset(key for key, each in fold.ledger.units.items() if _verdict(fold, each) == "agreed"),
            frozenset(key for key, each in fold.ledger.units.items() if _verdict(fold, each) in {None, "unobserved"}),
        )
        for gateway, fold, log in play(plan, after=after)
    ]


def false_alarms(day: Day) -> list[str]:
    """Return every opening of a day that must have none."""
    return [f"{day.name}: opened {each}" for each in day.opened]


def problems(day: Day) -> list[str]:
    """Return planted steps without a correct opening, and openings without a planted step."""
    steps = [_Step(day, fault, code, amount) for fault in day.truth for code, amount in fault.amounts.items()]
    matching = MATCHER.match(steps, day.opened)
    found = [f"{step} opened nothing" for step in matching.missed]
    found += [problem for match in matching.matches for problem in _problems(day, match.planted[0], match.flagged)]
    return found + [f"{day.name}: nothing was planted, but opened {each}" for each in matching.false_alarms]


def _problems(day: Day, step: _Step, opened: Opened) -> Iterable[str]:
    if not _holds(opened, step.at):
        yield f"{step}: not within {opened.after} .. {opened.until}"
    if step.fault.ends_at is not None:
        yield from (f"{step}: {each}" for each in _not_cleared(day, opened, step.fault.ends_at))
    elif step.unit not in day.still_open:
        yield f"{step} is no longer open at the end"


def _not_cleared(day: Day, opened: Opened, ends_at: datetime) -> Iterable[str]:
    cleared = day.cleared.get(opened.id)
    if cleared is None:
        yield "never cleared"
    elif cleared < ends_at:
        yield f"cleared at {cleared}, before the report came at {ends_at}"
    if opened.unit in day.still_open:
        yield "its unit still has an open break at the end"


def _holds(opened: Opened, moment: datetime) -> bool:
    return (opened.after is None or opened.after <= moment) and moment <= opened.until


def _verdict(fold: Fold, held: UnitState) -> str | None:
    return None if held.unit.unmodelled else verdict_of(held.unit, fold.reconciler.comparison_of(held))


def _at(log: Sequence[Event], seq: int) -> datetime:
    return log[seq - 1].recorded_at


def _opened(each: Transition, log: Sequence[Event]) -> Opened:
    known = each.break_
    return Opened(
        id=known.id,
        unit=(each.account, each.kind, each.unit),
        amount=known.amount,
        at=_at(log, each.seq),
        after=_at(log, known.after_seq) if known.after_seq else None,
        until=_at(log, known.until_seq),
    )
