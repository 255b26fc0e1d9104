"""A break: one step of a unit's residual that no cut explains (semantics 8). Pure; stored with the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from recon.exact import ZERO

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


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence for a cause: words with the arithmetic in them, and the log position they rest on."""

    text: str
    seq: int | None = None
    amount: Decimal | None = None


class CauseTried(msgspec.Struct, frozen=True, gc=False):
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


class Explanation(msgspec.Struct, frozen=True, gc=False):
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
    tried: list[CauseTried] = []
    #: How sure the cause is (`causes.cause.Strength`; 0: not judged), and which one it opened with.
    strength: int = 0
    first_cause: str = ""
    #: The order of ours that the cause rests on, and where that was last heard of.
    order: tuple[str, int] | None = None
    assignee: str | None = None
    proposal: Proposal | None = None
    acceptance: Acceptance | None = None
    #: What is explained of it since it last opened; while it is active `amount` is what is left.
    explained: list[Explanation] = []
    #: Log time of `after_seq`; 0: since the opening.
    after_us: int = 0
    #: Whether it was in suspense first: it was like a fee, and none like it was taken again.
    was_fee_candidate: bool = False

    @property
    def explained_amount(self) -> Decimal:
        """Return what entries explain of it, signed like its amount."""
        return sum((part.amount for part in self.explained), ZERO)
