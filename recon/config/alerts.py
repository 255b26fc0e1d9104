"""`[alerts]`: how long a case is gathered, and how long recon does not see before it is told (operator 7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import model_validator

from recon.config.base import Table
from recon.config.values import Duration


class Alerts(Table):
    """How long legs are gathered, how long each way not to see lasts before it is told, and what keeps messages few."""

    #: An alert about a break waits so long for the other legs of its case; 0s: each leg may go alone.
    gather: Duration = timedelta(seconds=1)
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
        return self
