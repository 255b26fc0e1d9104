"""The invariant of each comparison: the residual is the sum of all claims (see the semantics)."""

from __future__ import annotations

from decimal import Decimal

from recon.reconciliation.model.comparison import ComparisonState


def claimed(comparison: ComparisonState) -> Decimal:
    """Return the sum of all claims: open breaks, accrued fees, and fee candidates."""
    breaks = sum((break_.amount for break_ in comparison.breaks if break_.owns_residual), Decimal(0))
    return breaks + comparison.learning + comparison.settled + comparison.suspense
