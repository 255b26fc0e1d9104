"""How much rounding was posted in a unit on a day. Pure (semantics 6.3)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ZERO


class RoundingBudget(msgspec.Struct, gc=False, array_like=True):
    """Rounding posted on the latest day (days since the epoch), and whether the limit was reported."""

    day: int = 0
    used: Decimal = ZERO
    reported: bool = False

    def used_on(self, day: int) -> Decimal:
        """Return the rounding posted on a day."""
        return self.used if self.day == day else ZERO

    def use(self, day: int, amount: Decimal) -> None:
        """Add rounding on a day."""
        self.day, self.used, self.reported = day, self.used_on(day) + amount, False

    def report(self, day: int) -> bool:
        """Note that a day's limit is reached; return True the first time."""
        first = not (self.day == day and self.reported)
        self.day, self.used, self.reported = day, self.used_on(day), True
        return first
