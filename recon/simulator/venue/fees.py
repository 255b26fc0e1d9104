"""What a venue takes of each fill: rates by liquidity and tier, in the asset of its habit. Pure.

1. A fee is a share of the fill's leg in the asset that it is taken in, rounded half-even to that asset's quantum.
2. Post-only orders make, immediate-or-cancel and fill-or-kill orders take; any other makes once it has rested in
   the book, but for a drawn share that crosses.
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

#: Where a fee is taken: in quote (contracts: in what they settle in), or in what the fill brings in.
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
        """Return the rate of an order that takes, or makes."""
        return self.taker if taking else self.maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """A venue's fees on one account, as it takes them.

    tiers      the first holds from the beginning, the others from their second of the day on
    taken_in   `quote`, `received`, or the code of a balance row: then at the USD rates of the two assets
    crossing   share of resting orders that take after all
    published  the engine is told the first tier; else it is told nothing
    """

    tiers: tuple[Tier, ...]
    taken_in: str = QUOTE
    crossing: float = 0.0
    published: bool = True

    @property
    def third_asset(self) -> str | None:
        """Return the balance row that fees are taken in, where it is neither leg of the fill by habit."""
        return None if self.taken_in in {QUOTE, RECEIVED} else self.taken_in

    def tier(self, second: float) -> Tier:
        """Return the rates in force at a second of the day."""
        return [self.tiers[0], *(tier for tier in self.tiers[1:] if tier.since <= second)][-1]


def known_liquidity(order: Order) -> bool | None:
    """Return whether an order takes, as its instructions tell anybody; None where they do not."""
    if POST_ONLY in order.exec_inst:
        return False
    return True if order.time_in_force in _TAKING else None


def has_rested(order: Order) -> bool:
    """Tell whether an order was in the book before it filled."""
    return any(status is Status.NEW for status, _ in order.history)


def cash_of(each: Instrument, amount: Decimal, price: Decimal) -> Decimal:
    """Return what a fill is worth, in quote or in what the contract settles in."""
    worth = divide(amount, price) if each.kind is Kind.INVERSE else amount * price
    return worth * each.multiplier


def legs(each: Instrument, side: Side, amount: Decimal, price: Decimal) -> dict[str, Decimal]:
    """Return what a fill moves, per balance row, without signs: what it brings in comes first."""
    cash = cash_of(each, amount, price)
    if each.is_contract:
        return {each.settlement_row: cash}
    pair = ((each.base_row, amount), (each.quote_row, cash))
    return dict(pair if side is Side.BUY else reversed(pair))


class Cashier:
    """Works out fees for one account's assets."""

    def __init__(self, fees: Fees, assets: Sequence[Asset]) -> None:
        self._fees = fees
        self._assets: Mapping[str, Asset] = {asset.code: asset for asset in assets}
        if fees.third_asset is not None and fees.third_asset not in self._assets:
            raise SimulationError(f"Fees are taken in {fees.third_asset}, which the account does not have.")

    def row(self, each: Instrument, side: Side) -> str:
        """Return the balance row that the fee of such a fill is taken from."""
        if self._fees.third_asset is not None:
            return self._fees.third_asset
        if each.is_contract:
            return each.settlement_row
        return each.base_row if self._fees.taken_in == RECEIVED and side is Side.BUY else each.quote_row

    def leg(self, each: Instrument, side: Side, amount: Decimal, price: Decimal) -> tuple[str, Decimal]:
        """Return the row that pays, and the leg that its fee is a share of, in that asset."""
        row, moved = self.row(each, side), legs(each, side, amount, price)
        if row in moved:
            return row, moved[row]
        cash = cash_of(each, amount, price)
        rate, own = self._rate(each.settlement_row or each.quote_row), self._rate(row)
        return row, divide(cash * rate, own)

    def fee(
        self, each: Instrument, side: Side, amount: Decimal, price: Decimal, *, taking: bool, second: float
    ) -> tuple[str, Decimal]:
        """Return the row that pays, and what it pays (a rebate is negative)."""
        row, leg = self.leg(each, side, amount, price)
        return row, quantised(leg * self._fees.tier(second).rate(taking=taking), self._assets[row].quantum)

    def _rate(self, row: str) -> Decimal:
        return self._assets[row].rate_usd or ONE
