"""Breaks that may share a cause with another one: of the same account, and of the same asset elsewhere. Pure.

1. Bounds: MAX_RELATED breaks of each kind, the nearest in the log, with MAX_AMOUNTS possible amounts each.
2. Their order does not depend on when a unit was loaded, so a rebuild finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from recon.ledger.units import Unit, UnitState
from recon.reconciliation.causes.context import BreakSummary, overlaps
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.matching.hypotheses import best
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import Chain, ComparisonState
from recon.reconciliation.model.lifecycle import ACTIVE

MAX_RELATED: Final = 8
MAX_AMOUNTS: Final = 8


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
    states = [state for state in context.ledger.units_of(summary.account) if state.key != context.unit.key]
    return _nearest(summary, (other for other in _summaries(context, states) if _origins_overlap(other, summary)))


def same_asset_other_accounts(context: ComparisonContext, summary: BreakSummary) -> list[BreakSummary]:
    """Return the breaks of the same asset in other accounts of the gateway, the nearest."""
    if summary.kind != "asset":
        return []
    states = [state for state in context.ledger.units.values() if _is_same_asset_elsewhere(state.unit, summary)]
    return _nearest(summary, _summaries(context, states))


def active_breaks(context: ComparisonContext) -> Iterator[tuple[UnitState, Break]]:
    """Return every active break of the gateway that is part of its unit's residual."""
    for state in context.ledger.units.values():
        comparison = context.comparison_of(state)
        if comparison is not None:
            for break_ in _active(comparison):
                yield state, break_


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


def _is_same_asset_elsewhere(unit: Unit, summary: BreakSummary) -> bool:
    if unit.kind != "asset" or unit.account == summary.account:
        return False
    if unit.coinapi and summary.coinapi:
        return unit.coinapi == summary.coinapi
    return unit.code == summary.code


def _nearest(summary: BreakSummary, others: Iterable[BreakSummary]) -> list[BreakSummary]:
    def distance(other: BreakSummary) -> tuple[int, str, str, str]:
        return abs(other.until_seq - summary.until_seq), other.account, other.kind, other.code

    return sorted(others, key=distance)[:MAX_RELATED]
