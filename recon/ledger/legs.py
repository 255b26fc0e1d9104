"""What fills and told movements moved in each unit, as the comparison needs it. Pure (semantics 2.3, 8.5).

1. A leg is of one unit and has the venue's time; the comparison orders legs by that time.
2. Fees are no legs: a leg's turnover and fee key say what its fee is a share of, `booked_fee` what is booked of it.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import ZERO
from recon.ledger.fees.fee_key import FeeKey, OrderClass


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """When something happened at the venue.

    `us` is the venue's time by our clock, in microseconds; the arrival where the venue told no time. `resolution_us` is
    the resolution of the venue's times, in microseconds: 1, 1,000, 10,000, 100,000 or 1,000,000. 0: no time was told.
    """

    us: int
    resolution_us: int = 0


class LegOrigin(msgspec.Struct, frozen=True, gc=False):
    """What all legs of a fill have in common; `arrived_us` is when its report came, in microseconds."""

    stamp: Stamp
    arrived_us: int
    order: str | None = None
    order_class: OrderClass = "other"
    market: str = ""

    def key(self, role: str, side: int) -> FeeKey:
        """Return the key of the fee of a leg; `side`: 1 received, -1 paid, 0 in a third asset."""
        return FeeKey(role, side, self.order_class, self.market)


class Leg(msgspec.Struct, frozen=True, gc=False):
    """What a fill, or a told movement, moved in one unit.

    A fee is a share of the size of `turnover`, which is negative where paid. The amount is known within `error`, and
    within the unit's quantum if it is `rounded`. `unmodelled`: the amount could not be worked out and is 0; at most so
    much was moved. `booked_fee` is the cost booked with the leg in this unit.
    """

    amount: Decimal
    stamp: Stamp
    arrived_us: int
    order: str | None = None
    turnover: Decimal = ZERO
    fee_key: FeeKey | None = None
    error: Decimal = ZERO
    rounded: bool = False
    unmodelled: Decimal = ZERO
    booked_fee: Decimal = ZERO


def leg_of(
    origin: LegOrigin, amount: Decimal, *, role: str | None = None, error: Decimal = ZERO, rounded: bool = False
) -> Leg:
    """Return a leg of a fill; with a `role`, its amount is also the turnover that a fee is a share of."""
    key = None if role is None else origin.key(role, 1 if amount > 0 else -1)
    turnover = ZERO if role is None else amount
    return Leg(amount, origin.stamp, origin.arrived_us, origin.order, turnover, key, error, rounded)
