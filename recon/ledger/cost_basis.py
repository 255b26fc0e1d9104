"""The cost basis of a derivative position, and the cash that closing a part realises. Pure (semantics 3.5).

1. Cost is an exact sum; only the released part of a close is a division, quantised to CASH_QUANTUM.
2. Average method: a close releases its share of the total cost. FIFO: the oldest lots are released first.
3. The value of a linear contract is price times quantity. The value of an inverse contract is quantity over price, so
   the sign of a gain turns.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Final

import msgspec

from recon.exact import ONE, ZERO, divide
from recon.ledger.rules import ContractTerms

CASH_DIGITS: Final = 12
CASH_QUANTUM: Final = Decimal("1e-12")
#: Open lots kept for FIFO; beyond this number the oldest two are merged into one lot.
MAX_LOTS: Final = 4096


class Lot(msgspec.Struct):
    """An open part of a position: the signed quantity, and the value at entry with the same sign."""

    quantity: Decimal
    value: Decimal


class CostBasis(msgspec.Struct, dict=True):
    """The lots of an open position; None where the cost is unknown (an opening without an entry price)."""

    lots: list[Lot] | None = msgspec.field(default_factory=list)

    @cached_property
    def held(self) -> Decimal:
        """The signed quantity of all lots; `add_trade` keeps it up, so that a fill does not add up all lots."""
        return self.quantity()

    def quantity(self) -> Decimal:
        """Return the signed quantity of all lots."""
        return sum((lot.quantity for lot in self.lots or ()), ZERO)

    def value(self) -> Decimal:
        """Return the signed value at entry of all lots."""
        return sum((lot.value for lot in self.lots or ()), ZERO)


def average_price(basis: CostBasis, terms: ContractTerms | None) -> Decimal | None:
    """Return the average entry price of the position; None where the position is flat or the cost unknown."""
    if basis.lots is None:
        return None
    quantity, value = basis.quantity(), basis.value()
    if not quantity or not value:
        return None
    if terms is None or terms.kind != "inverse":
        return divide(value, quantity, CASH_DIGITS)
    # The value of a small position has few digits, and so has its price.
    price = divide(quantity, value, CASH_DIGITS)
    unsure = divide(price * CASH_QUANTUM, abs(value), 2 * CASH_DIGITS)
    return divide(price, ONE, max(min(CASH_DIGITS, -unsure.adjusted() - 1), 0))


def entry_value(quantity: Decimal, price_cash: Decimal, terms: ContractTerms | None) -> Decimal:
    """Return the value of a fill: price times quantity, or for an inverse contract quantity over price.

    `price_cash` is the sum of price times amount, positive; `quantity` is signed.
    """
    amount = abs(quantity)
    if terms is not None and terms.kind == "inverse":
        value = divide(amount * amount, price_cash, CASH_DIGITS)
    else:
        value = price_cash
    return value if quantity > 0 else -value


def basis_of(quantity: Decimal, price: Decimal | None, terms: ContractTerms | None) -> CostBasis:
    """Return the cost basis of a position by its average entry price; unknown where there is no price."""
    if not quantity:
        return CostBasis([])
    return CostBasis(None if not price else [Lot(quantity, entry_value(quantity, abs(quantity) * price, terms))])


def add_trade(
    basis: CostBasis, quantity: Decimal, price_cash: Decimal | None, terms: ContractTerms | None
) -> Decimal | None:
    """Add a fill to the basis; return the cash that the fill realises in the settlement asset.

    None: the cash is unknown, because the price of the entry or of the fill is unknown.
    """
    if basis.lots is None or not price_cash:
        closes_all = basis.lots is not None and basis.quantity() + quantity == 0
        basis.lots = [] if closes_all else None
        basis.held = ZERO
        return None
    value, position = entry_value(quantity, price_cash, terms), basis.held
    basis.held = position + quantity
    fifo = terms is not None and terms.method == "fifo"
    closing = min(abs(quantity), abs(position)) if position and (position > 0) != (quantity > 0) else ZERO
    realised = ZERO
    if closing:
        exit_value = value if closing == abs(quantity) else _share(value, closing, abs(quantity))
        released = _release(basis, closing, fifo=fifo)
        # A long linear position earns exit minus entry; the two values have opposite signs.
        realised = -(exit_value + released)
        quantity += closing if quantity < 0 else -closing
        value -= exit_value
    if quantity:
        _add(basis, quantity, value, fifo=fifo)
    if terms is None or terms.multiplier is None:
        return realised
    return (-realised if terms.kind == "inverse" else realised) * terms.multiplier


def _add(basis: CostBasis, quantity: Decimal, value: Decimal, *, fifo: bool) -> None:
    lots = basis.lots
    assert lots is not None  # noqa: S101 - add_trade returns early without lots
    if lots and not fifo:
        lots[0].quantity += quantity
        lots[0].value += value
        return
    lots.append(Lot(quantity, value))
    if len(lots) > MAX_LOTS:
        oldest = lots.pop(0)
        lots[0].quantity += oldest.quantity
        lots[0].value += oldest.value


def _release(basis: CostBasis, closing: Decimal, *, fifo: bool) -> Decimal:
    """Release a quantity from the lots; return the entry value released, with the sign of the lots."""
    lots = basis.lots
    assert lots is not None  # noqa: S101 - add_trade returns early without lots
    if not fifo and len(lots) > 1:
        lots[:] = [Lot(basis.quantity(), basis.value())]
    released = ZERO
    while closing and lots:
        lot = lots[0]
        quantity = abs(lot.quantity)
        if quantity <= closing:
            released += lot.value
            closing -= quantity
            lots.pop(0)
            continue
        value = _share(lot.value, closing, quantity)
        lot.value -= value
        lot.quantity -= closing if lot.quantity > 0 else -closing
        released += value
        closing = ZERO
    return released


def _share(value: Decimal, part: Decimal, quantity: Decimal) -> Decimal:
    return divide(value * part, quantity, CASH_DIGITS)
