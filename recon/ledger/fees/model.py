"""The fee model of a unit: learned rates, and the samples still used for learning. Pure (semantics 8.5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ONE, ZERO, divide

#: Digits of a posted fee; a venue's coarser rounding is within the tolerance.
FEE_DIGITS: Final = 12
FEE_QUANTUM: Final = Decimal("1e-12")


class FeeSample(msgspec.Struct, frozen=True, gc=False):
    """The fees of the fills between two agreements: turnover received and paid, cost, and rounding error."""

    received: Decimal
    paid: Decimal
    cost: Decimal
    error: Decimal


class FeeRate(msgspec.Struct, frozen=True, gc=False):
    """A fee as a share of one side's turnover, within `half_width`, or sometimes the rate `alternate`.

    Fills up to entry `since_entry` have no fee posted yet: a share `backlog` of their turnover is still to be posted.
    """

    share: Decimal
    half_width: Decimal = ZERO
    since_entry: int = 0
    backlog: Decimal = ZERO
    alternate: Decimal | None = None

    @property
    def rates(self) -> tuple[Decimal, ...]:
        """Return the possible rates of a single fee."""
        return (self.share,) if self.alternate is None else (self.share, self.alternate)


class FeeModel(msgspec.Struct, frozen=True, gc=False):
    """The rates on turnover received and on turnover paid; None while a rate is being learned."""

    received: FeeRate | None = None
    paid: FeeRate | None = None
    samples: tuple[FeeSample, ...] = ()

    @property
    def learned(self) -> bool:
        """True if the rates of both sides are learned."""
        return self.received is not None and self.paid is not None

    @property
    def is_open(self) -> bool:
        """True if a rate is a range or has an alternate, so that a single fee is uncertain."""
        return any(
            rate is not None and (rate.half_width or rate.alternate is not None) for rate in (self.received, self.paid)
        )

    @property
    def is_range(self) -> bool:
        """True if a rate is a range."""
        return any(rate is not None and rate.half_width for rate in (self.received, self.paid))

    def cost_of(self, leg: Decimal) -> Decimal:
        """Return the expected cost of a leg, by its sign."""
        rate = self.received if leg > 0 else self.paid
        return divide(rate.share * abs(leg), ONE, FEE_DIGITS) if rate is not None and rate.share else ZERO

    def open_cost_of(self, leg: Decimal) -> tuple[Decimal, Decimal]:
        """Return the error of a leg's cost, and the gain of the balance if the venue takes the alternate rate."""
        rate = self.received if leg > 0 else self.paid
        if rate is None:
            return ZERO, ZERO
        gain = ZERO if rate.alternate is None else (rate.share - rate.alternate) * abs(leg)
        return divide(rate.half_width * abs(leg), ONE, FEE_DIGITS), divide(gain, ONE, FEE_DIGITS)

    def mostly_free(self, received: Decimal, paid: Decimal) -> bool:
        """True if most samples with this turnover cost nothing: a cost is more likely a report that crossed a fill."""
        sides = [[sample for sample in self.samples if sample.received]] if received else []
        sides += [[sample for sample in self.samples if sample.paid]] if paid else []
        return bool(sides) and all(
            2 * sum(1 for sample in side if abs(sample.cost) <= sample.error) > len(side) for side in sides
        )

    def unknown_turnover(self, received: Decimal, paid: Decimal) -> Decimal:
        """Return the part of a turnover whose rate is not learned."""
        return (received if self.received is None else ZERO) + (paid if self.paid is None else ZERO)


def swap_rates(model: FeeModel) -> FeeModel:
    """Return a model with expected and alternate rates exchanged: a fee tier has changed, or maker and taker."""
    received, paid = (
        rate
        if rate is None or rate.alternate is None
        else FeeRate(rate.alternate, since_entry=rate.since_entry, alternate=rate.share)
        for rate in (model.received, model.paid)
    )
    return msgspec.structs.replace(model, received=received, paid=paid)
