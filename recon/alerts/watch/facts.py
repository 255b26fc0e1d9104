"""What is stored about the gateways, accounts and parts of the service at one moment. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

#: Names a subject of the service as a whole, in the place of a gateway.
SERVICE = ""


class GatewayFact(msgspec.Struct, frozen=True):
    """One gateway, as view `gateways` shows it; `unfolded_at` is the log time of the first event that waits."""

    name: str
    state: str = "unconnected"
    changed_at: datetime | None = None
    connected_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    recorder: str | None = None
    head_seq: int = 0
    last_event_at: datetime | None = None
    projected_seq: int = 0
    lag_events: int = 0
    unfolded_at: datetime | None = None
    overrun_at: datetime | None = None
    rules_wait_since: datetime | None = None
    facts_wait_since: datetime | None = None
    open_cases: int = 0


class AccountFact(msgspec.Struct, frozen=True):
    """One account of a gateway and its coverage."""

    gateway: str
    account: str
    state: str
    reason: str | None
    last_alive_at: datetime | None


class PartFact(msgspec.Struct, frozen=True):
    """One part of an instance that has said something lately."""

    gateway: str
    instance: str
    part: str
    state: str
    detail: str
    since: datetime
    failures: int


class MissedJob(msgspec.Struct, frozen=True):
    """A planned job that did not run: of a gateway or the service, its kind of condition, and since when it is late."""

    gateway: str
    kind: str
    about: str
    detail: str
    since: datetime | None


class Facts(msgspec.Struct, frozen=True):
    """All that is known at one moment, by the service's clock."""

    now: datetime
    gateways: list[GatewayFact]
    accounts: list[AccountFact]
    parts: list[PartFact]
    missed: list[MissedJob] = []
