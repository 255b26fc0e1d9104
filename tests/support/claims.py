"""The invariant of each comparison: what reports and books differ by is claimed, all of it (semantics 7)."""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO, exact
from recon.reconciliation.model.comparison import ComparisonState
from recon.testing import GatewayDriver


def claimed(comparison: ComparisonState) -> Decimal:
    """Return the sum of all claims: open breaks, fees in suspense, rounding that is not posted, what is tolerated."""
    with exact():
        breaks = sum((known.amount for known in comparison.breaks if known.owns_residual), ZERO)
        accrual = comparison.accrual
        return breaks + accrual.fees + accrual.rounding + accrual.unmodelled + accrual.tolerated + accrual.jumps


def residual(driver: GatewayDriver, code: str, kind: str = "asset") -> Decimal:
    """Return what the latest compared report of a unit has beyond the books at its cut."""
    unit, comparison = driver.unit(code, kind), driver.comparison(code, kind)
    assert comparison.reported is not None
    with exact():
        return comparison.reported - (unit.balance.opening or ZERO) - comparison.cut_total
