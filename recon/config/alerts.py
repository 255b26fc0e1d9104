"""`[alerts]`: who is told what and when, and how long recon does not see before it is told (operator 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from recon.config.alert_policy import (
    Again,
    ChannelLimit,
    Digest,
    Escalate,
    Gate,
    Gather,
    Maintenance,
    PageBudget,
    QuietHours,
    Remind,
    Route,
)
from recon.config.base import Table
from recon.config.values import Duration


class Alerts(Table):
    """Who is told what and when, how long each way not to see lasts before it is told, and what keeps messages few."""

    #: An alert waits so long for the other legs of its case, and for the rest of a burst; 0s: each may go alone.
    gather: Gather = timedelta(seconds=1)
    #: If more cases of a gateway come within `gather`, they are one message.
    burst: int = Field(default=5, ge=1, le=1000)
    #: In this order; what none of them takes goes to all channels, by the gate.
    routes: tuple[Route, ...] = ()
    gate: Gate = Gate()
    again: Again = Again()
    remind: Remind = Remind()
    escalate: tuple[Escalate, ...] = ()
    quiet_hours: tuple[QuietHours, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    #: The first one that names a channel holds for it.
    limits: tuple[ChannelLimit, ...] = (ChannelLimit(messages=60, every=timedelta(minutes=10)),)
    budgets: tuple[PageBudget, ...] = ()
    digest: Digest = Digest()
    #: No session is open, or no instance records the gateway.
    gateway_down: Duration = timedelta(seconds=15)
    #: A session is open, but none of the accounts shows a sign of life: each is missed for 10 s already.
    gateway_stalled: Duration = timedelta()
    #: One account is in a gap.
    account_not_covered: Duration = timedelta(seconds=30)
    #: What a gap hid is still asked for.
    account_catching_up: Duration = timedelta(minutes=10)
    #: Orders are missing, and nothing told what became of them.
    account_unresolved: Duration = timedelta(minutes=10)
    #: Events in the log are not folded.
    projection_behind: Duration = timedelta(seconds=15)
    #: A part of the service fails again and again.
    part_failing: Duration = timedelta(seconds=30)
    #: The buffer was full, and the session was closed.
    buffer_overrun: Duration = timedelta()
    #: More permissive rules wait for a second person.
    rules_waiting: Duration = timedelta(minutes=1)
    #: A business day was not signed in time, by `close_within` of its account; a planned backup is not there.
    close_missed: Duration = timedelta(minutes=1)
    backup_missed: Duration = timedelta(minutes=10)
    #: The log soon has no partition made ahead of need.
    partitions_short: Duration = timedelta(minutes=10)
    #: Nobody looked: the service or its database did not run.
    service_away: Duration = timedelta(minutes=1)
    #: It is over once it has been away for so long.
    settled: Duration = timedelta(minutes=1)
    #: The same subject is told anew only so long after it was last told.
    repeat: Duration = timedelta(minutes=10)

    @model_validator(mode="after")
    def _keeps_messages_few(self) -> Self:
        if self.repeat < self.settled:
            raise ValueError("repeat must not be shorter than settled")
        names = [route.name for route in self.routes]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"routes: two are named {twice}; the steps of the policy name routes, so give each its own"
            )
        return self
