"""The break of an independent source, beside those of the EMS's reports. Pure (semantics 8.7).

1. A unit has at most one such break of each source. A later check that differs as much changes nothing.
2. It clears when a later check of that source agrees, or once the EMS's reports have the same difference.
3. It is no part of the drift of the reports: a person resolves it by an entry of 0, or accepts it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO
from recon.reconciliation.breaks.ended_steps import clear
from recon.reconciliation.breaks.identity import case_of, identity, recurrence
from recon.reconciliation.causes.integrity import SOURCE_DIFFERS
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Evidence
from recon.reconciliation.model.source_check import SourceCheck
from recon.source_class import IndependentSource
from recon.times import to_datetime

#: Pieces of evidence that a break of a source keeps: the first, and the latest.
MAX_EVIDENCE: Final = 8


def differ(context: ComparisonContext, check: SourceCheck) -> str:
    """Open the break of a source that differs, or go on with the one that is open; return its id."""
    drift = check.drift or ZERO
    known = _open_break(context, check.source)
    if known is None:
        return _open(context, check, drift)
    if abs(known.amount - drift) > context.tolerance_of(check.reported):
        known.amount, known.candidates = drift, [drift]
        known.evidence = [*known.evidence[: MAX_EVIDENCE - 1], _evidence(context, check)]
        known.note = _words(check, drift)
        context.emit(known, "caused", known.note)
    return known.id


def agree(context: ComparisonContext, check: SourceCheck, why: str) -> None:
    """Clear the break of a source, if one is open."""
    known = _open_break(context, check.source)
    if known is not None:
        clear(context, known, f"{check.source} at {_time(check.us)}: {why}")


def _open(context: ComparisonContext, check: SourceCheck, drift: Decimal) -> str:
    comparison, at = context.comparison, context.at
    fresh = _new(context, check, drift)
    earlier = recurrence(comparison, fresh)
    if earlier is not None:
        earlier.occurrences += 1
        earlier.amount, earlier.candidates, earlier.closed_us = drift, [drift], None
        earlier.note, earlier.evidence, earlier.proposal = fresh.note, fresh.evidence, None
        earlier.seen_us, earlier.after_us = fresh.seen_us, fresh.after_us
        earlier.after_seq, earlier.until_seq = fresh.after_seq, fresh.until_seq
        fresh = earlier
    fresh.state, fresh.opened_us = "open", at.us
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", fresh.note)
    return fresh.id


def _new(context: ComparisonContext, check: SourceCheck, drift: Decimal) -> Break:
    """Return the break: what differs came about since the source last agreed, or since the opening."""
    standing = context.comparison.sources.get(check.source)
    agreed_us = None if standing is None else standing.agreed_us
    agreed_seq = None if standing is None else standing.agreed_seq
    break_id = identity(context.ledger.gateway, context.unit, check.seq, f"{check.source}:{check.us}:{check.number}")
    return Break(
        id=break_id,
        case_id=case_of(break_id),
        cause=SOURCE_DIFFERS.code,
        first_cause=SOURCE_DIFFERS.code,
        certainty="exact",
        state="open",
        amount=drift,
        candidates=[drift],
        seen_us=check.us,
        opened_us=context.at.us,
        origin_seq=check.seq,
        after_seq=min(agreed_seq or 0, check.seq - 1),
        until_seq=check.seq,
        entries=context.unit.balance.entry_count,
        owns_residual=False,
        after_us=context.unit.balance.opening_us if agreed_us is None else agreed_us,
        note=_words(check, drift),
        evidence=[_evidence(context, check)],
        source=check.source,
    )


def _evidence(context: ComparisonContext, check: SourceCheck) -> Evidence:
    drift = check.drift or ZERO
    standing = context.comparison.sources.get(check.source)
    agreed = "" if standing is None or standing.agreed_us is None else f"; it agreed at {_time(standing.agreed_us)}"
    return Evidence(_words(check, drift) + agreed, check.seq, drift)


def _words(check: SourceCheck, drift: Decimal) -> str:
    held = "lists no" if check.absent else f"holds {shown(check.reported)}"
    expected = "nothing" if check.expected is None else shown(check.expected)
    return (
        f"{check.source} {held} {check.told_unit} at {_time(check.us)}, the books had {expected}:"
        f" {shown(drift)} to explain"
    )


def _open_break(context: ComparisonContext, source: IndependentSource) -> Break | None:
    return next((each for each in context.comparison.breaks if each.source == source), None)


def _time(us: int) -> str:
    return f"{to_datetime(us):%Y-%m-%d %H:%M:%S} UTC"
