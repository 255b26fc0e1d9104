"""The rules of the policy: who is told what, when, and how often. Values; equal settings give equal rules. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

#: From the least to the most severe; as `recon.reconciliation.model.severity` has them, and a test compares.
SEVERITIES: Final = ("info", "low", "medium", "high", "critical")
#: How what a route takes is told: `gate` decides by certainty and severity, `nothing` tells nobody.
Send: TypeAlias = Literal["gate", "page", "digest", "nothing"]
ALL_DAYS: Final = (0, 1, 2, 3, 4, 5, 6)


class Route(msgspec.Struct, frozen=True):
    """What is told on which channels. The first route that takes a signal holds; after one that `goes_on` the next too.

    `severity` is the least one. Of the others each lists names or globs (`missed_*`); an empty one takes everything.
    """

    name: str
    channels: tuple[str, ...]
    send: Send = "gate"
    goes_on: bool = False
    severity: str = ""
    causes: tuple[str, ...] = ()
    certainties: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class Gate(msgspec.Struct, frozen=True):
    """What is sent at once: a cause of these certainties, or this severity and more. The rest waits for the digest.

    What has no certainty, such as a gateway that is down, is sent at once.
    """

    certainties: tuple[str, ...] = ("exact", "inferred")
    severity: str = "high"


class Move(msgspec.Struct, frozen=True):
    """From which change on a break is told again: in its unit (the first glob that matches), as a share, or in USD."""

    units: tuple[tuple[str, Decimal], ...] = ()
    share: Decimal | None = Decimal("0.5")
    usd: Decimal | None = None


class Reminders(msgspec.Struct, frozen=True):
    """At which ages a case that nobody took up is told again, and every how long after the last of these."""

    after: tuple[timedelta, ...] = ()
    every: timedelta | None = None


class Escalation(msgspec.Struct, frozen=True):
    """After which age a case that nobody took up is told to whom; `severity` is the least one."""

    after: timedelta
    to: tuple[str, ...]
    severity: str = ""


class QuietHours(msgspec.Struct, frozen=True):
    """When channels are not disturbed: from one minute of the day to another, which may be on the next day.

    `days` are those on which it begins, Monday is 0; `passes` is the least severity that is sent all the same.
    """

    channels: tuple[str, ...]
    start: int
    end: int
    zone: str = "UTC"
    days: tuple[int, ...] = ALL_DAYS
    passes: str = ""


class Maintenance(msgspec.Struct, frozen=True):
    """A planned time in which alerts of these gateways and accounts are held; an empty list takes all."""

    name: str
    since: datetime
    until: datetime
    gateways: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class Limit(msgspec.Struct, frozen=True):
    """Most messages of each of these channels in any interval of this length."""

    channels: tuple[str, ...]
    messages: int
    interval: timedelta


class Budget(msgspec.Struct, frozen=True):
    """How many pages a week each of these channels is meant to get; more are sent, and it is told."""

    channels: tuple[str, ...]
    pages: int


class Digest(msgspec.Struct, frozen=True):
    """At which minutes of which days digests are sent."""

    minutes: tuple[int, ...] = (8 * 60,)
    zone: str = "UTC"
    days: tuple[int, ...] = ALL_DAYS


class Policy(msgspec.Struct, frozen=True):
    """The whole policy. `channels` are those that there are; a route without channels of its own means all of them.

    Alerts of one gateway wait `group_wait` for each other. Those of one case are one message; if more than `burst`
    cases came, all of them are.
    """

    channels: tuple[str, ...]
    routes: tuple[Route, ...] = (Route("default", ()),)
    gate: Gate = Gate()
    move: Move = Move()
    reminders: Reminders = Reminders()
    escalations: tuple[Escalation, ...] = ()
    quiet: tuple[QuietHours, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    digest: Digest = Digest()
    group_wait: timedelta = timedelta(seconds=1)
    burst: int = 5


_encoder: Final = msgspec.json.Encoder(order="deterministic")
_decoder: Final = msgspec.json.Decoder(Policy)


def encode_policy(policy: Policy) -> bytes:
    """Return the policy as JSON; the same policy gives the same bytes."""
    return _encoder.encode(policy)


def decode_policy(document: bytes) -> Policy:
    """Return the policy of its JSON. Raise msgspec.ValidationError."""
    return _decoder.decode(document)
