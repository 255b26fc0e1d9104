"""The verdict of a unit's comparison, as far as the log alone decides it. Pure (semantics 7).

The order is: unobserved, unmodelled, stale, break, pending, agreed. The views add `unmodelled` and `stale`, because
coverage and an account's last sign of life depend on when one looks.
"""

from __future__ import annotations

from typing import Literal

from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState

Verdict = Literal["unobserved", "break", "pending", "agreed"]


def verdict_of(unit: Unit, comparison: ComparisonState) -> Verdict:
    """Return the first verdict that applies."""
    settled = settled_verdict_of(unit, comparison)
    return "pending" if settled == "agreed" and comparison.undecided else settled


def settled_verdict_of(unit: Unit, comparison: ComparisonState) -> Verdict:
    """Return the verdict, whether or not a later report waits for its window."""
    if comparison.reported is None:
        return "unobserved"
    if comparison.breaks:
        return "break"
    undecided = not comparison.set_aside and bool(comparison.pending or comparison.doubt is not None)
    if undecided or comparison.rebase or (unit.balance.opening is None and unit.unmodelled is None):
        return "pending"
    return "agreed"
