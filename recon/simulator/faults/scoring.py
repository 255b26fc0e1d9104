"""Matches planted steps with flagged steps.

1. Each planted step needs one opening of a break: on its unit, not before its time, of its amount.
2. Steps between two observations appear as one. So an opening that matches no single step may be the sum of several.
3. Of several matches the closest amount counts. An opening that matches no step is a false alarm.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from itertools import combinations
from typing import Final, Generic, Protocol, TypeVar

#: Precision that is sufficient for any sum of amounts.
_DIGITS: Final = 200


class Step(Protocol):
    """An opening of a break, or an entry that explains a step without one."""

    @property
    def unit(self) -> Hashable:
        """Return the unit of the account."""

    @property
    def at(self) -> datetime:
        """Return the time."""

    @property
    def amount(self) -> Decimal:
        """Return the signed amount."""


class PlantedStep(Step, Protocol):
    """A unit's step of a planted fault."""

    @property
    def uncertainty(self) -> Decimal:
        """Return the largest accepted error of a flagged amount."""


P = TypeVar("P", bound=PlantedStep)
F = TypeVar("F", bound=Step)


@dataclass(frozen=True, slots=True)
class Match(Generic[P, F]):
    """One flagged step and the planted steps that add up to it."""

    flagged: F
    planted: tuple[P, ...]


@dataclass(frozen=True, slots=True)
class Matching(Generic[P, F]):
    """All matches, the planted steps without an opening, and the openings without a planted step."""

    matches: list[Match[P, F]]
    missed: list[P]
    false_alarms: list[F]


@dataclass(frozen=True, slots=True)
class Matcher:
    """The tolerances of amounts and times.

    `share`: a flagged amount may differ by this share of the planted one, in addition to its uncertainty.
    `most_summed`: the most steps that one opening may sum. `clock_skew`: the most that the simulator's clock may be
    ahead of the log's.
    """

    share: Decimal
    most_summed: int = 1
    clock_skew: timedelta = timedelta(0)

    def match(self, planted: Iterable[P], flagged: Iterable[F]) -> Matching[P, F]:
        """Match flagged steps, in the order given, with planted ones: single steps first, then sums."""
        matches: list[Match[P, F]] = []
        missed, alarms = list(planted), list(flagged)
        for count in range(1, self.most_summed + 1):
            unmatched = []
            for step in alarms:
                chosen = self._closest(step, missed, count)
                if chosen is None:
                    unmatched.append(step)
                    continue
                matches.append(Match(step, chosen))
                missed = [each for each in missed if not any(each is taken for taken in chosen)]
            alarms = unmatched
        return Matching(matches, missed, alarms)

    def _closest(self, flagged: Step, planted: Sequence[P], count: int) -> tuple[P, ...] | None:
        """Return the `count` planted steps with the closest sum; None if none match."""
        on_unit = [step for step in planted if step.unit == flagged.unit and step.at - self.clock_skew <= flagged.at]
        best: tuple[P, ...] | None = None
        least = Decimal("Infinity")
        with localcontext(prec=_DIGITS):
            for chosen in combinations(on_unit, count):
                total = sum((step.amount for step in chosen), Decimal(0))
                allowed = sum((step.uncertainty for step in chosen), abs(total) * self.share)
                off = abs(flagged.amount - total)
                if off <= allowed and off < least:
                    best, least = chosen, off
        return best
