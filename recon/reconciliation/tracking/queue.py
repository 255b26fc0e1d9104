"""Observations of a unit that wait for their window, and the judgement of each. Pure (semantics 5)."""

from __future__ import annotations

from recon.ledger.observations import Observation
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.comparison import MAX_QUEUE, ComparisonState
from recon.reconciliation.tracking import fee_candidates, fee_learning, openings
from recon.reconciliation.tracking import steps as chains
from recon.reconciliation.tracking.agreement import agree
from recon.times import LogTime


def drop_outdated(comparison: ComparisonState, at: LogTime, window: int, *, late: bool) -> None:
    """Drop a deferred report that is older than a trade; a fetched fill was traded before the report."""
    if not late and comparison.deferred is not None and at.clock - comparison.deferred.clock > window:
        comparison.deferred = None


def wait(context: ComparisonContext, observation: Observation) -> None:
    """Let an observation wait for its window; if too many wait, judge the oldest early."""
    comparison = context.comparison
    comparison.queue = [*comparison.queue, observation]
    context.show_cut(context.timeline.last())
    if len(comparison.queue) > MAX_QUEUE:
        judge(context, comparison.queue.pop(0))


def agree_with_fitting(context: ComparisonContext) -> None:
    """Agree with the waiting observations that fit by now, in order, unless a step search needs them."""
    comparison = context.comparison
    if (
        comparison.chain is not None
        or context.unit.balance.opening is None
        or comparison.rebase
        or comparison.calibrating
    ):
        return
    while comparison.queue:
        found = context.fit(comparison.queue[0], seldom=False)
        if found is None:
            break
        agree(context, comparison.queue.pop(0), found)


def judge(context: ComparisonContext, observation: Observation) -> None:
    """Decide on an observation whose window is over: all its cuts are known now."""
    comparison = context.comparison
    if context.unit.balance.opening is None or comparison.calibrating:
        openings.weigh_opening(context, observation)
        return
    if comparison.rebase:
        openings.rebase(context, observation)
        return
    found = context.fit(observation)
    if found is None and chains.clear(context, observation):
        return
    borne_out = comparison.chain is not None and chains.bears_out(context, comparison.chain, observation)
    if found is None and not borne_out and _may_be_fees(context, observation):
        if comparison.chain is not None:
            chains.dismiss(context, comparison.chain, "what is missing is what fills cost")
        return
    if comparison.chain is not None:
        chains.go_on(context, comparison.chain, observation, found)
    elif found is not None:
        agree(context, observation, found)
    else:
        fee_candidates.withdraw(context)
        chains.start(context, observation)


def _may_be_fees(context: ComparisonContext, observation: Observation) -> bool:
    return (
        fee_learning.accounts_for(context, observation)
        or fee_candidates.give_back(context, observation)
        or fee_candidates.hold(context, observation)
    )


def abandon(context: ComparisonContext) -> None:
    """Abandon what was under way: the unit is not judged for now."""
    comparison = context.comparison
    comparison.forget_opening()
    comparison.queue, comparison.front = [], None
    comparison.forget_suspense()
    if comparison.chain is not None:
        chains.dismiss(context, comparison.chain, "the unit is not judged from here on")
