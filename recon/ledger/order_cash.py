"""The cash of an order's fills, by a report's list of fills or its average price. Pure (semantics 2.3, 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from recon.ems.protocol.messages import FillRow
from recon.exact import ZERO, same_amount, scale

_HALF: Final = Decimal("0.5")


def total_cash(
    filled: Decimal, avg_px: Decimal | None, fills: Sequence[FillRow], digits: int
) -> tuple[Decimal | None, Decimal]:
    """Return the cash of all fills, None where unknown (semantics 2.4), and the error bound (semantics 2.3).

    The list of fills counts if it sums to the amount and agrees with the average price's resolution.
    Otherwise the average price counts, with an error bound by `digits`, the finest scale seen of such prices.
    """
    if not filled:
        return ZERO, ZERO
    listed = _listed_cash(filled, fills)
    if not avg_px:
        return (None, ZERO) if listed is None else (listed, ZERO)
    average = avg_px * filled
    if listed is not None and abs(listed - average) <= filled * _HALF.scaleb(-scale(avg_px)):
        return listed, ZERO
    return average, filled * _HALF.scaleb(-digits)


def list_disagrees(filled: Decimal, avg_px: Decimal | None, fills: Sequence[FillRow]) -> bool:
    """True if the list of fills sums to the amount but not to the cash of the average price (semantics 2.3)."""
    if not filled or not avg_px or not fills:
        return False
    listed = _listed_cash(filled, fills)
    resolution_of_price = filled * _HALF.scaleb(-scale(avg_px))
    return listed is not None and abs(listed - avg_px * filled) > resolution_of_price


def _listed_cash(filled: Decimal, fills: Sequence[FillRow]) -> Decimal | None:
    if not fills:
        return None
    amount = cash = ZERO
    for row in fills:
        if row.amount is None or not row.price:
            return None
        amount += row.amount
        cash += row.amount * row.price
    return cash if same_amount(amount, filled) else None
