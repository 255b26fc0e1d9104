"""Breaks of reports that contradict themselves or an earlier one. Pure (semantics 2.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.display.figures import shown
from recon.exact import ZERO
from recon.reconciliation.breaks.classification import copy_classification, reclassify
from recon.reconciliation.breaks.ended_steps import clear
from recon.reconciliation.breaks.identity import case_of, identity
from recon.reconciliation.causes.integrity import AMOUNT_REGRESSION, cause_of_contradiction
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break, Evidence
from recon.reconciliation.model.lifecycle import ACTIVE

#: Breaks of contradictory reports that are open in one unit; further contradictions are findings only.
MAX_CONTRADICTIONS: Final = 256


def note_contradiction(context: ComparisonContext, kind: str, order: str, amount: Decimal | None) -> None:
    """Open a break of its own kind for a report that contradicts itself or its past; None: a later one agrees again."""
    if amount is None:
        _mend(context, kind, order)
    else:
        _contradict(context, kind, order, amount)


def _contradict(context: ComparisonContext, kind: str, order: str, amount: Decimal) -> None:
    at, comparison = context.at, context.comparison
    if kind == AMOUNT_REGRESSION.code and _explains(context, amount):
        return
    if sum(not known.owns_residual for known in comparison.breaks) >= MAX_CONTRADICTIONS:
        message = f"{kind} of order {order} opens no break: {MAX_CONTRADICTIONS} contradictions are open in the unit"
        context.ledger.note_finding(context.unit.account, at, "contradictions_many", context.unit.code, message)
        return
    break_id = identity(context.ledger.gateway, context.unit, at.seq, f"{kind}:{order}")
    fresh = Break(
        id=break_id,
        case_id=case_of(break_id),
        cause=cause_of_contradiction(kind).code,
        certainty="exact",
        state="open",
        amount=amount,
        candidates=[amount],
        seen_us=at.us,
        opened_us=at.us,
        origin_seq=at.seq,
        after_seq=at.seq - 1,
        until_seq=at.seq,
        entries=context.unit.balance.entry_count,
        owns_residual=False,
        note=f"{kind} of order {order}",
        evidence=[Evidence(f"{kind} of order {order}, by {shown(amount)}", at.seq, amount)],
    )
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", fresh.note)


def _explains(context: ComparisonContext, amount: Decimal) -> bool:
    """Name the breaks that a report explains by what it takes back; True if the unit has a break of that amount."""
    reclassify(context)
    codes = {code for _, *pair in context.account.mappings.pairs_by_asset.of(context.unit.code) for code in pair}
    others = {each.key for each, _ in context.open_breaks_of_assets(codes - {context.unit.code})}
    context.reclassify = sorted({*context.reclassify, *others})
    tolerance = context.tolerance_of(context.comparison.reported or ZERO)
    return any(
        known.owns_residual and known.cause == AMOUNT_REGRESSION.code and abs(known.amount - amount) <= tolerance
        for known in context.comparison.breaks
    )


def adopt(context: ComparisonContext, fresh: Break) -> bool:
    """Let a contradiction be the break of a step that bears it out: both are one; return True if there is one."""
    if fresh.cause != AMOUNT_REGRESSION.code:
        return False
    known = next((each for each in context.comparison.breaks if _is_borne_out(context, each, fresh)), None)
    if known is None:
        return False
    known.owns_residual, known.step_seq, known.path = True, fresh.step_seq, fresh.path
    known.amount, known.candidates = fresh.amount, fresh.candidates
    known.seen_us, known.after_us = fresh.seen_us, fresh.after_us
    known.after_seq, known.until_seq = min(known.after_seq, fresh.after_seq), fresh.until_seq
    known.entries, known.was_fee_candidate = context.unit.balance.entry_count, fresh.was_fee_candidate
    copy_classification(fresh, known)
    context.emit(known, "caused", f"the balance follows: {known.note}")
    return True


def _is_borne_out(context: ComparisonContext, known: Break, fresh: Break) -> bool:
    same = known.cause == fresh.cause and not known.owns_residual and known.state in ACTIVE
    return same and abs(known.amount - fresh.amount) <= context.tolerance_of(context.comparison.reported or ZERO)


def _mend(context: ComparisonContext, kind: str, order: str) -> None:
    """Clear a contradiction: a later report agrees with what is booked."""
    for known in list(context.comparison.breaks):
        if not known.owns_residual and known.note == f"{kind} of order {order}":
            clear(context, known, "a later report agrees with what is booked")
