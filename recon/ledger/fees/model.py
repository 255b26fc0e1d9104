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

    gained: Decimal
    given: Decimal
    cost: Decimal
    blur: Decimal


class FeeRate(msgspec.Struct, frozen=True, gc=False):
    """The share of one side's legs that is taken, give or take `half`, or now and then an `other` one instead.

    Fills up to entry `since` stand in the books without a share `owed` of their legs; later ones have their fee.
    """

    share: Decimal
    half: Decimal = ZERO
    since: int = 0
    owed: Decimal = ZERO
    other: Decimal | None = None

    @property
    def known(self) -> tuple[Decimal, ...]:
        """Return the rates that it may be each time."""
        return (self.share,) if self.other is None else (self.share, self.other)


class FeeModel(msgspec.Struct, frozen=True, gc=False):
    """What is known of a unit's fees: the rate on legs received and on legs paid; None while it is being learned."""

    gained: FeeRate | None = None
    given: FeeRate | None = None
    samples: tuple[FeeSample, ...] = ()

    @property
    def learned(self) -> bool:
        """Tell whether both sides are known."""
        return self.gained is not None and self.given is not None

    @property
    def unsure(self) -> bool:
        """Tell whether what a single fill costs is not known."""
        return any(rate is not None and (rate.half or rate.other is not None) for rate in (self.gained, self.given))

    @property
    def vague(self) -> bool:
        """Tell whether what a fill costs is known as a range alone."""
        return any(rate is not None and rate.half for rate in (self.gained, self.given))

    def of(self, leg: Decimal) -> Decimal:
        """Return the expected cost of a leg, by its sign."""
        rate = self.gained if leg > 0 else self.given
        return divide(rate.share * abs(leg), ONE, FEE_DIGITS) if rate is not None and rate.share else ZERO

    def open_of(self, leg: Decimal) -> tuple[Decimal, Decimal]:
        """Return how far off the cost of a leg may be, and what the balance gains if the other rate is taken."""
        rate = self.gained if leg > 0 else self.given
        if rate is None:
            return ZERO, ZERO
        other = ZERO if rate.other is None else (rate.share - rate.other) * abs(leg)
        return divide(rate.half * abs(leg), ONE, FEE_DIGITS), divide(other, ONE, FEE_DIGITS)

    def taken_for_free(self, gained: Decimal, given: Decimal) -> bool:
        """Tell whether most samples of these legs cost nothing: then a cost is rather a report that crossed a fill."""
        sides = [[each for each in self.samples if each.gained]] if gained else []
        sides += [[each for each in self.samples if each.given]] if given else []
        return bool(sides) and all(
            2 * sum(1 for each in side if abs(each.cost) <= each.blur) > len(side) for side in sides
        )

    def unknown(self, gained: Decimal, given: Decimal) -> Decimal:
        """Return the legs among these of which it is not known what they cost."""
        return (gained if self.gained is None else ZERO) + (given if self.given is None else ZERO)


def swapped(model: FeeModel) -> FeeModel:
    """Return a model that expects the rates that were taken now and then: a tier has changed, or a habit."""
    gained, given = (
        rate if rate is None or rate.other is None else FeeRate(rate.other, since=rate.since, other=rate.share)
        for rate in (model.gained, model.given)
    )
    return msgspec.structs.replace(model, gained=gained, given=given)
