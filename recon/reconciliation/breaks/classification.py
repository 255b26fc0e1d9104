"""Classification of a break: its cause, named when it opens and again when more is known. Pure (semantics 8).

1. A break is classified when it opens. It is reclassified when a related break opens, when its supporting order is
   reported, and when the rules change. Its state stays.
2. Evidence is bounded and may expire, so a break is reclassified only to a stronger cause, or to an equally strong one
   that other breaks support.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from recon.reconciliation.breaks.gather import break_context
from recon.reconciliation.breaks.related import active_break
from recon.reconciliation.causes.evaluation import Evaluation, evaluate
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.lifecycle import ACTIVE

#: From so many supporting breaks on, a case is one of several assets.
_SEVERAL: Final = 2


def classify(context: ComparisonContext, break_: Break) -> str | None:
    """Name the cause of a break that is about to open; return the case of a break that supports the cause, if any.

    The context then lists the units with related breaks: they are to be reclassified, now that this break is known.
    """
    facts = break_context(context, break_)
    evaluation = evaluate(facts)
    _apply(break_, evaluation)
    break_.first_cause = break_.cause
    related = [active_break(context, summary) for summary in (*facts.related_breaks, *facts.same_asset_other_accounts)]
    others = {other[1].id: other for other in related if other is not None and other[1].id != break_.id}
    context.reclassify = sorted({state.key for state, _ in others.values()})
    supporting = [others[id_][1] for id_ in evaluation.supporting_breaks if id_ in others]
    return min(supporting, key=_age).case_id if supporting else None


def _age(break_: Break) -> tuple[int, str]:
    return break_.opened_us, break_.id


def reclassify(context: ComparisonContext) -> bool:
    """Reclassify the active breaks of a unit; return True if a cause, its certainty or its candidates changed."""
    changed = False
    for break_ in _classifiable(context):
        evaluation = evaluate(break_context(context, break_))
        equal = evaluation.strength == break_.strength
        if evaluation.strength < break_.strength or (equal and evaluation.supporting_breaks):
            joined = _join_case(context, break_, evaluation)
            changed |= _replace(context, break_, evaluation, joined=joined)
    return changed


def reclassify_reported_orders(context: ComparisonContext) -> None:
    """Reclassify the breaks whose supporting order was reported again, unless the missed fill itself was reported."""
    for break_ in _classifiable(context):
        if break_.order is None:
            continue
        key, seq = break_.order
        order = context.account.evidence.open_orders.get(key)
        if order is not None and order.seq == seq:
            continue
        break_.order = None
        if not _is_booked_late(context, break_):
            _replace(context, break_, evaluate(break_context(context, break_)))


def copy_classification(source: Break, target: Break) -> None:
    """Give a closed break that recurs the classification of its recurrence."""
    target.cause, target.first_cause = source.cause, source.first_cause
    target.certainty, target.note, target.strength = source.certainty, source.note, source.strength
    target.evidence, target.tried, target.order = source.evidence, source.tried, source.order


def _classifiable(context: ComparisonContext) -> list[Break]:
    breaks = context.comparison.breaks
    return [break_ for break_ in breaks if break_.state in ACTIVE and break_.owns_residual and not break_.explained]


def _is_booked_late(context: ComparisonContext, break_: Break) -> bool:
    """True if an entry posted since the break opened occurred before the break was first seen."""
    timeline = context.timeline
    first = max(timeline.position_of(break_.entries) + 1, timeline.first())
    return any(occurred_us <= break_.seen_us + context.window for occurred_us in timeline.occurred[first:])


def _join_case(context: ComparisonContext, break_: Break, evaluation: Evaluation) -> bool:
    """Let a break that several others support join the case of the eldest; return True if its case is another now.

    Several assets that become one open one after the other, and each began a case of its own.
    """
    if len(evaluation.supporting_breaks) < _SEVERAL or break_.state != "open":
        return False
    eldest = min((break_, *_active_breaks(context, evaluation.supporting_breaks)), key=_age)
    joined = eldest.case_id != break_.case_id
    break_.case_id = eldest.case_id
    return joined


def _active_breaks(context: ComparisonContext, ids: Iterable[str]) -> Iterator[Break]:
    """Yield the active breaks with these ids, in any unit."""
    for id_ in ids:
        key = context.comparisons.unit_of(id_)
        if key is not None:
            yield from (known for known in context.comparisons[key].breaks if known.id == id_)


def _replace(context: ComparisonContext, break_: Break, evaluation: Evaluation, *, joined: bool = False) -> bool:
    """Give an open break another classification; return False if it is the same one, in the same case."""
    cause, fitting = break_.cause, [tried.cause for tried in break_.tried if tried.fits]
    same = (evaluation.cause, evaluation.certainty, evaluation.fitting) == (cause, break_.certainty, fitting)
    if same and not joined and evaluation.supporting_order == break_.order:
        return False
    _apply(break_, evaluation)
    context.emit(break_, "caused", break_.note if break_.cause == cause else f"not {cause}: {break_.note}")
    return True


def _apply(break_: Break, evaluation: Evaluation) -> None:
    break_.cause, break_.certainty, break_.note = evaluation.cause, evaluation.certainty, evaluation.note
    break_.evidence, break_.tried = evaluation.evidence, evaluation.tried
    break_.strength, break_.order = evaluation.strength, evaluation.supporting_order
