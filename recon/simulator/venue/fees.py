"""A venue's fee on each fill: rates by liquidity and tier, and the asset that pays. Pure.

1. A fee is a share of the fill's leg in the paying asset, rounded half-even to that asset's quantum.
2. Post-only orders make; immediate-or-cancel and fill-or-kill orders take. Any other order makes once it has rested in
   the book, except for a random share that crosses.
3. A negative rate is a rebate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from recon.errors import SimulationError
from recon.exact import ONE, divide
from recon.simulator.instruments import Asset, Instrument, Kind, Side
from recon.simulator.venue.ledger import quantised
from recon.simulator.venue.orders import POST_ONLY, Order, Status

#: The paying asset: the quote (for contracts, the settlement asset), or the asset that the fill brings in.
QUOTE: Final = "quote"
RECEIVED: Final = "received"
_TAKING: Final = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Rates from a second of the day on, as shares of the cash."""

    since: float = 0.0
    maker: Decimal
    taker: Decimal

    def rate(self, *, taking: bool) -> Decimal:
        """Return the rate of a taking or a making order."""
        return self.taker if taking else self.maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """A venue's fees on one account.

    tiers      the first applies from the start, the others from their second of the day on
    taken_in   `quote`, `received`, or the code of a balance row: then at the USD rates of the two assets
    crossing   share of resting orders that take
    published  the engine's settings have the first tier; else no fees
    """

    tiers: tuple[Tier, ...]
    taken_in: str = QUOTE
    crossing: float = 0.0
    published: bool = True

    @property
    def third_asset(self) -> str | None:
        """Return the balance row that pays fees, if it is a fixed row outside the fill's legs."""
        return None if self.taken_in in {QUOTE, RECEIVED} else self.taken_in

    def tier(self, second: float) -> Tier:
        """Return the rates in force at a second of the day."""
        return [self.tiers[0], *(tier for tier in self.tiers[1:] if tier.since <= second)][-1]


def known_liquidity(order: Order) -> bool | None:
    """Return True for a taking and False for a making order; None if its instructions do not decide."""
    if POST_ONLY in order.exec_inst:
        return False
    return True if order.time_in_force in _TAKING else None


def has_rested(order: Order) -> bool:
    """True if an order was in the book before it filled."""
    return any(status is Status.NEW for status, _ in order.history)


def cash_of(instrument: Instrument, amount: Decimal, price: Decimal) -> Decimal:
    """Return the value of a fill, in quote or in the contract's settlement asset."""
    worth = divide(amount, price) if instrument.kind is Kind.INVERSE else amount * price
    return worth * instrument.multiplier


def legs(instrument: Instrument, side: Side, amount: Decimal, price: Decimal) -> dict[str, Decimal]:
    """Return the unsigned amounts that a fill moves, per balance row; the incoming asset is first."""
    cash = cash_of(instrument, amount, price)
    if instrument.is_contract:
        return {instrument.settlement_row: cash}
    pair = ((instrument.base_row, amount), (instrument.quote_row, cash))
    return dict(pair if side is Side.BUY else reversed(pair))


class Cashier:
    """Computes fees for one account's assets."""

    def __init__(self, fees: Fees, assets: Sequence[Asset]) -> None:
        self._fees = fees
        self._assets: Mapping[str, Asset] = {asset.code: asset for asset in assets}
        if fees.third_asset is not None and fees.third_asset not in self._assets:
            raise SimulationError(f"Fees are taken in {fees.third_asset}, which the account does not have.")

    def row(self, instrument: Instrument, side: Side) -> str:
        """Return the balance row that pays the fee of a fill."""
        if self._fees.third_asset is not None:
            return self._fees.third_asset
        if instrument.is_contract:
            return instrument.settlement_row
        return instrument.base_row if self._fees.taken_in == RECEIVED and side is Side.BUY else instrument.quote_row

    def leg(self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal) -> tuple[str, Decimal]:
        """Return the paying row and the leg in that asset; the fee is a share of it."""
        row, moved = self.row(instrument, side), legs(instrument, side, amount, price)
        if row in moved:
            return row, moved[row]
        cash = cash_of(instrument, amount, price)
        rate, own = self._rate(instrument.settlement_row or instrument.quote_row), self._rate(row)
        return row, divide(cash * rate, own)

    def fee(
        self, instrument: Instrument, side: Side, amount: Decimal, price: Decimal, *, taking: bool, second: float
    ) -> tuple[str, Decimal]:
        """Return the paying row and the amount it pays (negative for a rebate)."""
        row, leg = self.leg(instrument, side, amount, price)
        return row, quantised(leg * self._fees.tier(second).rate(taking=taking), self._assets[row].quantum)

    def _rate(self, row: str) -> Decimal:
        return self._assets[row].rate_usd or ONE
