"""What reconciliation remembers of a unit between events. Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.timeline import Slack

#: Observations of one unit that wait for their window; beyond it the oldest is judged early.
MAX_QUEUE: Final = 512
#: Residuals that one chain carries as candidates.
MAX_CANDIDATES: Final = 128
#: Cuts that one observation is held against, at most: half before it and half after. A unit with more entries in a
#: window is judged by the nearest.
MAX_CUTS: Final = 128
#: Fees of which it is open which of two rates was taken, at most, that all combinations are tried of.
MAX_DOUBTS: Final = 8
#: Reports in a row, each just what is booked, after which an opening is beyond doubt (the total must have turned).
OPENING_HITS: Final = 12
OPENING_TURNS: Final = 2
#: How often log time is asked what it decides, in microseconds of the clock.
ADVANCE_US: Final = 100_000
#: Observations that a candidate may miss before it must fit three times as many.
MAX_MISSES: Final = 2
#: A unit that is usually observed within so many windows is waited for half as long again before silence decides.
MAX_GAP_WINDOWS: Final = 12
#: Reports that an opening is weighed by, at most: the latest.
MAX_HEARD: Final = 32
#: An observation that an opening fits only within tolerance counts as far away as this share of a window.
ROUGH_SHARE: Final = 4
#: One that it fits only if a fee not known yet was taken counts as so many of those.
ROUGH_FEE: Final = 3
#: Cuts of one report that an opening is looked for at, the nearest in time; and candidates that are carried.
NEAR_CUTS: Final = 12
MAX_OPENINGS: Final = 48
#: How far ahead of all others an opening's best candidate must be while things are in motion, in windows of lag.
OPENING_LEAD: Final = 4
#: Agreements remembered per unit, to find the origin of a break.
MAX_TRAIL: Final = 32
#: They are kept this share of a window apart, so that they reach back two windows at least; the latest always is.
TRAIL_SHARE: Final = 8
#: Closed breaks remembered per unit, so that a recurrence reopens and counts.
MAX_CLOSED: Final = 16

BreakState = Literal[
    "pending",
    "open",
    "assigned",
    "investigating",
    "proposed",
    "accepted",
    "explained",
    "resolved",
    "cleared",
    "dismissed",
]


class Hypothesis(msgspec.Struct, gc=False):
    """A residual that observations allow, and how well it has done since the one that first allowed it."""

    residual: Decimal
    #: The entry after which its latest cut was.
    low: int
    #: The entry after which its first cut was, and where and when the observation was.
    origin: int
    since: int
    since_seq: int
    since_us: int
    #: Contracts: the average entry price reported with that observation.
    price: Decimal | None = None
    fits: int = 1
    misses: int = 0
    #: How many of the fits were not exact but within tolerance; one with a fee not known yet counts ROUGH_FEE times.
    rough: int = 0
    #: How far in time, in all, the cuts that fit were from their observations: the truth is seldom far.
    lag: int = 0
    #: Whether it fits the latest observation.
    fitting: bool = True
    #: How much nearer in time the cut it fits was than any other that fits, at best; which cut that was the last time,
    #: and the average entry price reported then.
    margin: int = -1
    latest: int = 0
    latest_price: Decimal | None = None
    #: What fees in doubt came to since its first cut, beyond what is booked, and up to which entry.
    drift: Decimal = ZERO
    mark: int = 0

    @property
    def score(self) -> int:
        """Weigh fits against misses: reports that cross each other make even the truth miss now and then."""
        return self.fits - 2 * self.misses

    @property
    def worn(self) -> bool:
        """Tell whether it has missed too often to be the truth."""
        return self.misses > MAX_MISSES and 3 * self.misses > self.fits


class FrontRunner(msgspec.Struct, gc=False):
    """The opening under which the latest reports are exactly what is booked, one after the other."""

    residual: Decimal
    number: int
    price: Decimal | None
    total: Decimal
    hits: int = 0
    turns: int = 0
    rising: bool | None = None


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


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence for a cause: words with the arithmetic in them, and the log position they rest on."""

    text: str
    seq: int | None = None
    amount: Decimal | None = None


class Tried(msgspec.Struct, frozen=True, gc=False):
    """A cause that was considered: whether it fits, and why or why not."""

    cause: str
    fits: bool
    why: str


class Proposal(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a person proposes for a break; an approval binds to `digest` (semantics 10.2).

    With `until_us` it is to be lived with until that log time (microseconds), up to a drift of `entry`; else `entry` is
    what is to be booked.
    """

    digest: str
    cause: str
    entry: Decimal
    evidence: tuple[str, ...]
    login: str
    authenticated: bool
    seq: int
    until_us: int | None = None


class Acceptance(msgspec.Struct, frozen=True, gc=False):
    """A break that is lived with until a log time (microseconds), as long as the drift is no larger than `amount`."""

    until_us: int
    amount: Decimal
    #: When it was accepted: a break that opened on the unit since then adds to the drift.
    since_us: int = 0


class Explained(msgspec.Struct, frozen=True, gc=False):
    """An entry that explains a break, or a part of it, by its number; a reopening reverses it."""

    cause: str
    certainty: str
    amount: Decimal
    number: int = 0


class Break(msgspec.Struct, gc=False):
    """One step of a unit's residual that no cut explains (semantics 8)."""

    id: str
    case_id: str
    cause: str
    certainty: str
    state: BreakState
    amount: Decimal
    candidates: list[Decimal]
    #: When it was first seen in a report, and when it became a break.
    seen_us: int
    opened_us: int
    origin_seq: int
    after_seq: int
    until_seq: int
    closed_us: int | None = None
    occurrences: int = 1
    #: Entries of the unit when it opened: what is booked later may clear it.
    entries: int = 0
    #: Whether the amount is part of the unit's residual (a contradiction of reports is not).
    owns_residual: bool = True
    offset_by: str | None = None
    note: str = ""
    evidence: list[Evidence] = []
    tried: list[Tried] = []
    #: How sure the cause is (`causes.context.Strength`; 0: not judged), and which one it opened with.
    strength: int = 0
    first_cause: str = ""
    #: The order of ours that the cause rests on, and where that was last heard of.
    order: tuple[str, int] | None = None
    assignee: str | None = None
    proposal: Proposal | None = None
    acceptance: Acceptance | None = None
    #: What is explained of it since it last opened; while it is active `amount` is what is left.
    explained: list[Explained] = []
    #: Log time of `after_seq`; 0: since the opening.
    after_us: int = 0
    #: Whether it was in suspense first: it was like a fee, and none like it was taken again.
    waited: bool = False

    @property
    def explained_amount(self) -> Decimal:
        """Return what entries explain of it, signed like its amount."""
        return sum((part.amount for part in self.explained), ZERO)


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


class Comparison(msgspec.Struct, gc=False):
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
    slack: Slack = Slack()
    left: Left = Left()
    queue: list[Observation] = []
    #: The latest report of a unit that is not judged until its books have what a gap hid, or the cash of contracts.
    held: Observation | None = None
    chain: Chain | None = None
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
    def restless(self) -> bool:
        """Tell whether the passing of time alone may decide something."""
        return bool(self.queue or self.chain is not None or self.opening or self.suspects)
