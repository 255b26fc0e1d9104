"""What a printed report shows as charts: how old open breaks are, and how the worst units drifted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import msgspec

from recon.closing.ageing import bound_words
from recon.exact import exact


class Aged(msgspec.Struct, frozen=True):
    """An open break: the business time since its origin, and its worth in USD; None: no rate is known."""

    age: timedelta
    usd: Decimal | None


class AgeRange(msgspec.Struct, frozen=True):
    """Open breaks of one range of ages, and what they are worth; None: of one the rate is not known."""

    label: str
    breaks: int
    usd: Decimal | None


class Ageing(msgspec.Struct, frozen=True):
    """How old open breaks are."""

    ranges: Sequence[AgeRange]


class DriftPoint(msgspec.Struct, frozen=True):
    """One observation of a unit; `drift` is what the verdict judges."""

    at: datetime
    drift: Decimal


class Drift(msgspec.Struct, frozen=True):
    """How one unit drifted: `unit` names it with its account and gateway."""

    unit: str
    points: Sequence[DriftPoint]


Picture: TypeAlias = Ageing | Drift


def ageing(breaks: Sequence[Aged], bounds: Sequence[timedelta]) -> Ageing:
    """Return how many breaks are of each range of ages between bounds, the empty ranges too."""
    within: dict[timedelta | None, list[Aged]] = {bound: [] for bound in [*bounds, None]}
    for each in breaks:
        within[next((bound for bound in bounds if each.age < bound), None)].append(each)
    return Ageing(
        [
            AgeRange("over" if bound is None else f"under {bound_words(bound)}", len(aged), _worth(aged))
            for bound, aged in within.items()
        ]
    )


def _worth(breaks: Sequence[Aged]) -> Decimal | None:
    with exact():
        total = Decimal(0)
        for each in breaks:
            if each.usd is None:
                return None
            total += abs(each.usd)
        return total
