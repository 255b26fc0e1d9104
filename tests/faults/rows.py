"""What the scorer reads: plain rows of what was planted, of what became of breaks, and of what was explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple


class UnitId(NamedTuple):
    account: str
    kind: str
    code: str

    def __str__(self) -> str:
        return f"{self.account}/{self.kind}/{self.code}"


@dataclass(frozen=True, slots=True)
class Planted:
    """One unit's step of a planted fault, from the truth file."""

    fault: str
    unit: UnitId
    amount: Decimal
    uncertainty: Decimal
    at: datetime
    cause: str
    causes: tuple[str, ...]

    @property
    def detectable(self) -> bool:
        return abs(self.amount) > self.uncertainty

    @property
    def identifiable(self) -> bool:
        """Exactly one published hypothesis fits, and it is the cause."""
        return self.causes == (self.cause,)

    @property
    def ambiguous(self) -> bool:
        """Several published hypotheses fit, and the cause is among them; where it is not, no label is judged."""
        return len(self.causes) > 1 and self.cause in self.causes

    def __str__(self) -> str:
        return f"{self.fault} of {self.amount} {self.unit} at {self.at:%H:%M:%S.%f}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in a break's life; `fits` are the causes that were tried and fit, `after` and `until` the origin."""

    break_id: str
    unit: UnitId
    event: str
    at: datetime
    amount: Decimal
    cause: str
    certainty: str
    fits: tuple[str, ...]
    after: datetime | None
    until: datetime

    def __str__(self) -> str:
        return f"{self.unit} {self.amount} {self.cause} ({self.certainty}) at {self.at:%H:%M:%S.%f}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """An entry that explains drift without a break."""

    unit: UnitId
    at: datetime
    amount: Decimal
    cause: str
    certainty: str
