"""The venue's own books of one account: exact balances and positions.

Spot: +base, -quote at price times amount, rounded to a quantum if the venue has that habit. Contracts: average method.
Realised profit goes to the settlement balance, rounded half-even to the asset's quantum. A leg is kept as its quantity
and its cost in the settlement asset. So the average price is arithmetic for linear and harmonic for inverse contracts,
which conserves value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Literal, NamedTuple

from recon.errors import SimulationError
from recon.exact import DIVISION, ZERO, divide, exact
from recon.simulator.instruments import Asset, Instrument, Kind, OpeningPosition, Side


class Unit(NamedTuple):
    """A balance row, or a contract by its exchange symbol."""

    kind: Literal["asset", "contract"]
    code: str


class Entry(NamedTuple):
    """One change of one unit."""

    unit: Unit
    amount: Decimal


class Effect(StrEnum):
    """The leg that a contract fill changes: in hedge mode an order opens or closes a leg."""

    NET = "net"
    OPEN = "open"
    CLOSE = "close"


@dataclass(slots=True)
class Leg:
    """One side of a position: its quantity (never negative) and its cost, per unit of multiplier."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    def grow(self, kind: Kind, amount: Decimal, price: Decimal) -> None:
        """Add contracts at a price."""
        self.quantity += amount
        self.cost += amount * price if kind is Kind.LINEAR else divide(amount, price)

    def shrink(self, amount: Decimal) -> Decimal:
        """Remove contracts; return their cost (average method)."""
        part = self.cost if amount == self.quantity else divide(self.cost * amount, self.quantity)
        self.quantity -= amount
        self.cost -= part
        return part

    def entry_price(self, kind: Kind) -> Decimal:
        """Return the average price of the leg; 0 when flat."""
        if not self.quantity:
            return ZERO
        if kind is Kind.LINEAR:
            return divide(self.cost, self.quantity)
        return divide(self.quantity, self.cost)


def quantised(value: Decimal, quantum: Decimal, *, truncated: bool = False) -> Decimal:
    """Return an amount rounded to a quantum, half-even or towards zero."""
    return value.quantize(quantum, rounding=ROUND_DOWN if truncated else ROUND_HALF_EVEN, context=DIVISION)


class Ledger:
    """Balances by row code and position legs by (symbol, side)."""

    def __init__(
        self,
        assets: Iterable[Asset],
        instruments: Iterable[Instrument],
        balances: Mapping[str, Decimal],
        positions: Iterable[OpeningPosition] = (),
        *,
        cash_quantum: Decimal | None = None,
        cash_truncated: bool = False,
    ) -> None:
        self._assets = {asset.code: asset for asset in assets}
        self._cash_quantum = cash_quantum
        self._cash_truncated = cash_truncated
        self.balances = {code: balances.get(code, ZERO) for code in self._assets}
        self.legs = {
            (instrument.symbol, side): Leg()
            for instrument in instruments
            if instrument.is_contract
            for side in (Side.BUY, Side.SELL)
        }
        kinds = {instrument.symbol: instrument.kind for instrument in instruments}
        with exact():
            for position in positions:
                self.legs[position.symbol, position.side].grow(
                    kinds[position.symbol], position.quantity, position.entry_price
                )

    def net(self, symbol: str) -> Decimal:
        """Return the signed position in a contract."""
        return self.legs[symbol, Side.BUY].quantity - self.legs[symbol, Side.SELL].quantity

    def move(self, code: str, amount: Decimal) -> Entry:
        """Change a balance for a reason other than a trade: deposit, withdrawal, fee."""
        with exact():
            self.balances[code] += amount
        return Entry(Unit("asset", code), amount)

    def fill(
        self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, effect: Effect = Effect.NET
    ) -> tuple[Entry, ...]:
        """Book one fill and return its entries.

        Raises SimulationError when a hedge-mode close is larger than the leg it closes.
        """
        with exact():
            if instrument.is_contract:
                return self._contract_fill(instrument, side, amount, price, effect)
            cash = amount * price
            if self._cash_quantum is not None:
                cash = quantised(cash, self._cash_quantum, truncated=self._cash_truncated)
            return (
                self.move(instrument.base_row, amount * side.sign),
                self.move(instrument.quote_row, -cash * side.sign),
            )

    def _contract_fill(
        self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, effect: Effect
    ) -> tuple[Entry, ...]:
        own, other = self.legs[instrument.symbol, side], self.legs[instrument.symbol, side.opposite]
        closing = {
            Effect.NET: min(amount, other.quantity),
            Effect.OPEN: ZERO,
            Effect.CLOSE: amount,
        }[effect]
        if closing > other.quantity:
            raise SimulationError(
                f"The plan closes {closing} of {instrument.symbol} where only {other.quantity} are held; "
                "give the account a larger opening position."
            )
        entries = [Entry(Unit("contract", instrument.symbol), amount * side.sign)]
        if closing:
            cost = other.shrink(closing)
            worth = closing * price if instrument.kind is Kind.LINEAR else divide(closing, price)
            # Selling closes a long: worth - cost. An inverse contract is worth less coin when its price is
            # higher.
            gain = (cost - worth) * side.sign * instrument.multiplier
            if instrument.kind is Kind.INVERSE:
                gain = -gain
            cash = quantised(gain, self._assets[instrument.settlement_row].quantum)
            if cash:
                entries.append(self.move(instrument.settlement_row, cash))
        if amount > closing:
            own.grow(instrument.kind, amount - closing, price)
        return tuple(entries)
