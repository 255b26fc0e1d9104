"""What an independent source says was held, held against the books of that time. Pure (semantics 5.12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.ledger.units import UnitKind
from recon.source_class import IndependentSource

CheckVerdict = Literal["pending", "agreed", "break", "not_judged"]
PENDING: Final = "pending"


class SourceCheck(msgspec.Struct, frozen=True, gc=False):
    """One amount of one source at one time, with the verdict; `seq` and `number` are where the log tells it.

    `expected` is what the books hold at the cut of that time, as they are known at `judged_seq`.
    """

    account: str
    kind: UnitKind
    #: The unit's code in the books, and as the source writes it.
    unit: str
    told_unit: str
    source: IndependentSource
    #: The time that the amount is of, and when it was told; microseconds.
    us: int
    told_us: int
    seq: int
    number: int
    external_id: str
    digest: str
    reported: Decimal
    #: True if no row tells it: it is a zero of a list that is complete.
    absent: bool = False
    verdict: CheckVerdict = PENDING
    reason: str | None = None
    expected: Decimal | None = None
    #: The break that it opened, or that it bears out.
    break_id: str | None = None
    judged_seq: int | None = None
    #: When it is judged, in microseconds of log time; entries of its time may come until then.
    due_us: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Return where the log tells it."""
        return self.seq, self.number

    @property
    def drift(self) -> Decimal | None:
        """Return reported minus expected; None where the books of that time are not known."""
        return None if self.expected is None else self.reported - self.expected


class SourceStanding(msgspec.Struct, frozen=True, gc=False):
    """What the latest judged check of a source says of a unit, and when the source last agreed; microseconds."""

    us: int
    seq: int
    verdict: CheckVerdict
    reported: Decimal
    drift: Decimal
    agreed_us: int | None = None
    agreed_seq: int | None = None


class StandingChange(msgspec.Struct, frozen=True, gc=False):
    """A unit's standing with a source, as it is now."""

    account: str
    kind: UnitKind
    unit: str
    source: IndependentSource
    standing: SourceStanding
