"""Writing down one value that the trellis decided. Pure (semantics 4, 5, 6)."""

from __future__ import annotations

from recon.ledger.observations import settle_position_mode
from recon.reconciliation.commit import accruals, openings, steps
from recon.reconciliation.commit.unmapped import takes_row
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.trellis.steps import (
    Cleared,
    Committed,
    Moved,
    Opened,
    OpeningFound,
    OpeningUncertain,
    Read,
    Told,
)

_CLEARED = {
    "path": "the reports fit the books without it",
    "rates": "what fills cost explains it, at a rate that is known now",
    "late_entry": "the books caught up with the report",
}


def commit(context: ComparisonContext, value: Told) -> None:
    """Write down one decided value of a unit."""
    match value:
        case Opened(step) if not takes_row(context, step):
            steps.open_step(context, step, context.trellis.explain(step))
        case Moved(old_seq, step):
            steps.move_step(context, old_seq, step, context.trellis.explain(step))
        case Cleared(_, seq, reason):
            steps.clear_step(context, seq, _CLEARED[reason])
        case OpeningUncertain(step, may_be_fee):
            if may_be_fee:
                openings.note_uncertain(context, step)
            elif not openings.doubt_opening(context, step):
                steps.open_step(context, step, context.trellis.explain(step))
        case OpeningFound():
            openings.post_opening(context, value)
        case Read(_, seq, at_us, reading):
            settle_position_mode(context.unit, at_us, context.window, plain=reading == 0)
            latest = context.comparison.latest
            if latest is not None and latest.seq == seq:
                context.comparison.reported = latest.values[reading]
        case Committed():
            accruals.accrue(context, value)
