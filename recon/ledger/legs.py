"""What fills and told movements moved in each unit, as the comparison needs it. Pure (semantics 2.7, 8.5).

1. A leg is of one unit and has the venue's time; the comparison orders legs by that time.
2. Fees are no legs: a leg's turnover and fee key say what its fee is a share of, `booked_fee` what is booked of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from recon.exact import ZERO, divide
from recon.ledger.fees.fee_key import QUOTE, FeeKey, OrderClass, fee_key

#: Beyond all amounts: what a fill may have moved where nothing bounds it.
UNBOUNDED: Final = Decimal("1e30")
#: Error of one fill's share of cash that several fills have in common, as a share of the whole.
SHARE_ERROR: Final = Decimal("1e-4")
#: Digits after the point of a share of cash.
_SHARE_DIGITS: Final = 12


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

    def is_late(self, window_us: int) -> bool:
        """True if the fill was told a window late, as after a gap."""
        return self.arrived_us - self.stamp.us > window_us

    def key(self, role: str, side: int) -> FeeKey:
        """Return the key of the fee of a leg; `side`: 1 received, -1 paid, 0 in a third asset."""
        return fee_key(role, side, self.order_class, self.market)


class Leg(msgspec.Struct, frozen=True, gc=False):
    """What a fill, or a told movement, moved in one unit.

    A fee is a share of the size of `turnover`, which is negative where paid. The amount is known within `error`, and
    within the unit's quantum if it is `rounded`. `unmodelled`: the amount could not be worked out and is 0; at most so
    much was moved, anything if UNBOUNDED. `booked_fee` is the cost booked with the leg in this unit.
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
    #: True if it takes back what a statement told, because reports have it now.
    takes_back: bool = False
    #: True if its entry is no fill's: it explains what reports show (semantics 7.1).
    explains: bool = False


class FillPart(NamedTuple):
    """A part of a fill that is booked in one, as a report tells it that a later one overtook.

    `left` is what is booked of the order beyond the part: in its base unit and in its quote unit, signed.
    """

    account: str
    order: str
    stamp: Stamp
    units: tuple[str, str]
    left: tuple[Decimal, Decimal]


def leg_of(
    origin: LegOrigin, amount: Decimal, *, role: str | None = None, error: Decimal = ZERO, rounded: bool = False
) -> Leg:
    """Return a leg of a fill; with a `role`, its amount is also the turnover that a fee is a share of."""
    key = None if role is None else origin.key(role, 1 if amount > 0 else -1)
    turnover = ZERO if role is None else amount
    return Leg(amount, origin.stamp, origin.arrived_us, origin.order, turnover, key, error, rounded)


class FillShare(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A fill as one of several that have cash in common."""

    quantity: Decimal
    origin: LegOrigin


def cash_legs(cash: Decimal, fills: Sequence[FillShare], *, error: Decimal, role: str | None = QUOTE) -> list[Leg]:
    """Return the legs of signed cash, which the fills share by quantity; the last takes what is left by rounding.

    Without a `role`, no fee is a share of them. `error` bounds the error of the cash. Prices of the fills differ, so a
    share is known less well than the whole.
    """
    if len(fills) == 1:  # as nearly always
        return [leg_of(fills[0].origin, cash, role=role, error=error, rounded=True)]
    whole, left, legs = sum((fill.quantity for fill in fills), ZERO), cash, list[Leg]()
    error += abs(cash) * SHARE_ERROR
    for fill in fills[:-1]:
        share = divide(cash * fill.quantity, whole, _SHARE_DIGITS)
        left -= share
        legs.append(leg_of(fill.origin, share, role=role, error=error, rounded=True))
    return [*legs, leg_of(fills[-1].origin, left, role=role, error=error, rounded=True)]
