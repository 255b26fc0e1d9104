"""The cost of a derivative position, and the cash that closing a part of it realises. Pure (semantics 3.5).

1. Cost is kept as an exact sum; only the part that leaves on closing is a division, quantised to CASH_QUANTUM.
2. Average method: each close takes its share of the whole cost. FIFO: the oldest lots leave first.
3. For a linear contract value is price times quantity; for an inverse one it is quantity over price, and gains turn.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO, divide
from recon.ledger.rules import ContractTerms

CASH_DIGITS: Final = 12
CASH_QUANTUM: Final = Decimal("1e-12")
#: Open lots kept for FIFO; beyond it the oldest two are one lot at their common cost.
MAX_LOTS: Final = 4096


class Lot(msgspec.Struct):
    """An open part of a position: signed quantity and its value at entry, of the same sign."""

    quantity: Decimal
    value: Decimal


class CostBasis(msgspec.Struct):
    """What an open position cost; None lots: it is not known (an opening without an entry price)."""

    lots: list[Lot] | None = msgspec.field(default_factory=list)

    def quantity(self) -> Decimal:
        """Return the signed quantity that the lots hold."""
        return sum((lot.quantity for lot in self.lots or ()), ZERO)

    def value(self) -> Decimal:
        """Return the signed value at entry of what is held."""
        return sum((lot.value for lot in self.lots or ()), ZERO)


def average_price(basis: CostBasis, terms: ContractTerms | None) -> Decimal | None:
    """Return the average entry price of what is held, None where flat or not known."""
    if basis.lots is None:
        return None
    quantity, value = basis.quantity(), basis.value()
    if not quantity or not value:
        return None
    inverse = terms is not None and terms.kind == "inverse"
    return divide(quantity, value, CASH_DIGITS) if inverse else divide(value, quantity, CASH_DIGITS)


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
    """Return the basis of a position of which only the average entry price is known; unknown without one."""
    if not quantity:
        return CostBasis([])
    return CostBasis(None if not price else [Lot(quantity, entry_value(quantity, abs(quantity) * price, terms))])


def add_trade(
    basis: CostBasis, quantity: Decimal, price_cash: Decimal | None, terms: ContractTerms | None
) -> Decimal | None:
    """Take a fill into the basis and return the cash it realises in the settlement asset.

    None: the cash is not known, because the entry or the fill has no known price.
    """
    if basis.lots is None or not price_cash:
        state = basis.quantity() if basis.lots is not None else None
        basis.lots = [] if state is not None and state + quantity == 0 else None
        return None
    value = entry_value(quantity, price_cash, terms)
    state = basis.quantity()
    closing = min(abs(quantity), abs(state)) if state and (state > 0) != (quantity > 0) else ZERO
    realised = ZERO
    if closing:
        share = value if closing == abs(quantity) else _share(value, closing, abs(quantity))
        left = _release(basis, closing, fifo=terms is not None and terms.method == "fifo")
        # A long linear position earns exit minus entry; value carries the sign of its own side.
        realised = -(share + left)
        quantity += closing if quantity < 0 else -closing
        value -= share
    if quantity:
        _add(basis, quantity, value, fifo=terms is not None and terms.method == "fifo")
    if terms is None or terms.multiplier is None:
        return realised
    return (-realised if terms.kind == "inverse" else realised) * terms.multiplier


def _add(basis: CostBasis, quantity: Decimal, value: Decimal, *, fifo: bool) -> None:
    lots = basis.lots
    assert lots is not None  # noqa: S101 - the caller has looked
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
    """Take `closing` units out of the lots and return the entry value that leaves, signed as the lots were."""
    lots = basis.lots
    assert lots is not None  # noqa: S101 - the caller has looked
    if not fifo and len(lots) > 1:
        lots[:] = [Lot(basis.quantity(), basis.value())]
    leaves = ZERO
    while closing and lots:
        lot = lots[0]
        state = abs(lot.quantity)
        if state <= closing:
            leaves += lot.value
            closing -= state
            lots.pop(0)
            continue
        part = _share(lot.value, closing, state)
        lot.value -= part
        lot.quantity -= closing if lot.quantity > 0 else -closing
        leaves += part
        closing = ZERO
    return leaves


def _share(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return divide(value * part, whole, CASH_DIGITS)
