"""What was approved, or told by one person, on a business day. Pure (semantics 10.2, 10.7)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ZERO


class ApprovalTotal(msgspec.Struct, gc=False, array_like=True):
    """The total approved, or told by one person, on the latest business day, in USD (semantics 10.2, 10.7)."""

    day: int = 0
    usd: Decimal = ZERO

    def of_day(self, day: int) -> Decimal:
        """Return the total approved on a business day, in USD."""
        return self.usd if self.day == day else ZERO

    def add(self, day: int, usd: Decimal) -> None:
        """Add an approved amount on a business day, in USD."""
        self.day, self.usd = day, self.of_day(day) + usd
