"""The words of the policy: signals come in, steps are taken, messages go out. Pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

#: What a signal says of its subject: `again`: it fires once more; `taken_up`: somebody has it.
SignalKind: TypeAlias = Literal["fires", "again", "moves", "taken_up", "wants_approval", "ends", "tells"]
#: Why a message is sent. `summary` tells what was held, limited or silenced; `digest` what was no page.
MessageKind: TypeAlias = Literal["firing", "moved", "reminder", "escalation", "recovery", "summary", "digest", "notice"]
#: What the policy did with a case on a channel, or on all of them (channel "").
StepKind: TypeAlias = Literal[
    "grouped",
    "silenced",
    "held",
    "limited",
    "sent",
    "digested",
    "not_routed",
    "not_material",
    "acknowledged",
    "ended",
]


class Signal(msgspec.Struct, frozen=True):
    """Something to tell, or something that changes what is told. Null and "" mean: does not apply.

    `id` is the same after every rebuild. `subject` is the break or condition, `case_id` its case; `at` the log time of
    what happened. `amount` is signed, in the unit; `amount_usd` its worth.
    `tells` is a signal that has no end: a refused event, a finding.
    """

    id: str
    kind: SignalKind
    event: str
    gateway: str
    subject: str
    case_id: str
    seq: int
    at: datetime
    account: str = ""
    unit_kind: str = ""
    unit: str = ""
    amount: Decimal | None = None
    amount_usd: Decimal | None = None
    cause: str = ""
    certainty: str = ""
    severity: str = ""
    actor: str = ""


class Silence(msgspec.Struct, frozen=True):
    """What a person asked not to be told of until a time; each null matches everything.

    A silence that somebody ends early keeps its place: `until` is then the time at which it was ended.
    """

    id: str
    since: datetime
    until: datetime
    by: str
    reason: str
    gateway: str | None = None
    account: str | None = None
    unit: str | None = None
    case_id: str | None = None
    cause: str | None = None


class Step(msgspec.Struct, frozen=True):
    """One thing that the policy did with one case, in the order of time; `reason` names the setting that decided."""

    gateway: str
    case_id: str
    at: datetime
    kind: StepKind
    channel: str
    reason: str
    message: str | None = None


class Outgoing(msgspec.Struct, frozen=True):
    """A message for one channel; its id is a hash of channel, kind, and what it tells.

    `signals` are the ids of what it tells, `cases` (gateway, case) the cases; `held` how many alerts waited for it.
    A `notice` of the policy itself, such as a page budget that is used up, has neither: its reason says all.
    """

    id: str
    channel: str
    kind: MessageKind
    at: datetime
    signals: tuple[str, ...]
    cases: tuple[tuple[str, str], ...]
    reason: str
    held: int = 0
