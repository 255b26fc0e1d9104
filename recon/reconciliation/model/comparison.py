"""What reconciliation remembers of a unit between events. Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.timeline import Uncertainty
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.hypothesis import FrontRunner, Hypothesis

#: Observations of one unit that wait for their window; beyond it the oldest is judged early.
MAX_QUEUE: Final = 512
#: How often log time is asked what it decides, in microseconds of the clock.
ADVANCE_US: Final = 100_000
#: A unit that is usually observed within so many windows is waited for half as long again before silence decides.
MAX_GAP_WINDOWS: Final = 12
#: Agreements remembered per unit, to find the origin of a break.
MAX_TRAIL: Final = 32
#: They are kept this share of a window apart, so that they reach back two windows at least; the latest always is.
TRAIL_SHARE: Final = 8
#: Closed breaks remembered per unit, so that a recurrence reopens and counts.
MAX_CLOSED: Final = 16


class Agreement(msgspec.Struct, frozen=True, gc=False):
    """An observation that fitted: where, when, and what it said."""

    seq: int
    clock: int
    value: Decimal
    us: int = 0


class Left(msgspec.Struct, frozen=True, gc=False):
    """What an agreement left over, after which entry, and since when."""

    number: int = 0
    amount: Decimal = ZERO
    clock: int = 0


class Chain(msgspec.Struct, gc=False):
    """Observations that do not fit, from the first on (semantics 5.2)."""

    candidates: list[Hypothesis]
    last: Observation
    #: Whether the last observation failed to fit what is owned.
    failed: bool
    pending: Break
    #: When its first report came, by the clock.
    began: int = 0


class Suspect(msgspec.Struct, frozen=True, gc=False):
    """A difference that may be a fee at a rate not known yet: the report that showed it, and what fills had cost.

    `legs` are those of the fills since the agreement before it, negative where paid; `cost` is what they cost in all,
    with what was booked of it, give or take `blur`; `amount` is what is owned of it. `low` is the entry agreed up to
    before, `until` the one of the cut it was taken at.
    """

    seq: int
    clock: int
    us: int
    legs: tuple[Decimal, ...]
    cost: Decimal
    blur: Decimal
    amount: Decimal
    low: int
    until: int


class ComparisonState(msgspec.Struct, gc=False):
    """The state of one unit's comparison, and the last result of it."""

    #: What open breaks own, with `learning`, `settled` and `suspense`.
    residual: Decimal = ZERO
    #: Fees taken while their rate was being learned, which are not booked yet; negative where they cost.
    learning: Decimal = ZERO
    #: Fees in a row that had the rate that is seldom taken.
    seldom: int = 0
    #: What fees in doubt came to beyond what is booked of them, by the agreements since, and is not booked yet.
    settled: Decimal = ZERO
    #: What fills cost is known now; what they cost before is being looked for, like an opening.
    calibrating: bool = False
    #: What was owned of it by guess, before it was known.
    guessed: Decimal = ZERO
    #: Differences in suspense, and how many reports agreed since the latest.
    suspects: list[Suspect] = []
    cleared_since: int = 0
    #: Differences that became breaks: another like them bears out a rate all the same.
    odd: list[Suspect] = []
    low: int = 0
    #: Slack of the books at the last agreement; tolerance grows from there.
    uncertainty: Uncertainty = Uncertainty()
    left: Left = Left()
    queue: list[Observation] = []
    #: The latest report of a unit that is not judged until its books have what a gap hid, or the cash of contracts.
    deferred: Observation | None = None
    chain: Chain | None = None
    #: True once recon itself failed on the unit: it is not compared until the books are rebuilt.
    set_aside: bool = False
    #: When the first report came that the opening was looked for in, and the candidates (semantics 4.2).
    opening_since: int | None = None
    opening: list[Hypothesis] = []
    heard: list[Observation] = []
    front: FrontRunner | None = None
    #: The next observation opens a cash book: what is unexplained until then is the past (semantics 3.5).
    rebase: bool = False
    breaks: list[Break] = []
    closed: list[Break] = []
    trail: list[Agreement] = []
    #: The latest judged observation and the cut it was held against.
    reported: Decimal | None = None
    inferred: bool = False
    observed_us: int | None = None
    observed_seq: int | None = None
    observed_clock: int = 0
    #: How long after each other observations come, as a running mean: a polled unit is not silent between polls.
    gap: int = 0
    cut_number: int = 0
    cut_seq: int = 0
    cut_total: Decimal = ZERO
    cut_explained: Decimal = ZERO

    def forget_opening(self) -> None:
        """End the search for an opening, or for what fills cost before it was known: nothing of it is needed on."""
        self.opening, self.heard, self.opening_since = [], [], None

    def end_search(self) -> None:
        """End it with what was found: the last report heard is judged by that, for nothing may follow it."""
        self.queue = [*self.heard[-1:], *self.queue]
        self.forget_opening()

    @property
    def suspense(self) -> Decimal:
        """Return what is owned of differences in suspense."""
        return sum((each.amount for each in self.suspects), ZERO)

    def forget_suspense(self) -> None:
        """Give back what is in suspense."""
        self.residual -= self.suspense
        self.suspects = []

    def silence(self, window: int) -> int:
        """Return how long a unit must not be spoken of to be quiet; a polled one is not silent between polls."""
        return max(window, 3 * self.gap // 2) if self.gap <= MAX_GAP_WINDOWS * window else window

    @property
    def awaiting_time(self) -> bool:
        """Tell whether the passing of time alone may decide something."""
        return not self.set_aside and bool(self.queue or self.chain is not None or self.opening or self.suspects)
