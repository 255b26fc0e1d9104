"""A break: one step of a unit's residual that no cut explains (semantics 8). Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.exact import ZERO
from recon.reconciliation.model.path_evidence import PathEvidence
from recon.source_class import IndependentSource

BreakState = Literal[
    "open",
    "assigned",
    "investigating",
    "proposed",
    "accepted",
    "explained",
    "resolved",
    "cleared",
]


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence for a cause: a sentence with its arithmetic, and the log position that it rests on."""

    text: str
    seq: int | None = None
    amount: Decimal | None = None


class CauseTried(msgspec.Struct, frozen=True, gc=False):
    """A cause that was tried: whether it fits, and why."""

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
    """The acceptance of a break until a log time (microseconds), while the drift is at most `amount`."""

    until_us: int
    amount: Decimal
    #: When it was accepted: a later break of the unit adds to the drift.
    since_us: int = 0


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """An entry, by its number, that explains a break or a part of one; reopening the break reverses the entry."""

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
    #: When a report first showed it, and when it became a break.
    seen_us: int
    opened_us: int
    origin_seq: int
    after_seq: int
    until_seq: int
    closed_us: int | None = None
    occurrences: int = 1
    #: Entries of the unit when it opened: later entries may clear it.
    entries: int = 0
    #: True if the amount is part of the unit's residual (that of a contradiction is not).
    owns_residual: bool = True
    offset_by: str | None = None
    note: str = ""
    evidence: list[Evidence] = []
    tried: list[CauseTried] = []
    #: How sure the cause is (`causes.cause.Strength`; 0: not judged), and which one it opened with.
    strength: int = 0
    first_cause: str = ""
    #: The order that the cause rests on, and the log position of its last report.
    order: tuple[str, int] | None = None
    assignee: str | None = None
    proposal: Proposal | None = None
    acceptance: Acceptance | None = None
    #: The parts explained since it last opened; while it is active, `amount` is the rest.
    explained: list[Explanation] = []
    #: Log time of `after_seq`; 0: since the opening.
    after_us: int = 0
    #: Log position of the report that shows it now; entries that come late may move it from `origin_seq`.
    step_seq: int = 0
    #: True if it was a fee candidate first, and no similar fee followed.
    was_fee_candidate: bool = False
    #: The reports and postings that it follows from; None where it follows from none, or was stored without them.
    path: PathEvidence | None = None
    #: The independent source that differs from the books; None: the EMS's reports do.
    source: IndependentSource | None = None

    @property
    def explained_amount(self) -> Decimal:
        """Return the explained amount, signed like the break's amount."""
        return sum((part.amount for part in self.explained), ZERO)
