"""What is known of a unit's fees: rates, samples, and what they come to. Pure (semantics 8.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ONE, ZERO, divide

#: Digits of a fee in the books; what a venue rounds beyond is in the tolerance.
FEE_DIGITS: Final = 12
FEE_QUANTUM: Final = Decimal("1e-12")


class FeeSample(msgspec.Struct, frozen=True, gc=False):
    """What fills cost between two agreements: legs received and paid, the cost, and what rounding may hide of it."""

    received: Decimal
    paid: Decimal
    cost: Decimal
    error: Decimal


class FeeRate(msgspec.Struct, frozen=True, gc=False):
    """The share of one side's legs that is taken, give or take `half`, or now and then an `other` one instead.

    Fills up to entry `since` stand in the books without a share `owed` of their legs; later ones have their fee.
    """

    share: Decimal
    half_width: Decimal = ZERO
    since_entry: int = 0
    backlog: Decimal = ZERO
    alternate: Decimal | None = None

    @property
    def rates(self) -> tuple[Decimal, ...]:
        """Return the rates that it may be each time."""
        return (self.share,) if self.alternate is None else (self.share, self.alternate)


class FeeModel(msgspec.Struct, frozen=True, gc=False):
    """What is known of a unit's fees: the rate on legs received and on legs paid; None while it is being learned."""

    received: FeeRate | None = None
    paid: FeeRate | None = None
    samples: tuple[FeeSample, ...] = ()

    @property
    def learned(self) -> bool:
        """Tell whether both sides are known."""
        return self.received is not None and self.paid is not None

    @property
    def is_open(self) -> bool:
        """Tell whether what a single fill costs is not known."""
        return any(
            rate is not None and (rate.half_width or rate.alternate is not None) for rate in (self.received, self.paid)
        )

    @property
    def is_range(self) -> bool:
        """Tell whether what a fill costs is known as a range alone."""
        return any(rate is not None and rate.half_width for rate in (self.received, self.paid))

    def cost_of(self, leg: Decimal) -> Decimal:
        """Return the expected cost of a leg, by its sign."""
        rate = self.received if leg > 0 else self.paid
        return divide(rate.share * abs(leg), ONE, FEE_DIGITS) if rate is not None and rate.share else ZERO

    def open_cost_of(self, leg: Decimal) -> tuple[Decimal, Decimal]:
        """Return how far off the cost of a leg may be, and what the balance gains if the other rate is taken."""
        rate = self.received if leg > 0 else self.paid
        if rate is None:
            return ZERO, ZERO
        other = ZERO if rate.alternate is None else (rate.share - rate.alternate) * abs(leg)
        return divide(rate.half_width * abs(leg), ONE, FEE_DIGITS), divide(other, ONE, FEE_DIGITS)

    def mostly_free(self, gained: Decimal, given: Decimal) -> bool:
        """Tell whether most samples of these legs cost nothing: then a cost is rather a report that crossed a fill."""
        sides = [[each for each in self.samples if each.received]] if gained else []
        sides += [[each for each in self.samples if each.paid]] if given else []
        return bool(sides) and all(
            2 * sum(1 for each in side if abs(each.cost) <= each.error) > len(side) for side in sides
        )

    def unknown_turnover(self, gained: Decimal, given: Decimal) -> Decimal:
        """Return the legs among these of which it is not known what they cost."""
        return (gained if self.received is None else ZERO) + (given if self.paid is None else ZERO)


def swap_rates(model: FeeModel) -> FeeModel:
    """Return a model that expects the rates that were taken now and then: a tier has changed, or a habit."""
    gained, given = (
        rate
        if rate is None or rate.alternate is None
        else FeeRate(rate.alternate, since_entry=rate.since_entry, alternate=rate.share)
        for rate in (model.received, model.paid)
    )
    return msgspec.structs.replace(model, received=gained, paid=given)
