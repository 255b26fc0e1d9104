"""The log time of a gateway's ledger, and what is counted by it. Pure (semantics 9.4)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.ledger.approvals import ApprovalTotal
from recon.ledger.rules import HOLE_US


class LedgerClock(msgspec.Struct):
    """The stored log time of a gateway, and the log positions of its rules."""

    clock: int = 0
    last_us: int = 0
    #: Log time of the first event after the last hole; 0 without a hole.
    hole_end_us: int = 0
    session: str | None = None
    #: The latest run of REST requests, and the number of its answers folded.
    backfill_run: str | None = None
    backfill_answers: int = 0
    #: Log positions of the rules in force and of the proposed rules; 0: none.
    rules_seq: int = 0
    proposed_rules_seq: int = 0
    #: Since when the rules are in force, in microseconds, and whether what they do not match was told.
    rules_us: int = 0
    rules_checked: bool = True
    #: By login, the USD value of the day's facts that took effect by its word alone (semantics 10.7).
    told: dict[str, ApprovalTotal] = {}

    def add_told(self, login: str, day: int, usd: Decimal) -> None:
        """Add a fact to what a login told on a day; earlier days are forgotten."""
        today = {name: total for name, total in self.told.items() if total.day >= day}
        total = today.setdefault(login, ApprovalTotal())
        total.add(day, usd)
        self.told = today

    def advance_to(self, us: int) -> int:
        """Advance to an event's log time, leaving out holes; return the clock."""
        passed = us - self.last_us if self.last_us else 0
        if 0 < passed <= HOLE_US:
            self.clock += passed
        elif passed > HOLE_US:
            self.hole_end_us = us
        self.last_us = max(us, self.last_us)
        return self.clock
