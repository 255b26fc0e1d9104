"""What a printed report shows as charts: how old open breaks are, and how the worst units drifted. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from recon.exact import exact

#: Ranges of ages, each with what it is below; the last one has no end.
BUCKETS: Final[Sequence[tuple[str, timedelta | None]]] = (
    ("under 1 h", timedelta(hours=1)),
    ("1 h to 1 d", timedelta(days=1)),
    ("1 to 2 d", timedelta(days=2)),
    ("2 to 5 d", timedelta(days=5)),
    ("over 5 d", None),
)


class Aged(msgspec.Struct, frozen=True):
    """An open break: how long since its origin, and its worth in USD; None: no rate is known."""

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


def ageing(breaks: Sequence[Aged]) -> Ageing:
    """Return how many breaks are of each range of ages, the empty ranges too."""
    found: list[AgeRange] = []
    over = timedelta.min
    for label, below in BUCKETS:
        within = [each for each in breaks if over <= each.age and (below is None or each.age < below)]
        found.append(AgeRange(label, len(within), _worth(within)))
        over = below or over
    return Ageing(found)


def _worth(breaks: Sequence[Aged]) -> Decimal | None:
    with exact():
        total = Decimal(0)
        for each in breaks:
            if each.usd is None:
                return None
            total += abs(each.usd)
        return total
