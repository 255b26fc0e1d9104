"""What reconciliation remembers of a unit between events. Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.source_check import SourceStanding
from recon.reconciliation.model.step import Step
from recon.source_class import IndependentSource

#: How often log time is asked what it decides, in microseconds.
ADVANCE_US: Final = 100_000
#: A unit that is usually observed within so many windows is waited for half as long again before silence decides.
MAX_GAP_WINDOWS: Final = 12
#: Closed breaks remembered per unit, so that a recurrence reopens and counts.
MAX_CLOSED: Final = 16
#: Steps remembered per unit whose breaks were explained, so that what comes late is not counted twice.
MAX_ENDED: Final = 64


class FirstReport(msgspec.Struct, frozen=True, gc=False):
    """A report of a contract that is not open yet: when it came, the quantity, and the average entry price."""

    seq: int
    us: int
    value: Decimal
    price: Decimal | None


class OpeningDoubt(msgspec.Struct, frozen=True, gc=False):
    """What the first reports of a unit differ by without a fill, until log time `until_us`, before it is open."""

    amount: Decimal
    until_us: int
    #: Log position of the report that shows it.
    seq: int
    #: From when on it may have come about, in microseconds: a window before the report that does not show it.
    after_us: int = 0
    #: Number of the opening's entry, once the unit is open.
    entry: int = 0


class Accrual(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What final steps came to beyond what is booked, and is not posted yet."""

    fees: Decimal = ZERO
    rounding: Decimal = ZERO
    unmodelled: Decimal = ZERO
    #: What the configured tolerance alone allows, in sum; it is never posted.
    tolerated: Decimal = ZERO
    #: Jumps that are final and that no break owns: not told yet, or races. The largest of the races.
    jumps: Decimal = ZERO
    race: Decimal = ZERO
    #: Log time of the latest of them, in microseconds.
    race_us: int = 0
    #: What fees of the fills between them may come to at most.
    race_fees: Decimal = ZERO


class EndedStep(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A step whose break a posting explained: what the step comes to now, and whether it looked like a fee.

    Entries that come late change the step; `left_over` is the break that owns what was posted beyond it.
    """

    amount: Decimal
    is_fee: bool
    left_over: str | None = None


class Kept(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What the history of a unit says last: verdict, what breaks and undecided steps own, and when.

    `coverage_seq` is the log position since which the account's coverage had been what it was then.
    `seq` and `reported` are of the latest observation that has a row; `entries` had been made then.
    """

    verdict: str
    owned: Decimal
    us: int
    coverage_seq: int
    seq: int
    reported: Decimal
    entries: int


class ComparisonState(msgspec.Struct, gc=False, array_like=True):
    """The state of one unit's comparison, and the last result of it; the account has its trellis."""

    #: Steps that are not decided yet, the earliest first.
    pending: list[Step] = []
    accrual: Accrual = Accrual()
    #: What known rates leave over of fees in suspense, by the log position of the report: it is not posted yet.
    suspended: dict[int, Decimal] = {}
    doubt: OpeningDoubt | None = None
    #: The doubt that the unit opened with: nobody has decided it yet.
    uncertain: OpeningDoubt | None = None
    #: Steps whose breaks were explained, by the log position of the report that shows them.
    ended: dict[int, EndedStep] = {}
    #: Reports of a contract, until it is open.
    first_reports: list[FirstReport] = []
    #: The latest report of a unit that is not judged until its books have what a gap hid, or the cash of contracts.
    deferred: Observation | None = None
    #: True once recon itself failed on the unit: it is not compared until the books are rebuilt.
    set_aside: bool = False
    #: The next observation opens a cash book: what is unexplained until then is the past (semantics 3.5).
    rebase: bool = False
    breaks: list[Break] = []
    closed: list[Break] = []
    #: The latest report, and when it came.
    latest: Observation | None = None
    reported: Decimal | None = None
    inferred: bool = False
    observed_us: int | None = None
    observed_seq: int | None = None
    #: Log position of the latest report of zero that was an empty list, taken at its word; 0: none was.
    emptied_seq: int = 0
    #: How long after each other observations come, as a running mean: a polled unit is not silent between polls.
    gap: int = 0
    #: True if the latest report waits for its window and is not just what is booked.
    waiting: bool = False
    cut_seq: int = 0
    cut_total: Decimal = ZERO
    cut_explained: Decimal = ZERO
    #: The latest row of the unit's history; None before the first.
    kept: Kept | None = None
    #: What each independent source said last of the unit.
    sources: dict[IndependentSource, SourceStanding] = {}

    def silence(self, window: int) -> int:
        """Return how long a unit must not be spoken of to be quiet; a polled one is not silent between polls."""
        return max(window, 3 * self.gap // 2) if self.gap <= MAX_GAP_WINDOWS * window else window

    @property
    def undecided(self) -> bool:
        """True if a step or a report of the unit is not decided yet."""
        return not self.set_aside and bool(self.pending or self.waiting or self.doubt is not None)

    @property
    def owned(self) -> Decimal:
        """Return what breaks and pending steps own of the drift."""
        if not self.breaks and not self.pending:
            return ZERO
        owned = sum((known.amount for known in self.breaks if known.owns_residual), ZERO)
        return owned + sum((step.amount for step in self.pending), ZERO)
