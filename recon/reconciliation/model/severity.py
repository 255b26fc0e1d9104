"""How much a break matters: the largest of what it is worth, how old it is, and what it is. Pure (semantics 8).

1. What it is worth is measured against what the account's rules call material; no USD value counts as material.
2. Age is business time since the origin (`recon.reconciliation.model.ageing`).
3. A cause has a floor: a mapping defect is critical however small its amount (`recon.reconciliation.causes`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from recon.reconciliation.model.ageing import DAY_US

Severity = Literal["info", "low", "medium", "high", "critical"]
#: From the least to the most severe.
LEVELS: Final[tuple[Severity, ...]] = ("info", "low", "medium", "high", "critical")

#: From this share of the material amount on.
AMOUNT_BANDS: Final[tuple[tuple[Decimal, Severity], ...]] = (
    (Decimal(10), "critical"),
    (Decimal(1), "high"),
    (Decimal("0.1"), "medium"),
    (Decimal("0.01"), "low"),
)
#: From this many business days on.
AGE_BANDS: Final[tuple[tuple[int, Severity], ...]] = ((10, "critical"), (5, "high"), (2, "medium"), (1, "low"))


def severity(amount_usd: Decimal | None, age_us: int, floor: Severity, *, material_usd: Decimal) -> Severity:
    """Return how severe a break is; `floor` is of its cause, `age_us` in business time, USD None without a rate."""
    bands = (by_amount(amount_usd, material_usd), by_age(age_us), floor)
    return max(bands, key=LEVELS.index)


def by_amount(amount_usd: Decimal | None, material_usd: Decimal) -> Severity:
    """Return the band of an amount; what has no USD value counts as material."""
    if amount_usd is None or not material_usd:
        return "high"
    return next((level for share, level in AMOUNT_BANDS if abs(amount_usd) >= share * material_usd), "info")


def by_age(age_us: int) -> Severity:
    """Return the band of an age in business time, in microseconds."""
    return next((level for days, level in AGE_BANDS if age_us >= days * DAY_US), "info")
