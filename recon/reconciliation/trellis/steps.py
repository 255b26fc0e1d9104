"""What the comparison tells of a unit: breaks, openings and what became final. Pure (semantics 4, 5, 6).

Amounts are decimals; times are microseconds of log time; log positions are sequences.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.fees.fee_key import FeeKey
from recon.ledger.units import UnitKey
from recon.reconciliation.model.step import Step

#: Why a break is none: an entry explained it, the reports or rates now say otherwise, or an entry of long ago did.
ClearedReason = Literal["path", "rates", "late_entry"]
#: What an edge needed when it became final. `opening`: a jump within the opening, which is no break; `late_entry`: an
#: entry explained an edge that is forgotten; `reopened`: the oldest report kept has another cut.
CommittedKind = Literal[
    "exact",
    "unknown",
    "other_rate",
    "tier",
    "unmodelled",
    "novel",
    "jump",
    "passed_over",
    "opening",
    "late_entry",
    "reopened",
]


class Opened(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A step is a break."""

    step: Step


class Moved(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The break of the report `old_seq` is still one, but another report shows it, or its amount is another."""

    old_seq: int
    step: Step


class Cleared(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The break of the report `seq` is none."""

    unit: UnitKey
    seq: int
    reason: ClearedReason


class OpeningUncertain(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A step so soon after the first report that the data cannot tell an opening from a fault.

    `may_be_fee`: it may also be a fee at a rate that is not known.
    """

    step: Step
    may_be_fee: bool = False


class OpeningFound(msgspec.Struct, frozen=True, gc=False, tag=True):
    """The opening of a unit is final: `level` is what the report `seq` says beyond all entries up to its cut."""

    unit: UnitKey
    seq: int
    at_us: int
    level: Decimal


class Committed(msgspec.Struct, frozen=True, gc=False, tag=True):
    """An edge of the best path is final, or what was told of it is put right.

    `fee` and `rounding` are what the edge came to beyond entries, booked fees and `jump`; all three are **changes** to
    what was told of the edge before, so that sums over all values are right. `left` is what known rates leave over of
    a `novel` or `unmodelled` edge; it lies within `fee`. `tolerated` is the change of what an exact edge leaves beyond
    all rounding, as the settings allow; it lies within `rounding`.
    """

    unit: UnitKey
    from_seq: int
    to_seq: int
    at_us: int
    kind: CommittedKind
    jump: Decimal = ZERO
    rounding: Decimal = ZERO
    fee: Decimal = ZERO
    left: Decimal = ZERO
    tolerated: Decimal = ZERO

    @property
    def accrual(self) -> Decimal:
        """What fees and rounding came to beyond what is booked."""
        return self.rounding + self.fee


class RateLearnt(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A rate of the account was learnt: the key's first, a new tier, or one beside those that it has.

    The rate is in units of 1e-7 and holds since a stamp, in microseconds.
    """

    key: FeeKey
    rate: int
    since_us: int
    kind: Literal["first", "tier", "mixed"]


class Read(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A report with several readings is final: `reading` is the one that holds, 0 the plain one."""

    unit: UnitKey
    seq: int
    at_us: int
    reading: int


Told = Opened | Moved | Cleared | OpeningUncertain | OpeningFound | Committed | Read | RateLearnt


class Figures(msgspec.Struct, frozen=True, gc=False):
    """A unit at its last report: what it said, and the entries that the best path has not in it."""

    seq: int
    at_us: int
    value: Decimal
    #: Sum of the entries that are not in the report, and of the fees booked with them.
    amount_after: Decimal
    booked_fees_after: Decimal
    #: How much of that sum is explained: of no fill.
    explained_after: Decimal
    #: True if the best path passes the report over: it is judged anew.
    passed_over: bool = False

    def fills_in(self, fills: Decimal) -> Decimal:
        """Return what the fills came to that the report has seen, of what all came to."""
        return fills - (self.amount_after - self.explained_after)

    def explained_in(self, explained: Decimal) -> Decimal:
        """Return what the other entries came to that the report has seen, of what all came to; fees are among them."""
        return explained - (self.explained_after - self.booked_fees_after)
