"""Breaks that may share a cause with another one: of the same account, and of the same asset elsewhere. Pure.

1. Bounds: MAX_RELATED breaks of each kind, the nearest in the log, with MAX_AMOUNTS possible amounts each. They are
   looked for among the MAX_COMPARED nearest.
2. Their order does not depend on when a unit was loaded, so a rebuild finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from recon.ledger.units import UnitState
from recon.reconciliation.causes.context import BreakSummary, overlaps
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.comparisons import Group
from recon.reconciliation.model.lifecycle import ACTIVE
from recon.reconciliation.model.step import Step

MAX_RELATED: Final = 8
MAX_AMOUNTS: Final = 8
MAX_COMPARED: Final = 256


def summary_of(context: ComparisonContext, state: UnitState, break_: Break) -> BreakSummary:
    """Return the summary of an active break of a unit."""
    comparison = context.comparison_of(state)
    reported = None if comparison is None else comparison.reported
    return BreakSummary(
        account=state.unit.account,
        kind=state.unit.kind,
        code=state.unit.code,
        amounts=tuple(dict.fromkeys([break_.amount, *break_.candidates]))[:MAX_AMOUNTS],
        after_seq=break_.after_seq,
        until_seq=break_.until_seq,
        seen_us=break_.seen_us,
        after_us=break_.after_us,
        break_id=break_.id,
        coinapi=state.unit.coinapi,
        rate_usd=state.unit.reported.rate_usd,
        expected=None if reported is None else reported - break_.amount,
        reported=reported,
        reported_seq=None if comparison is None else comparison.observed_seq,
    )


def _summary_of_pending(state: UnitState, comparison: ComparisonState, step: Step) -> BreakSummary:
    """Return the summary of a step that may become a break."""
    unit, reported = state.unit, comparison.reported
    return BreakSummary(
        account=unit.account,
        kind=unit.kind,
        code=unit.code,
        amounts=(step.amount, *step.alternatives)[:MAX_AMOUNTS],
        after_seq=step.after_seq,
        until_seq=step.seq,
        seen_us=step.at_us,
        after_us=step.after_us,
        coinapi=unit.coinapi,
        rate_usd=unit.reported.rate_usd,
        expected=None if reported is None else reported - step.amount,
        reported=reported,
        reported_seq=comparison.observed_seq,
        pending=True,
    )


def related_breaks(context: ComparisonContext, summary: BreakSummary) -> list[BreakSummary]:
    """Return the breaks of other units of the account whose origins overlap, the nearest."""
    near = _near(context, summary, [("account", summary.account)])
    return list(islice((other for other in near if _origins_overlap(other, summary)), MAX_RELATED))


def same_asset_other_accounts(context: ComparisonContext, summary: BreakSummary) -> list[BreakSummary]:
    """Return the breaks of the same asset in other accounts of the gateway, the nearest."""
    if summary.kind != "asset":
        return []
    groups = [("code", summary.code)]
    if summary.coinapi is not None:
        groups = [("coinapi", summary.coinapi), ("bare", summary.code)]
    elsewhere = (other for other in _near(context, summary, groups) if other.account != summary.account)
    return list(islice(elsewhere, MAX_RELATED))


def active_break(context: ComparisonContext, summary: BreakSummary) -> tuple[UnitState, Break] | None:
    """Return the active break of a summary with its unit; None if it is a step that is not decided."""
    state = context.ledger.units[summary.account, summary.kind, summary.code]
    comparison = context.comparison_of(state)
    active = [] if comparison is None else _active(comparison)
    return next(((state, break_) for break_ in active if break_.id == summary.break_id), None)


def _near(context: ComparisonContext, summary: BreakSummary, groups: Iterable[Group]) -> Iterator[BreakSummary]:
    """Yield the breaks of other units in some groups, the nearest first."""
    for _, key, seq in context.comparisons.near(groups, summary.until_seq, MAX_COMPARED):
        if key != context.unit.key:
            others = _summaries(context, [context.ledger.units[key]])
            yield from (other for other in others if other.until_seq == seq)


def _active(comparison: ComparisonState) -> Iterator[Break]:
    return (break_ for break_ in comparison.breaks if break_.state in ACTIVE and break_.owns_residual)


def _summaries(context: ComparisonContext, states: Iterable[UnitState]) -> Iterator[BreakSummary]:
    """Return the active breaks of these units, and the steps that may become breaks."""
    for state in states:
        comparison = context.comparison_of(state)
        if comparison is None:
            continue
        for break_ in _active(comparison):
            yield summary_of(context, state, break_)
        yield from (_summary_of_pending(state, comparison, step) for step in comparison.pending)


def _origins_overlap(other: BreakSummary, summary: BreakSummary) -> bool:
    return overlaps(other.after_seq, other.until_seq + 1, summary)
