"""What may hide in a unit without anybody being able to see it: rounding, and fees that are not known. Pure.

A step is *detectable* where it is larger than the uncertainty of its unit, which is, by the simulator's own rule:

1. a hundred quanta of the asset, which is a day's worth of rounding, and for each fill around the step one more, and
   the quantum that the venue rounds cash to;
2. and for each such fill the fee that is not known of it: where a schedule is published, the spread between all rates
   that the fill may have had by it and by what holds now (maker or taker where the order does not tell, a tier that
   changed since); else FEE_SHARE of either leg;
3. fills around the step: those within twice the stretch before it in which the unit is surely observed (the interval
   of polls, or the longest crossing both ways), which stands for those on both sides. A fault's own fill counts;
4. contracts are exact. What settles the contracts of an account in hedge mode follows from no report and hides all.
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

#: Rule 3: the stretch before a step stands for both sides of it.
_BOTH_SIDES: Final = 2
#: Rule 1: rounding of a day.
_ROUNDING_QUANTA: Final = 100
#: Fills are remembered this long, in ticks: faults inside an outage are recorded when it is over.
_KEPT: Final = ticks(60.0)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A fill: when, the legs it moved, and what is not known of its fee, per balance row."""

    at: int
    legs: Mapping[str, Decimal]
    doubts: Mapping[str, Decimal]


class UncertaintyOfFills:
    """Remembers one account's latest fills; `day` is when the day begins, in ticks."""

    def __init__(self, plan: AccountPlan, day: int) -> None:
        self._plan = plan
        self._day = day
        self._quanta = {asset.code: asset.quantum for asset in plan.assets}
        self._cashier = None if plan.fees is None else Cashier(plan.fees, plan.assets)
        self._fills: deque[_Seen] = deque()
        observed = plan.habits.polled_every or 2 * MAX_CROSSING_SECONDS
        self._stretch = ticks(_BOTH_SIDES * observed)
        settled = {each.settlement_row for each in plan.instruments if each.is_contract}
        self._unmodelled = settled if plan.habits.hedge else set()

    def note(self, at: int, each: Instrument, side: Side, amount: Decimal, price: Decimal, order: Order | None) -> None:
        """Remember a fill; `order` is None where nobody knows of one."""
        while self._fills and self._fills[0].at < at - _KEPT:
            self._fills.popleft()
        moved = legs(each, side, amount, price)
        self._fills.append(_Seen(at, moved, self._doubts(at, each, side, amount, price, order)))

    def _doubts(
        self, at: int, each: Instrument, side: Side, amount: Decimal, price: Decimal, order: Order | None
    ) -> Mapping[str, Decimal]:
        fees = self._plan.fees
        doubts: dict[str, Decimal] = {}
        if fees is None or self._cashier is None or not fees.published:
            doubts = {row: leg * FEE_SHARE for row, leg in legs(each, side, amount, price).items()}
        if fees is None or self._cashier is None:
            return doubts
        row, leg = self._cashier.leg(each, side, amount, price)
        if not fees.published:
            return doubts | {row: leg * FEE_SHARE}
        told = None if order is None else known_liquidity(order)
        options = (False, True) if told is None else (told,)
        tiers = (fees.tiers[0], fees.tier((at - self._day) / TICKS_PER_SECOND))
        rates = [tier.rate(taking=taking) for tier in tiers for taking in options]
        return {row: leg * (max(rates) - min(rates))}

    def legs(self, at: int) -> Mapping[str, Decimal]:
        """Return what the fills around a step moved, per balance row."""
        sums: dict[str, Decimal] = {}
        for seen in self._around(at):
            for row, leg in seen.legs.items():
                sums[row] = sums.get(row, ZERO) + leg
        return sums

    def of(self, at: int, unit: Unit, step: Decimal) -> Decimal:
        """Return the uncertainty of a step of a unit, now."""
        if unit.kind == "contract":
            return ZERO
        if unit.code in self._unmodelled:
            return abs(step)
        with exact():
            rounded = self._quanta[unit.code] + (self._plan.habits.cash_quantum or ZERO)
            total = self._quanta[unit.code] * _ROUNDING_QUANTA
            for seen in self._around(at):
                if unit.code in seen.legs or unit.code in seen.doubts:
                    total += rounded + seen.doubts.get(unit.code, ZERO)
        return total

    def _around(self, at: int) -> Iterator[_Seen]:
        return (seen for seen in self._fills if seen.at >= at - self._stretch)
