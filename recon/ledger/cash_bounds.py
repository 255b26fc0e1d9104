"""What a contract's fill may have moved at most, where its cash cannot be worked out. Pure (semantics 3.5).

The position's average entry price and the market's price bound what closing it realises; a fee comes on top. The last
average entry prices count that reports told, because the fill may have come before the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from recon.exact import ONE, ZERO, divide
from recon.ledger.cost_basis import entry_value
from recon.ledger.legs import UNBOUNDED
from recon.ledger.rules import DEFAULT_LEARNED_FEE, ContractTerms, FeeRule

#: How far the market moves between the price that is known and the fill, as a share of the price.
MARKET_MOVES: Final = Decimal("0.003")
#: Digits after the point of a distance between prices, as a share.
_SHARE_DIGITS: Final = 12


def cash_bound(
    quantity: Decimal,
    price: Decimal | None,
    averages: Sequence[Decimal],
    terms: ContractTerms,
    rule: FeeRule | None,
) -> Decimal:
    """Return the most that a fill may have moved in the settlement asset; UNBOUNDED where a price is not known.

    `price` is the market's, `averages` are the position's average entry prices, `rule` is the schedule's line.
    """
    premium = terms.kind == "premium"
    if not price or not (averages or premium):
        return UNBOUNDED
    worth = abs(entry_value(quantity, abs(quantity) * price, terms)) * (terms.multiplier or ZERO)
    # The whole premium is paid; all other contracts move the difference of prices only.
    moved = ONE if premium else max(_distance(price, average) for average in averages)
    return worth * (moved + _greatest_rate(rule) + MARKET_MOVES)


def _distance(price: Decimal, average: Decimal) -> Decimal:
    """Return the difference of two prices as a share of the lower: that of inverse contracts is not smaller."""
    return divide(abs(price - average), min(price, average), _SHARE_DIGITS)


def _greatest_rate(rule: FeeRule | None) -> Decimal:
    told = [abs(rate) for rate in (rule.maker, rule.taker) if rate is not None] if rule is not None else []
    return max(told, default=DEFAULT_LEARNED_FEE)
