"""Naming the cause of a break, and naming it anew when more is known. Pure (semantics 8).

1. It is done when a break opens, and again when one opens beside it, when the order that it rests on is heard of, and
   when the rules change. The state of a break stays as it is.
2. What spoke for a cause may be forgotten later, so a evaluation gives way to a surer one only, or to one as sure that
   rests on other breaks.
"""

from __future__ import annotations

from recon.reconciliation.breaks.gather import active, context_of, first_kept
from recon.reconciliation.causes.evaluation import Evaluation, evaluate
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.lifecycle import ACTIVE


def judge(subject: ComparisonContext, fresh: Break) -> str | None:
    """Name the cause of a break that is about to open; return the case of a break that it rests on, if it does.

    Breaks beside it are to be judged again, with this one.
    """
    context = context_of(subject, fresh)
    evaluation = evaluate(context)
    _take(fresh, evaluation)
    fresh.first_cause = fresh.cause
    others = {known.id: (state, known) for state, known in active(subject) if known.id != fresh.id}
    beside = (others.get(each.break_id) for each in (*context.related_breaks, *context.same_asset_other_accounts))
    subject.reclassify = sorted({found[0].key for found in beside if found is not None})
    return next((others[each][1].case_id for each in evaluation.supporting_breaks if each in others), None)


def judge_again(context: ComparisonContext) -> bool:
    """Judge the active breaks of a unit again; return whether any changed its cause. Its state stays.

    What spoke for a cause may be forgotten by now, so a evaluation only gives way to a surer one, or to one as sure
    that rests on other breaks.
    """
    changed = False
    for known in _judgeable(context):
        evaluation = evaluate(context_of(context, known))
        surer = evaluation.strength < known.strength
        if surer or (evaluation.strength == known.strength and evaluation.supporting_breaks):
            changed |= _change(context, known, evaluation)
    return changed


def reconsider(context: ComparisonContext) -> None:
    """Judge those breaks again that rest on an order which was told of since, unless its late fill is what came."""
    for known in _judgeable(context):
        if known.order is None:
            continue
        order, seq = known.order
        heard = context.account.open_orders.get(order)
        if heard is not None and heard.seq == seq:
            continue
        known.order = None
        if not _is_late(context, known):
            _change(context, known, evaluate(context_of(context, known)))


def _judgeable(context: ComparisonContext) -> list[Break]:
    breaks = context.comparison.breaks
    return [known for known in breaks if known.state in ACTIVE and known.owns_residual and not known.explained]


def _is_late(context: ComparisonContext, known: Break) -> bool:
    """Tell whether something was booked since a break opened that happened before it was seen."""
    timeline = context.timeline
    first = max(timeline.position_of(known.entries) + 1, first_kept(context.state, context.comparison))
    return any(occurred <= known.seen_us + context.window for occurred in timeline.occurred[first:])


def _change(context: ComparisonContext, known: Break, evaluation: Evaluation) -> bool:
    """Take another evaluation of an open break; return whether it is another."""
    before, fitting = known.cause, [tried.cause for tried in known.tried if tried.fits]
    same = (evaluation.cause, evaluation.certainty, evaluation.fitting) == (before, known.certainty, fitting)
    if same and evaluation.supporting_order == known.order:
        return False
    _take(known, evaluation)
    context.emit(known, "caused", known.note if known.cause == before else f"not {before}: {known.note}")
    return True


def take_over(earlier: Break, fresh: Break) -> None:
    """Give a break that happens again what is known of its latest cause."""
    earlier.cause, earlier.first_cause = fresh.cause, fresh.first_cause
    earlier.certainty, earlier.note, earlier.strength = fresh.certainty, fresh.note, fresh.strength
    earlier.evidence, earlier.tried, earlier.order = fresh.evidence, fresh.tried, fresh.order


def _take(known: Break, evaluation: Evaluation) -> None:
    known.cause, known.certainty, known.note = evaluation.cause, evaluation.certainty, evaluation.note
    known.evidence, known.tried = evaluation.evidence, evaluation.tried
    known.strength, known.order = evaluation.strength, evaluation.supporting_order
