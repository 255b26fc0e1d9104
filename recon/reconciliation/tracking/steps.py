"""Chains of disagreement, and the breaks they become. Pure (semantics 5).

1. A chain starts at the first observation that does not fit what is owned, and carries every residual it allows.
2. An observation that fits what is owned and no candidate ends it: it was a race.
3. It becomes a break when what is owned fails again while a candidate has held for more than CHAIN_WINDOWS windows,
   or when nothing more is said within a window although the account is alive.
4. An open break clears by an observation that fits without it and not with it, where the books moved to meet the
   report; where the report alone moved back, the opposite step is a break of its own and the two are offset.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO, plain
from recon.ledger.facts.external_fact import ExternalFact
from recon.ledger.facts.postings import told_posting
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UnitState
from recon.reconciliation.breaks import classification
from recon.reconciliation.breaks.identity import case_of, identity, partner_case, recurrence
from recon.reconciliation.breaks.resolution import close_break, post_adjustment
from recon.reconciliation.causes.fees import FEE_THIRD_ASSET
from recon.reconciliation.causes.integrity import cause_of_contradiction
from recon.reconciliation.causes.untested import IN_FLIGHT
from recon.reconciliation.context import ComparisonContext, Fit
from recon.reconciliation.matching.cuts import fit, window_of
from recon.reconciliation.matching.hypotheses import best, merged, residuals, weigh
from recon.reconciliation.model.break_ import Break, Evidence, Explanation
from recon.reconciliation.model.comparison import Chain
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.tracking import fee_candidates, fee_learning
from recon.reconciliation.tracking.agreement import agree


def start(context: ComparisonContext, observation: Observation) -> None:
    """Start a chain with an observation that nothing explains."""
    candidates = _allowed(context, observation, context.comparison.low)
    pending = _new_break(context, candidates, observation.us)
    context.comparison.chain = Chain(
        candidates=candidates,
        last=observation,
        failed=True,
        pending=pending,
        began=observation.clock,
    )
    context.emit(pending, "pending", "no cut of the books explains the report; it may be a race")


def open_step(context: ComparisonContext, step: Hypothesis) -> None:
    """Open a break of a step that was seen a while ago, and is owned by nothing yet."""
    pending = _new_break(context, [step], context.at.us)
    context.emit(pending, "pending", "it looked like a fee, and none that is taken again")
    seen = Observation(step.since_seq, step.since, step.since_us, ())
    _open(context, Chain(candidates=[step], last=seen, failed=True, pending=pending), waited=True)


def go_on(context: ComparisonContext, chain: Chain, observation: Observation, found: Fit | None) -> None:
    """Hold the next observation against the chain; `found` tells where it fits what is owned, if it does."""
    comparison = context.comparison
    candidates = weigh(
        context.state,
        observation,
        chain.candidates,
        window=context.window,
        slack=comparison.uncertainty,
        rules=context.tolerance,
    )
    fitting = [candidate for candidate in candidates if candidate.fitting]
    chain.last = observation
    if found is not None:
        if not fitting:
            _end(context, chain, observation, found)
            return
        chain.candidates, chain.failed = candidates, False
        context.remember_agreement(observation, found[1])
        if not context.timeline.spreads_since(comparison.low, found[0]):  # else it settles them, if it is right
            comparison.low = max(comparison.low, context.timeline.numbers[found[0]])
        return
    chain.failed = True
    if fitting and observation.clock - best(fitting).since > CHAIN_WINDOWS * context.window:
        chain.candidates = candidates
        _open(context, chain)
        return
    chain.candidates = merged(candidates, _allowed(context, observation, comparison.low))
    if observation.clock - chain.began > LONG_CHAIN_WINDOWS * context.window:
        # It differs by something else each time, and no end is in sight: what is missing now is told.
        chain.candidates = _allowed(context, observation, context.timeline.numbers[-1])
        _open(context, chain)


#: Breaks of contradictory reports that are open in one unit; further contradictions are findings only.
MAX_CONTRADICTIONS: Final = 256
#: How long a chain may go on without a candidate that report after report bears out, in windows.
LONG_CHAIN_WINDOWS: Final = 12


def bears_out(context: ComparisonContext, chain: Chain, observation: Observation) -> bool:
    """Tell whether a report is what a candidate of a chain says: then what is missing is not a fee.

    While fees are being learned only the best candidate counts, once a second report has borne it out.
    """
    state, known = context.state, context.unit.fees.model.learned or context.unit.fees.scheduled
    for candidate in chain.candidates if known else [best(chain.candidates)]:
        first, last = window_of(state, observation, candidate.low, context.window)
        wanted = observation.values[0] - context.opening - candidate.residual - candidate.accrued_fees
        if (known or candidate.fits > 1) and wanted in context.timeline.totals[first : last + 1]:
            return True
    return False


def settle(context: ComparisonContext, chain: Chain) -> None:
    """Decide a chain of which nothing more is said for a window; a polled unit is not silent between polls."""
    if (
        chain.last.clock + context.comparison.silence(context.window) > context.at.clock
        or not context.account.coverage.observed
    ):
        return
    if chain.failed:
        if _is_still(context, chain):
            _open(context, chain)
        return
    # The last report fitted, and still stands: with nothing booked since, only the newest cut is left.
    if context.unit.balance.last_clock <= chain.last.clock:
        found = context.fit(chain.last, low=context.timeline.numbers[-1])
        if found is not None:
            _end(context, chain, chain.last, found)


def dismiss(context: ComparisonContext, chain: Chain, reason: str) -> None:
    """End a chain without a break."""
    context.comparison.chain = None
    chain.pending.state, chain.pending.closed_us = "dismissed", context.at.us
    context.emit(chain.pending, "dismissed", reason)


def clear(context: ComparisonContext, observation: Observation) -> bool:
    """Clear an open break where the observation fits without it and the books moved to meet it; return whether."""
    comparison = context.comparison
    for known in reversed(comparison.breaks):
        if not known.owns_residual:
            continue
        found = context.fit(observation, without=known.amount)
        if found is None or not _books_moved(context.state, known, found[0], context.window):
            continue
        if comparison.chain is not None:
            dismiss(context, comparison.chain, f"break {known.id} cleared instead")
        comparison.residual -= known.amount
        agree(context, observation, found)
        close(context, known, "the books caught up with the report")
        return True
    return False


def close(context: ComparisonContext, known: Break, reason: str) -> None:
    """Clear an open break by data."""
    known.state = "cleared"
    close_break(context.comparison, known, context.at.us)
    context.emit(known, "cleared", reason)


def contradict(context: ComparisonContext, kind: str, order: str, amount: Decimal) -> None:
    """Open a break of its own kind for a report that contradicts itself or its past (semantics 2.6)."""
    at, comparison = context.at, context.comparison
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
        evidence=[Evidence(f"{kind} of order {order}, by {plain(amount)}", at.seq, amount)],
    )
    comparison.breaks = [*comparison.breaks, fresh]
    context.emit(fresh, "opened", fresh.note)


def mend(context: ComparisonContext, kind: str, order: str) -> None:
    """Clear a contradiction: a later report agrees with what is booked."""
    for known in list(context.comparison.breaks):
        if not known.owns_residual and known.note == f"{kind} of order {order}":
            close(context, known, "a later report agrees with what is booked")


def _allowed(context: ComparisonContext, observation: Observation, low: int) -> list[Hypothesis]:
    return residuals(context.state, observation, low=low, window=context.window, opening=context.opening)


def _new_break(context: ComparisonContext, candidates: list[Hypothesis], us: int) -> Break:
    """Make a break of what a chain allows; of several candidates the best one is shown, all are listed."""
    fitting = [candidate for candidate in candidates if candidate.fitting] or candidates
    chosen, owned = best(fitting), context.comparison.residual
    listed = [candidate for candidate in fitting if candidate.score >= chosen.score - 1]
    break_id = identity(context.ledger.gateway, context.unit, chosen.since_seq)
    after_seq = _last_fit_before(context, chosen)
    return Break(
        id=break_id,
        case_id=case_of(break_id),
        cause=IN_FLIGHT.code,
        certainty="exact" if len(listed) == 1 else "candidate",
        state="pending",
        amount=chosen.residual - owned,
        candidates=[candidate.residual - owned for candidate in listed],
        seen_us=chosen.since_us,
        opened_us=us,
        origin_seq=chosen.since_seq,
        after_seq=after_seq,
        until_seq=chosen.since_seq,
        after_us=next((known.us for known in context.comparison.trail if known.seq >= after_seq > 0), 0),
    )


def _is_still(context: ComparisonContext, chain: Chain) -> bool:
    """Tell whether a failed chain that is quiet can be decided: which residual it is must not be in motion."""
    if context.unit.balance.last_clock <= chain.last.clock:
        # The last report stands, and nothing was booked since: of all cuts only the newest is left.
        newest = _allowed(context, chain.last, context.timeline.numbers[-1])
        for candidate in chain.candidates:
            candidate.fitting = candidate.residual == newest[-1].residual
        if not any(candidate.fitting for candidate in chain.candidates):
            chain.candidates = [*chain.candidates, *newest]
        return True
    fitting = [candidate for candidate in chain.candidates if candidate.fitting]
    return len(fitting) == 1 or chain.last.clock + CHAIN_WINDOWS * context.window <= context.at.clock


def _end(context: ComparisonContext, chain: Chain, observation: Observation, found: Fit) -> None:
    dismiss(context, chain, "a race: a later report fits the books")
    agree(context, observation, found)


def _open(context: ComparisonContext, chain: Chain, *, waited: bool = False) -> None:
    """Turn a chain into an open break, which owns its step of the residual from now on.

    What may be a fee at a rate not known yet has to have waited for another like it.
    """
    comparison, unit = context.comparison, context.unit
    chosen = best([candidate for candidate in chain.candidates if candidate.fitting] or chain.candidates)
    if not waited and fee_candidates.hold_step(context, chosen):
        dismiss(context, chain, "what is missing may be what fills cost")
        return
    fresh = _new_break(context, chain.candidates, context.at.us)
    fresh.was_fee_candidate = waited
    comparison.chain = None
    if fresh.id != chain.pending.id:
        dismiss(context, chain, f"what is left of it is break {fresh.id}")
    related = classification.classify(context, fresh)
    if fresh.cause == FEE_THIRD_ASSET.code and fee_learning.is_taken_in(context, fresh.amount):
        fresh.state, fresh.closed_us = "dismissed", context.at.us
        context.emit(fresh, "dismissed", f"fees seem to be taken in {unit.code}")
        comparison.low = max(chosen.low, chosen.mark)
        return
    opposite = next(
        (known for known in comparison.breaks if known.owns_residual and known.amount == -fresh.amount), None
    )
    if opposite is not None:
        opposite.offset_by, fresh.offset_by = fresh.id, opposite.id
        fresh.case_id = opposite.case_id
        context.emit(opposite, "offset", f"break {fresh.id} is an equal step the other way")
    else:
        fresh = _recurring(context, fresh, related)
    fresh.state, fresh.opened_us, fresh.entries = "open", context.at.us, unit.balance.entry_count
    comparison.breaks = [*comparison.breaks, fresh]
    comparison.residual = chosen.residual
    context.continue_from(chosen)
    context.emit(fresh, "opened", fresh.note)


def _recurring(context: ComparisonContext, fresh: Break, related: str | None) -> Break:
    """Return the closed break that a fresh one repeats, opened again and counted; else the fresh one, in its case.

    `related` is the case of the break that its cause rests on.
    """
    earlier = recurrence(context.comparison, fresh)
    if earlier is None:
        partner = partner_case(context, fresh)
        fresh.case_id = partner or related or fresh.case_id
        return fresh
    fresh.state, fresh.closed_us = "dismissed", context.at.us
    context.emit(fresh, "dismissed", f"a recurrence of break {earlier.id}")
    earlier.occurrences += 1
    earlier.amount, earlier.candidates, earlier.closed_us = fresh.amount, fresh.candidates, None
    earlier.after_seq, earlier.until_seq = fresh.after_seq, fresh.until_seq
    classification.copy_classification(fresh, earlier)
    earlier.seen_us, earlier.after_us = fresh.seen_us, fresh.after_us
    earlier.explained, earlier.proposal = [], None
    return earlier


def _last_fit_before(context: ComparisonContext, candidate: Hypothesis) -> int:
    """Return the log position after which a residual arose (semantics 5.5).

    It is that of the last agreement that the residual does not fit as well, less one window.
    """
    comparison, window, tolerance = context.comparison, context.window, context.tolerance
    context.timeline.trim_exactly(comparison.low)
    trail = [known for known in comparison.trail if known.seq < candidate.since_seq]
    for index in range(len(trail) - 1, -1, -1):
        known = trail[index]
        seen = Observation(known.seq, known.clock, 0, (known.value,))
        residual = candidate.residual
        if fit(
            context.state, seen, residual=residual, low=0, window=window, slack=comparison.uncertainty, rules=tolerance
        ):
            continue
        before = [earlier.seq for earlier in trail[:index] if earlier.clock <= known.clock - window]
        return before[-1] if before else trail[0].seq if index else max(known.seq - 1, 0)
    return 0


def _books_moved(state: UnitState, known: Break, position: int, window: int) -> bool:
    """Tell whether what was booked since the break opened, but happened before, moves the books as far as the break.

    A late report carries the time of its fill, by the venue's clock, which may differ by half a window. A report that
    merely moved back by the same step has none.
    """
    timeline = state.timeline
    moved = ZERO
    for index in range(timeline.position_of(known.entries) + 1, position + 1):
        if timeline.occurred[index] < known.seen_us + window // 2:
            moved += timeline.totals[index] - timeline.totals[index - 1]
    return (moved > 0) == (known.amount > 0) and abs(moved) * 2 >= abs(known.amount)


def explain_pending(
    context: ComparisonContext, chain: Chain, amount: Decimal, *, cause: str, reason: str, fact: ExternalFact
) -> None:
    """End a chain whose step a fact explains before it became a break."""
    comparison, known = context.comparison, chain.pending
    posting = told_posting(amount, cause, fact, break_id=known.id)
    post_adjustment(context, posting)
    known.explained = [Explanation(cause, posting.certainty, amount, context.unit.balance.entry_count)]
    comparison.chain = None
    known.amount, known.candidates, known.cause, known.certainty = amount, [amount], cause, posting.certainty
    known.state = "explained"
    close_break(comparison, known, context.at.us)
    context.emit(known, "explained", reason)
    found = context.fit(chain.last)
    if found is not None:
        agree(context, chain.last, found)
