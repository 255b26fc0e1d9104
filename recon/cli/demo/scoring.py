"""What was planted against what was flagged. Pure.

1. Each unit that a fault touches wants one opening of a break: on that unit, not before it was planted, of its amount.
2. Steps between two observations arrive as one: what single openings leave over may be matched by a sum.
3. An opening that belongs to no fault is a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Final

import msgspec

from recon.exact import ZERO, exact

#: An amount is that of a fault if it differs by no more than this share of it: cash is rounded on its way.
AMOUNT_SHARE: Final = Decimal("0.001")
#: How far the clocks of the simulator and of the log may differ; they are of one machine.
CLOCK_SKEW: Final = timedelta(seconds=1)
#: Faults on one unit whose sum one break may be.
MAX_SUMMED: Final = 4


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


class _Wanted(msgspec.Struct):
    fault: Fault
    unit: UnitId
    amount: Decimal
    opening: Opening | None = None


def score(faults: Sequence[Fault], openings: Iterable[Opening]) -> Score:
    """Match openings to planted faults."""
    wanted = [
        _Wanted(fault, UnitId(fault.gateway, fault.account, fault.unit_kind or "", unit), amount)
        for fault in sorted(faults, key=lambda fault: fault.planted_at)
        if fault.must_flag
        for unit, amount in sorted(fault.amounts.items())
    ]
    left = sorted(openings, key=lambda opening: (opening.at, opening.unit))
    with exact():
        for how_many in range(1, MAX_SUMMED + 1):
            left = [opening for opening in left if not _take(opening, wanted, how_many)]
    return Score(
        verdicts=[Verdict(each.fault, each.unit, each.amount, each.opening) for each in wanted],
        false_alarms=left,
        benign=[fault for fault in faults if not fault.must_flag],
    )


def _take(opening: Opening, wanted: Sequence[_Wanted], how_many: int) -> bool:
    """Give an opening to the faults whose amounts add up to it, if there are any."""
    open_ = [
        each
        for each in wanted
        if each.opening is None and each.unit == opening.unit and each.fault.planted_at - CLOCK_SKEW <= opening.at
    ]
    for chosen in combinations(open_, how_many):
        if _same(opening.amount, sum((each.amount for each in chosen), ZERO)):
            for each in chosen:
                each.opening = opening
            return True
    return False


def _same(flagged: Decimal, planted: Decimal) -> bool:
    return abs(flagged - planted) <= abs(planted) * AMOUNT_SHARE
