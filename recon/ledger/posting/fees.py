"""The fee of a leg, at the account's rate for its key: learnt, or of the venue's schedule. Pure (semantics 8.5).

1. A positive cost lowers the balance; a negative one (a rebate) raises it.
2. What a fee came to beyond this is posted in sum, once reports show it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ONE, ZERO, divide
from recon.ledger.fees.fee_key import share_of
from recon.ledger.fees.rate_table import RateTable
from recon.ledger.legs import Leg

#: Digits of a posted fee; a venue's coarser rounding is within the tolerance.
FEE_DIGITS: Final = 12


def fee_of(leg: Leg, rates: RateTable) -> Decimal:
    """Return what a leg costs at the expected rate of its key; 0 where no rate is known."""
    if leg.fee_key is None or not leg.turnover:
        return ZERO
    rate = rates.expected(leg.fee_key, leg.stamp.us)
    return divide(share_of(rate) * abs(leg.turnover), ONE, FEE_DIGITS) if rate else ZERO
