"""The score of the demonstration: each planted fault with the break that flagged it, and false alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from recon.display.words import counted
from recon.exact import ZERO
from recon.simulator.faults.scoring import Matcher

#: Cash is rounded on its way, so amounts may be off by a thousandth. The clocks of the simulator and of the log are of
#: one machine. One break may be the sum of four faults on its unit.
MATCHER: Final = Matcher(share=Decimal("0.001"), most_summed=4, clock_skew=timedelta(seconds=1))


class UnitId(msgspec.Struct, frozen=True, order=True):
    """A unit of an account of a gateway."""

    gateway: str
    account: str
    kind: str
    unit: str


class Fault(msgspec.Struct, frozen=True):
    """A planted fault, as the simulator's truth file tells it."""

    kind: str
    gateway: str
    account: str
    unit_kind: str | None
    amounts: dict[str, Decimal]
    planted_at: datetime
    ends_at: datetime | None
    must_flag: bool
    #: What it hid is told over REST, so that nothing is left to flag.
    recovered: bool = False


class Opening(msgspec.Struct, frozen=True):
    """A break that opened: on which unit, when in log time, by how much, and what became of it since."""

    unit: UnitId
    at: datetime
    amount: Decimal
    cause: str
    state: str
    break_id: str
    case_id: str = ""
    certainty: str = ""
    #: Its worth in USD, signed; null: no rate is known.
    amount_usd: Decimal | None = None


class Verdict(msgspec.Struct, frozen=True):
    """One unit of a planted fault and the opening that flagged it; None: it was missed."""

    fault: Fault
    unit: UnitId
    amount: Decimal
    opening: Opening | None

    @property
    def delay(self) -> timedelta | None:
        """Return how long after planting it was flagged."""
        return None if self.opening is None else self.opening.at - self.fault.planted_at


class Score(msgspec.Struct, frozen=True):
    """The result: every planted step with its opening, what else was flagged, and the faults not to be flagged."""

    verdicts: list[Verdict]
    false_alarms: list[Opening]
    benign: list[Fault]

    @property
    def missed(self) -> list[Verdict]:
        """Return the planted steps that nothing flagged."""
        return [verdict for verdict in self.verdicts if verdict.opening is None]

    @property
    def passed(self) -> bool:
        """Tell whether every planted fault was flagged and nothing else was; without a fault nothing is proved."""
        return bool(self.verdicts) and not self.missed and not self.false_alarms

    @property
    def words(self) -> str:
        """Return it in words: a fault is found once all its steps are."""
        faults = {id(verdict.fault): True for verdict in self.verdicts}
        for verdict in self.missed:
            faults[id(verdict.fault)] = False
        found, alarms = sum(faults.values()), len(self.false_alarms)
        planted = counted(len(faults), "planted fault")
        return f"{found} of {planted} found, {counted(alarms, 'false alarm')}"


class _Step(msgspec.Struct, frozen=True, eq=False):
    """One unit of a fault, as the matcher takes it."""

    fault: Fault
    unit: UnitId
    amount: Decimal
    uncertainty: Decimal = ZERO

    @property
    def at(self) -> datetime:
        return self.fault.planted_at


def score(faults: Sequence[Fault], openings: Iterable[Opening]) -> Score:
    """Match openings to planted faults."""
    steps = [
        _Step(fault, UnitId(fault.gateway, fault.account, fault.unit_kind or "", unit), amount)
        for fault in sorted(faults, key=lambda fault: fault.planted_at)
        if fault.must_flag
        for unit, amount in sorted(fault.amounts.items())
    ]
    matching = MATCHER.match(steps, sorted(openings, key=lambda opening: (opening.at, opening.unit)))
    flagged = {id(step): match.flagged for match in matching.matches for step in match.planted}
    return Score(
        verdicts=[Verdict(step.fault, step.unit, step.amount, flagged.get(id(step))) for step in steps],
        false_alarms=matching.false_alarms,
        benign=[fault for fault in faults if not fault.must_flag],
    )
