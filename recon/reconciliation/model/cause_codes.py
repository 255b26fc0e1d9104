"""The causes of a break, from the surest to the vaguest, with their meaning. Pure (semantics 8, architecture 4).

1. The order of CAUSES is the order in which equally sure causes are named: the first is shown.
2. Codes outlive releases: they stand in the log of decisions, in alerts and in views.
"""

from __future__ import annotations

from typing import Final

IN_FLIGHT: Final = "in_flight"
STALE_SOURCE: Final = "stale_source"
INCONSISTENT_REPORT: Final = "inconsistent_report"
AMOUNT_REGRESSION: Final = "amount_regression"
OVERFILL: Final = "overfill"
MISSED_FILL_GAP: Final = "missed_fill_gap"
MISSED_FILL: Final = "missed_fill"
EXTERNAL_ORDER: Final = "external_order"
FEE_EXPECTED: Final = "fee_expected"
FEE_VARIANCE: Final = "fee_variance"
FEE_THIRD_ASSET: Final = "fee_third_asset"
REBATE: Final = "rebate"
FUNDING: Final = "funding"
INTEREST: Final = "interest"
REWARD: Final = "reward"
CONVERSION: Final = "conversion"
DEPOSIT: Final = "deposit"
WITHDRAWAL: Final = "withdrawal"
TRANSFER: Final = "transfer"
LIQUIDATION: Final = "liquidation"
ADL: Final = "adl"
EXPIRY: Final = "expiry"
UNIT_OR_SIDE: Final = "unit_or_side"
ROUNDING: Final = "rounding"
DUST: Final = "dust"
UNMAPPED: Final = "unmapped"
UNEXPLAINED: Final = "unexplained"

#: The version of the rules that name causes, kept with each break.
VERSION: Final = 2

#: Every cause with its meaning, in order.
CAUSES: Final[dict[str, str]] = {
    IN_FLIGHT: "messages that cross each other; it clears itself",
    STALE_SOURCE: "nothing authoritative is heard of the account; coverage, never a break",
    INCONSISTENT_REPORT: "a report contradicts itself, and was booked by the part that is wrong",
    AMOUNT_REGRESSION: "a report takes back what an earlier one said was filled",
    OVERFILL: "more is filled than was ordered",
    MISSED_FILL_GAP: "a fill that nobody told us of while the account was not observed",
    MISSED_FILL: "a fill of an order of ours that nobody told us of",
    EXTERNAL_ORDER: "a trade made outside the EMS",
    FEE_EXPECTED: "the fee of a fill, which no report carries",
    FEE_VARIANCE: "a fee other than the one that is known",
    FEE_THIRD_ASSET: "the fee of a fill, taken in an asset that it does not move",
    REBATE: "a fee paid back, for adding liquidity",
    FUNDING: "funding of a position, on its grid of times",
    INTEREST: "interest charged or paid",
    REWARD: "a reward, such as for staking",
    CONVERSION: "one asset turned into another by the venue",
    DEPOSIT: "an asset came in",
    WITHDRAWAL: "an asset went out",
    TRANSFER: "an asset moved between two accounts",
    LIQUIDATION: "the venue closed a position at its liquidation price",
    ADL: "the venue closed a position to make up for others' losses",
    EXPIRY: "a contract ended",
    UNIT_OR_SIDE: "a quantity is read in another unit, or on the other side: a mapping defect",
    ROUNDING: "less than the smallest step of the unit",
    DUST: "less than can be traded, left over or swept away",
    UNMAPPED: "legs or symbols that no balance row is known to be of",
    UNEXPLAINED: "nothing known fits",
}
