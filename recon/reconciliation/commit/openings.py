"""Openings: what a unit held before its first posting. Pure (semantics 4).

1. An opening is posted once, and never moves.
2. What two early reports differ by is no opening and no fault as long as the data cannot tell: it is shown as doubt.
3. A cash book opens anew once its cash follows from reports: what the books lack until then is the past.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.exact import ZERO
from recon.ledger.observations import Observation
from recon.ledger.posting.derivatives import (
    LEVERAGED,
    ReportedPosition,
    bears_out,
    came_before,
    open_unit,
    trades_as_told,
)
from recon.ledger.units import UNMODELLED
from recon.reconciliation.breaks.ended_steps import clear
from recon.reconciliation.commit.accruals import own
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.comparison import Accrual, FirstReport, OpeningDoubt
from recon.reconciliation.model.step import Step
from recon.reconciliation.trellis.steps import OpeningFound
from recon.times import to_datetime

#: First reports of a contract that are remembered until it opens: the first ones and the latest.
MAX_FIRST_REPORTS: Final = 8


def note_first_report(context: ComparisonContext, observation: Observation) -> None:
    """Remember a report of a contract that is not open yet, for its average entry price."""
    unit, comparison = context.unit, context.comparison
    if unit.kind == "contract" and unit.balance.opening is None:
        seen = FirstReport(observation.seq, observation.us, observation.values[0], observation.price)
        kept = comparison.first_reports
        comparison.first_reports = [*kept[: MAX_FIRST_REPORTS - 1], seen]


def post_opening(context: ComparisonContext, found: OpeningFound) -> None:
    """Post an opening; a contract takes the cost basis of its first report. An opening that moved is a step."""
    unit, comparison = context.unit, context.comparison
    doubt = comparison.doubt
    level = found.level if doubt is None else found.level + doubt.amount
    if unit.balance.opening is None:
        certainty = "inferred" if comparison.inferred else "candidate" if doubt is not None else "exact"
        seen = _seen(context, level) if unit.kind == "contract" else None
        open_unit(context.ledger, context.state, level, certainty, context.at, seen=seen)
        unit.balance.open_since(found.at_us if doubt is None else doubt.until_us)
        if doubt is not None:
            note_doubt(context, msgspec.structs.replace(doubt, entry=unit.balance.entry_count))
    comparison.first_reports, comparison.doubt = [], None


def note_doubt(context: ComparisonContext, doubt: OpeningDoubt | None) -> None:
    """Note what of a unit's opening is uncertain; None once it is decided."""
    context.comparison.uncertain = doubt
    context.unit.balance.leave_uncertain(ZERO if doubt is None else doubt.amount)
    context.ledger.changes.units[context.state.key] = context.state


def _seen(context: ComparisonContext, opening: Decimal) -> ReportedPosition | None:
    """Return what the first report said, or the latest if the fills between lead to another price.

    The first snapshot may be a stale one: the same quantity again, at the price of before.
    """
    doubt, known = context.comparison.doubt, context.comparison.first_reports
    since = 0 if doubt is None else doubt.seq
    reports = [_position(context, each, opening) for each in known if each.seq >= since]
    if not reports:
        return None
    first, later = reports[0], reports[-1]
    return first if bears_out(context.ledger, context.unit, first, later) else later


def _position(context: ComparisonContext, seen: FirstReport, opening: Decimal) -> ReportedPosition:
    """Return a report as a position, with the fills that it holds: the last ones that fit it and came before it.

    Of fills that cancel out the quantity cannot tell. What a gap hid is booked later than what came after it.
    """
    window_us = context.ledger.rules_of(context.unit.account).settlement_window_us
    trades = trades_as_told(context.unit.contract, window_us)
    totals = accumulate((trade.quantity for trade in trades), initial=opening)
    fitting = [held for held, total in enumerate(totals) if total == seen.value]
    before = [held for held in fitting if not held or came_before(trades[held - 1], seen.seq, seen.us, window_us)]
    held = before[-1] if before else fitting[0] if fitting else len(trades)
    return ReportedPosition(seen.value, seen.price, held)


def doubt_opening(context: ComparisonContext, step: Step) -> bool:
    """Note that the data cannot tell an opening from a fault, with both values; return False once the unit is open.

    The later value is what holds from there on, so it becomes the opening.
    """
    unit, comparison = context.unit, context.comparison
    if unit.balance.opening is not None:
        return False
    own(context, step.seq, step.amount, is_fee=False)
    known = comparison.doubt
    amount, after_us = (ZERO, step.after_us) if known is None else (known.amount, known.after_us)
    comparison.doubt = OpeningDoubt(amount + step.amount, step.at_us, step.seq, after_us)
    note_uncertain(context, step)
    return True


def note_uncertain(context: ComparisonContext, step: Step) -> None:
    """Note a difference of early reports that may be an opening, a fault or, where it is as small, a fee."""
    unit = context.unit
    path = context.trellis.explain(step)
    values = "" if path is None else f": {shown(path.before.value)}, then {shown(path.after.value)}"
    message = (
        f"the first reports of {unit.code} differ by {shown(step.amount)} without a fill, between"
        f" {to_datetime(step.after_us)} and {to_datetime(step.at_us)}{values}; the later one is taken for the opening"
    )
    context.ledger.note_finding(unit.account, context.at, "opening_uncertain", unit.code, message)


def open_anew(context: ComparisonContext) -> None:
    """Begin a unit anew that stopped or started being modelled: its next report opens it.

    The breaks of a contract that turned out to be another one are none: that one has the books.
    """
    comparison, unit = context.comparison, context.unit
    comparison.pending, comparison.doubt = [], None
    note_doubt(context, None)
    comparison.rebase = unit.unmodelled is None and unit.balance.opening is not None
    if unit.contract.same_as is not None:
        for known in tuple(comparison.breaks):
            clear(context, known, f"{unit.code} is contract {unit.contract.same_as}")
    if unit.unmodelled is not None and unit.unmodelled.startswith(LEVERAGED):
        _clear_leveraged(context)


def _clear_leveraged(context: ComparisonContext) -> None:
    """Clear the breaks that are what fills moved in the books and not at the venue: they made a leveraged position."""
    timeline = context.timeline
    for known in tuple(context.comparison.breaks):
        since_us, moved = known.after_us - context.window, ZERO
        for position in range(timeline.first(), timeline.last() + 1):
            if since_us <= timeline.occurred[position] <= known.seen_us:
                moved += timeline.totals[position] - timeline.totals[position - 1]
        if known.owns_residual and moved and known.amount == -moved:
            clear(context, known, "its fills made a leveraged position, and moved no balance")


def rebase(context: ComparisonContext, observation: Observation) -> None:
    """Open a cash book: what the books lack until now is the unmodelled past, not drift (semantics 3.5)."""
    comparison, unit = context.comparison, context.unit
    comparison.rebase, comparison.accrual, comparison.suspended = False, Accrual(), {}
    value = observation.values[0]
    owned = sum((known.amount for known in comparison.breaks if known.owns_residual), Decimal(0))
    missing = value - (unit.value or Decimal(0)) - owned
    if missing:
        context.post_explanation(missing, UNMODELLED)
    context.trellis.open_at(unit.key, observation.seq, observation.us, value)
