"""A step that is what fills of an unmapped asset moved: the row is taken for the asset's. Pure (semantics 3.3)."""

from __future__ import annotations

from recon.ledger.posting.assumed_rows import assume_by_movement, is_claimed
from recon.reconciliation.breaks.unmapped import moving_asset
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.step import Step


def takes_row(context: ComparisonContext, step: Step) -> bool:
    """Take a unit's row for the asset whose fills a decided step is, if there is one; then the step is no break."""
    unit, account = context.unit, context.account
    if (
        unit.kind != "asset"
        or account.snapshots.taken_for.of(unit.code)
        or is_claimed(context.ledger, account, unit.code)
    ):
        return False
    asset = moving_asset(context, step.amount, step.after_us, step.at_us)
    if asset is None:
        return False
    since_us = step.after_us - context.window
    assume_by_movement(context.ledger, account, asset, context.state, context.at, since_us)
    return True
