"""How often each cause was right when recon said it, as `recon docs accuracy` measured it. Pure.

The counts follow from table 3.3 there, and a test compares them: of what was said, how much was planted.
A cause that stands for several that fit, such as an order outside the EMS for a conversion, counts as wrong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType
from typing import Final

import msgspec

#: Shares are told in three places, as in the table.
_THREE_DIGITS: Final = Decimal("0.001")
_ROUNDED: Final = Context(prec=12, rounding=ROUND_HALF_EVEN)


class Precision(msgspec.Struct, frozen=True):
    """Of `said` times that recon named a cause, it was right `right` times."""

    right: int
    said: int

    @property
    def share(self) -> Decimal:
        """Return the share, in three places."""
        return _ROUNDED.divide(Decimal(self.right), Decimal(self.said)).quantize(_THREE_DIGITS, context=_ROUNDED)


PRECISION: Final[Mapping[str, Precision]] = MappingProxyType(
    {
        "amount_regression": Precision(24, 24),
        "conversion": Precision(48, 48),
        "deposit": Precision(48, 48),
        "expiry": Precision(39, 39),
        "external_order": Precision(118, 209),
        "fee_third_asset": Precision(0, 4),
        "fee_variance": Precision(12, 16),
        "funding": Precision(31, 33),
        "inconsistent_report": Precision(12, 12),
        "interest": Precision(18, 42),
        "liquidation": Precision(48, 48),
        "missed_fill": Precision(200, 200),
        "missed_fill_gap": Precision(120, 120),
        "overfill": Precision(24, 24),
        "transfer": Precision(96, 96),
        "unit_or_side": Precision(48, 48),
        "withdrawal": Precision(48, 48),
    }
)


def precision_of(cause: str) -> Precision | None:
    """Return how often a cause was right when it was said; None if that was not measured."""
    return PRECISION.get(cause)
