"""What the text of a case is made of; rows are those of the views. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from recon.reconciliation.model.lifecycle import ACTIVE
from recon.reconciliation.model.severity import LEVELS

#: A row of a view.
Row: TypeAlias = Mapping[str, Any]


class Leg(msgspec.Struct, frozen=True):
    """One break of a case, in full."""

    row: Row
    history: Sequence[Row]
    #: The first and the last event of its origin, and the account's events between them, counted by kind.
    ends: Sequence[Row]
    kinds: Mapping[str, int]
    #: The unit's figures at the cut of its latest observation; empty where it was never reported.
    figures: Row
    #: The other active breaks of the unit, and the other breaks of the case.
    same_unit: Sequence[Row]
    same_case: Sequence[Row]
    age: timedelta | None
    business_age: timedelta | None
    #: What a person may do now.
    steps: Sequence[str]
    #: What each independent source said last of the unit.
    sources: Sequence[Row] = ()
    #: What is archived of the log that it arose in, in a sentence; None: all of it is in the database.
    archived: str | None = None
    #: The settlement window of the account by the rules in force; None: not known of that time.
    window: timedelta | None = None
    #: Facts from outside that it is the opposite of: reports do not bear them out.
    opposite: Sequence[Row] = ()

    @property
    def active(self) -> bool:
        """True while it owns a part of the drift."""
        return self.row["state"] in ACTIVE


class Case(msgspec.Struct, frozen=True):
    """Breaks of one cause, in the order in which they arose."""

    id: str
    #: The shortest beginning of the id that is of no other case.
    short: str
    legs: Sequence[Leg]
    #: The log time of each event that evidence names, by gateway and log position.
    times: Mapping[tuple[str, int], datetime]
    #: The digests of all breaks that one decision proposed and that wait, by gateway and log position of the decision.
    proposals: Mapping[tuple[str, int], Sequence[str]]
    #: The USD from which on a second person decides, the least of its accounts.
    material_usd: Decimal
    #: When it was read.
    at: datetime
    #: Since when what is shown is not current; null: it is.
    stale_since: datetime | None = None
    stale: bool = False

    @property
    def active(self) -> list[Leg]:
        """Return the breaks that are not over."""
        return [leg for leg in self.legs if leg.active]

    @property
    def severity(self) -> str | None:
        """Return the highest severity of its breaks that are not over, or of all where it is; None: not judged."""
        judged = {leg.row["severity"] for leg in self.active or self.legs}
        return next((level for level in reversed(LEVELS) if level in judged), None)

    @property
    def worth(self) -> Decimal | None:
        """Return the sum of the sizes of its breaks in USD; None where a rate is missing."""
        return _sum([leg.row["amount_usd"] for leg in self.legs], sizes=True)

    @property
    def net(self) -> Decimal | None:
        """Return the sum of its breaks in USD, signed; None where a rate is missing."""
        return _sum([leg.row["amount_usd"] for leg in self.legs], sizes=False)


def _sum(amounts: Sequence[Decimal | None], *, sizes: bool) -> Decimal | None:
    known = [Decimal(str(each)) for each in amounts if each is not None]
    if len(known) < len(amounts):
        return None
    return sum((abs(each) if sizes else each for each in known), Decimal(0))
