"""What a unit's comparison amounts to, as far as the log tells. Pure (semantics 7).

The views put `unmodelled` and `stale` where they belong in the order
unobserved, unmodelled, stale, break, pending, agreed: coverage and an account's last sign of life are theirs to judge.
"""

from __future__ import annotations

from typing import Literal

from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState

Judgement = Literal["unobserved", "break", "pending", "agreed"]


def verdict_of(unit: Unit, comparison: ComparisonState) -> Judgement:
    """Return the first that applies: not observed, broken, under way, agreed."""
    if comparison.reported is None:
        return "unobserved"
    if comparison.breaks:
        return "break"
    if (
        comparison.awaiting_time
        or comparison.rebase
        or comparison.calibrating
        or (unit.balance.opening is None and unit.unmodelled is None)
    ):
        return "pending"
    return "agreed"
