"""What statements told of an order or of a trade: quantities and fees, summed up by statement. Pure (semantics 10.3).

One statement tells each trade once, so its rows add up. Several statements tell the same trades, so of them the one
counts that told the most.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from recon.exact import ZERO

#: Fees of two statements that differ by at most this share are one fee: venues round them differently.
FEE_SHARE: Final = Decimal("0.01")


class Told(msgspec.Struct, gc=False):
    """What one statement told: a quantity, its cash, and fees by asset, positive where they are debits.

    The cash is None where a trade's is not known exactly.
    """

    quantity: Decimal = ZERO
    cash: Decimal | None = ZERO
    fees: dict[str, Decimal] = {}


#: By statement: the name of its format or mapping; empty for what was told without one.
ByStatement = dict[str, Told]


def told_by(told: ByStatement, statement: str) -> Decimal:
    """Return the quantity that a statement told."""
    return told[statement].quantity if statement in told else ZERO


def told_most(told: ByStatement, *, but: str | None = None) -> Decimal:
    """Return the largest quantity that a statement told; `but` is left out."""
    return max((each.quantity for name, each in told.items() if name != but), default=ZERO)


def with_quantity(told: ByStatement, statement: str, quantity: Decimal) -> ByStatement:
    """Return what was told with a quantity more."""
    before = told.get(statement) or Told()
    return {**told, statement: Told(before.quantity + quantity, before.cash, before.fees)}


def with_cash(told: ByStatement, statement: str, cash: Decimal | None) -> ByStatement:
    """Return what was told with the cash of a trade more; None: it is not known exactly."""
    before = told.get(statement) or Told()
    total = None if cash is None or before.cash is None else before.cash + cash
    return {**told, statement: Told(before.quantity, total, before.fees)}


def with_fee(told: ByStatement, statement: str, asset: str, fee: Decimal) -> tuple[ByStatement, Decimal]:
    """Return what was told with a fee more, and the part of the fee that no statement had told before."""
    before = told.get(statement) or Told()
    own = before.fees.get(asset, ZERO)
    others = (each.fees.get(asset, ZERO) for name, each in told.items() if name != statement)
    most = max((own, *others), key=abs)
    after = own + fee
    new = after - most if abs(after) > abs(most) or (after > 0) != (most > 0) else ZERO
    if most != own and abs(after - most) <= abs(fee) * FEE_SHARE:
        new = ZERO
    return {**told, statement: Told(before.quantity, before.cash, {**before.fees, asset: after})}, new


def joined(one: ByStatement, other: ByStatement) -> ByStatement:
    """Return what two parts of one order were told of, summed up."""
    result = dict(one)
    for name, each in other.items():
        before = result.get(name) or Told()
        fees = {
            asset: before.fees.get(asset, ZERO) + each.fees.get(asset, ZERO) for asset in {**before.fees, **each.fees}
        }
        cash = None if before.cash is None or each.cash is None else before.cash + each.cash
        result[name] = Told(before.quantity + each.quantity, cash, fees)
    return result
