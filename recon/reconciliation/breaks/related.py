"""Breaks that may share a cause with another one: of the same account, and of the same asset elsewhere. Pure.

1. Bounds: MAX_RELATED breaks of each kind, the nearest in the log, with MAX_AMOUNTS possible amounts each. They are
   looked for among the MAX_COMPARED nearest.
2. Their order does not depend on when a unit was loaded, so a rebuild finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

from recon.ledger.units import UnitState
from recon.reconciliation.causes.context import BreakSummary, overlaps
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.hypotheses import best
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import Chain, ComparisonState
from recon.reconciliation.model.comparisons import Group
from recon.reconciliation.model.lifecycle import ACTIVE

MAX_RELATED: Final = 8
MAX_AMOUNTS: Final = 8
MAX_COMPARED: Final = 256


def summary_of(context: ComparisonContext, state: UnitState, break_: Break, *, pending: bool = False) -> BreakSummary:
    """Return the summary of an active break of a unit, or of the break that the unit's chain may become."""
    unit, comparison = state.unit, context.comparison_of(state)
    amounts = [break_.amount, *break_.candidates]
    if pending and comparison is not None and comparison.chain is not None:
        amounts = _pending_amounts(comparison.chain, comparison.residual)
    reported = None if comparison is None else comparison.reported
    return BreakSummary(
        account=unit.account,
        kind=unit.kind,
        code=unit.code,
        amounts=tuple(dict.fromkeys(amounts))[:MAX_AMOUNTS],
        after_seq=break_.after_seq,
        until_seq=break_.until_seq,
        seen_us=break_.seen_us,
        after_us=break_.after_us,
        break_id=break_.id,
        coinapi=unit.coinapi,
        rate_usd=unit.reported.rate_usd,
        expected=None if reported is None else reported - amounts[0],
        reported=reported,
        pending=pending,
    )


def _pending_amounts(chain: Chain, residual: Decimal) -> list[Decimal]:
    """Return the amounts that a chain may come to, the best first."""
    hypotheses = [hypothesis for hypothesis in chain.candidates if hypothesis.fitting] or chain.candidates
    return [hypothesis.residual - residual for hypothesis in (best(hypotheses), *hypotheses)]


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
    """Return the active break of a summary with its unit; None if it is a break that a chain may become."""
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
    """Return the active breaks of these units, and those that their chains may become."""
    for state in states:
        comparison = context.comparison_of(state)
        if comparison is None:
            continue
        for break_ in _active(comparison):
            yield summary_of(context, state, break_)
        if comparison.chain is not None and comparison.chain.candidates:
            yield summary_of(context, state, comparison.chain.pending, pending=True)


def _origins_overlap(other: BreakSummary, summary: BreakSummary) -> bool:
    return overlaps(other.after_seq, other.until_seq + 1, summary)
