"""The uncertainty of a unit: the largest difference that rounding and unknown fees can hide. Pure.

A step is *detectable* if it exceeds the uncertainty of its unit. The simulator's own rule for it is:

1. A hundred quanta of the asset (a day's rounding). Each fill near the step adds one quantum and the venue's cash
   quantum.
2. Each such fill adds half a price step of its order where the last report is coarse, and its unknown fee. With a
   published schedule this is the spread between all possible rates: maker or taker if the order does not determine
   it, and a tier that changed since. Otherwise it is FEE_SHARE of either leg.
3. Fills near the step are those within twice the longest interval between observations before it: the polling interval,
   or the longest crossing both ways. The doubling stands for both sides of the step. A fault's own fill counts.
4. Contracts are exact. In hedge mode no report determines the settlement balance, so its uncertainty covers every step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from recon.exact import ZERO, exact
from recon.simulator.fault import FEE_SHARE
from recon.simulator.habits import MAX_CROSSING_SECONDS
from recon.simulator.instruments import Instrument, Side
from recon.simulator.ticks import TICKS_PER_SECOND, ticks
from recon.simulator.venue.account_plan import AccountPlan
from recon.simulator.venue.fees import Cashier, known_liquidity, legs
from recon.simulator.venue.ledger import Unit
from recon.simulator.venue.orders import Order

#: Rule 3: the interval before a step stands for both sides of it.
_BOTH_SIDES: Final = 2
#: Rule 1: rounding of a day.
_ROUNDING_QUANTA: Final = 100
#: How long fills are kept, in ticks; faults inside an outage are recorded after it ends.
_KEPT: Final = ticks(60.0)


@dataclass(frozen=True, slots=True)
class _RecordedFill:
    """A fill: its time, the amounts of its legs, and the unknown part of its fee, per balance row."""

    at: int
    legs: Mapping[str, Decimal]
    unknown_fees: Mapping[str, Decimal]


class UncertaintyOfFills:
    """Keeps one account's latest fills; `day` is the start of the day, in ticks."""

    def __init__(self, plan: AccountPlan, day: int) -> None:
        self._plan = plan
        self._day = day
        self._quanta = {asset.code: asset.quantum for asset in plan.assets}
        self._cashier = None if plan.fees is None else Cashier(plan.fees, plan.assets)
        self._fills: deque[_RecordedFill] = deque()
        observed = plan.habits.polled_every or 2 * MAX_CROSSING_SECONDS
        self._stretch = ticks(_BOTH_SIDES * observed)
        settled = {instrument.settlement_row for instrument in plan.instruments if instrument.is_contract}
        self._unmodelled = settled if plan.habits.hedge else set()

    def record(
        self, at: int, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, order: Order | None
    ) -> None:
        """Record a fill; `order` is None for a fill outside the EMS."""
        while self._fills and self._fills[0].at < at - _KEPT:
            self._fills.popleft()
        amounts = legs(instrument, side, amount, price)
        unknown = dict(self._unknown_fees(at, instrument, side, amount, price, order))
        if self._plan.habits.coarse_last and order is not None and not instrument.is_contract:
            hidden = instrument.price_step * order.amount / 2
            unknown[instrument.quote_row] = unknown.get(instrument.quote_row, ZERO) + hidden
        self._fills.append(_RecordedFill(at, amounts, unknown))

    def _unknown_fees(
        self, at: int, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, order: Order | None
    ) -> Mapping[str, Decimal]:
        fees = self._plan.fees
        unknown: dict[str, Decimal] = {}
        if fees is None or self._cashier is None or not fees.published:
            unknown = {row: leg * FEE_SHARE for row, leg in legs(instrument, side, amount, price).items()}
        if fees is None or self._cashier is None:
            return unknown
        row, leg = self._cashier.leg(instrument, side, amount, price)
        if not fees.published:
            return unknown | {row: leg * FEE_SHARE}
        liquidity = None if order is None else known_liquidity(order)
        options = (False, True) if liquidity is None else (liquidity,)
        tiers = (fees.tiers[0], fees.tier((at - self._day) / TICKS_PER_SECOND))
        rates = [tier.rate(taking=taking) for tier in tiers for taking in options]
        return {row: leg * (max(rates) - min(rates))}

    def legs(self, at: int) -> Mapping[str, Decimal]:
        """Return the amounts that fills near a step moved, per balance row."""
        sums: dict[str, Decimal] = {}
        for seen in self._nearby(at):
            for row, leg in seen.legs.items():
                sums[row] = sums.get(row, ZERO) + leg
        return sums

    def of_step(self, at: int, unit: Unit, step: Decimal) -> Decimal:
        """Return the uncertainty of a step of a unit."""
        if unit.kind == "contract":
            return ZERO
        if unit.code in self._unmodelled:
            return abs(step)
        with exact():
            rounded = self._quanta[unit.code] + (self._plan.habits.cash_quantum or ZERO)
            total = self._quanta[unit.code] * _ROUNDING_QUANTA
            for seen in self._nearby(at):
                if unit.code in seen.legs or unit.code in seen.unknown_fees:
                    total += rounded + seen.unknown_fees.get(unit.code, ZERO)
        return total

    def _nearby(self, at: int) -> Iterator[_RecordedFill]:
        return (seen for seen in self._fills if seen.at >= at - self._stretch)
