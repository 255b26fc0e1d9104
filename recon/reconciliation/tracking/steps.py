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
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import Held
from recon.reconciliation.breaks import classification
from recon.reconciliation.breaks.identity import case_of, identity, partner_case, recurrence
from recon.reconciliation.breaks.resolution import amend, put_away
from recon.reconciliation.causes.fees import FEE_THIRD_ASSET
from recon.reconciliation.causes.integrity import cause_of_contradiction
from recon.reconciliation.causes.untested import IN_FLIGHT
from recon.reconciliation.context import Found, Subject
from recon.reconciliation.matching.cuts import fit, window_of
from recon.reconciliation.matching.hypotheses import best, joined, residuals, weigh
from recon.reconciliation.model.break_ import Break, Evidence, Explained
from recon.reconciliation.model.comparison import Chain
from recon.reconciliation.model.hypothesis import Hypothesis
from recon.reconciliation.tracking import fee_candidates, fee_learning
from recon.reconciliation.tracking.agreement import agree


def start(subject: Subject, observation: Observation) -> None:
    """Start a chain with an observation that nothing explains."""
    candidates = _allowed(subject, observation, subject.comparison.low)
    pending = _new_break(subject, candidates, observation.us)
    subject.comparison.chain = Chain(
        candidates=candidates,
        last=observation,
        failed=True,
        pending=pending,
        began=observation.clock,
    )
    subject.transition(pending, "pending", "no cut of the books explains the report; it may be a race")


def open_step(subject: Subject, step: Hypothesis) -> None:
    """Open a break of a step that was seen a while ago, and is owned by nothing yet."""
    pending = _new_break(subject, [step], subject.at.us)
    subject.transition(pending, "pending", "it looked like a fee, and none that is taken again")
    seen = Observation(step.since_seq, step.since, step.since_us, ())
    _open(subject, Chain(candidates=[step], last=seen, failed=True, pending=pending), waited=True)


def go_on(subject: Subject, chain: Chain, observation: Observation, found: Found | None) -> None:
    """Hold the next observation against the chain; `found` tells where it fits what is owned, if it does."""
    comparison = subject.comparison
    candidates = weigh(
        subject.held,
        observation,
        chain.candidates,
        window=subject.window,
        slack=comparison.slack,
        rules=subject.tolerance,
    )
    fitting = [candidate for candidate in candidates if candidate.fitting]
    chain.last = observation
    if found is not None:
        if not fitting:
            _end(subject, chain, observation, found)
            return
        chain.candidates, chain.failed = candidates, False
        subject.remember(observation, found[1])
        if not subject.timeline.doubts_since(comparison.low, found[0]):  # else it settles them, if it is right
            comparison.low = max(comparison.low, subject.timeline.numbers[found[0]])
        return
    chain.failed = True
    if fitting and observation.clock - best(fitting).since > CHAIN_WINDOWS * subject.window:
        chain.candidates = candidates
        _open(subject, chain)
        return
    chain.candidates = joined(candidates, _allowed(subject, observation, comparison.low))
    if observation.clock - chain.began > LONG_CHAIN_WINDOWS * subject.window:
        # It differs by something else each time, and no end is in sight: what is missing now is told.
        chain.candidates = _allowed(subject, observation, subject.timeline.numbers[-1])
        _open(subject, chain)


#: How long a chain may go on without a candidate that report after report bears out, in windows.
LONG_CHAIN_WINDOWS: Final = 12


def bears_out(subject: Subject, chain: Chain, observation: Observation) -> bool:
    """Tell whether a report is what a candidate of a chain says: then what is missing is not a fee.

    While fees are being learned only the best candidate counts, once a second report has borne it out.
    """
    held, known = subject.held, subject.unit.fee.learned or subject.unit.fees_told
    for candidate in chain.candidates if known else [best(chain.candidates)]:
        first, last = window_of(held, observation, candidate.low, subject.window)
        wanted = observation.values[0] - subject.opening - candidate.residual - candidate.drift
        if (known or candidate.fits > 1) and wanted in subject.timeline.totals[first : last + 1]:
            return True
    return False


def settle(subject: Subject, chain: Chain) -> None:
    """Decide a chain of which nothing more is said for a window; a polled unit is not silent between polls."""
    if chain.last.clock + subject.comparison.silence(subject.window) > subject.at.clock or not subject.account.observed:
        return
    if chain.failed:
        if _is_still(subject, chain):
            _open(subject, chain)
        return
    # The last report fitted, and still stands: with nothing booked since, only the newest cut is left.
    if subject.unit.last_clock <= chain.last.clock:
        found = subject.fit(chain.last, low=subject.timeline.numbers[-1])
        if found is not None:
            _end(subject, chain, chain.last, found)


def dismiss(subject: Subject, chain: Chain, reason: str) -> None:
    """End a chain without a break."""
    subject.comparison.chain = None
    chain.pending.state, chain.pending.closed_us = "dismissed", subject.at.us
    subject.transition(chain.pending, "dismissed", reason)


def clear(subject: Subject, observation: Observation) -> bool:
    """Clear an open break where the observation fits without it and the books moved to meet it; return whether."""
    comparison = subject.comparison
    for known in reversed(comparison.breaks):
        if not known.owns_residual:
            continue
        found = subject.fit(observation, without=known.amount)
        if found is None or not _books_moved(subject.held, known, found[0], subject.window):
            continue
        if comparison.chain is not None:
            dismiss(subject, comparison.chain, f"break {known.id} cleared instead")
        comparison.residual -= known.amount
        agree(subject, observation, found)
        close(subject, known, "the books caught up with the report")
        return True
    return False


def close(subject: Subject, known: Break, reason: str) -> None:
    """Clear an open break by data."""
    known.state = "cleared"
    put_away(subject.comparison, known, subject.at.us)
    subject.transition(known, "cleared", reason)


def contradict(subject: Subject, kind: str, order: str, amount: Decimal) -> None:
    """Open a break of its own kind for a report that contradicts itself or its past (semantics 2.6)."""
    at, comparison = subject.at, subject.comparison
    break_id = identity(subject.book.gateway, subject.unit, at.seq, f"{kind}:{order}")
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
        entries=subject.unit.entries,
        owns_residual=False,
        note=f"{kind} of order {order}",
        evidence=[Evidence(f"{kind} of order {order}, by {plain(amount)}", at.seq, amount)],
    )
    comparison.breaks = [*comparison.breaks, fresh]
    subject.transition(fresh, "opened", fresh.note)


def mend(subject: Subject, kind: str, order: str) -> None:
    """Clear a contradiction: a later report agrees with what is booked."""
    for known in list(subject.comparison.breaks):
        if not known.owns_residual and known.note == f"{kind} of order {order}":
            close(subject, known, "a later report agrees with what is booked")


def _allowed(subject: Subject, observation: Observation, low: int) -> list[Hypothesis]:
    return residuals(subject.held, observation, low=low, window=subject.window, opening=subject.opening)


def _new_break(subject: Subject, candidates: list[Hypothesis], us: int) -> Break:
    """Make a break of what a chain allows; of several candidates the best one is shown, all are listed."""
    fitting = [candidate for candidate in candidates if candidate.fitting] or candidates
    chosen, owned = best(fitting), subject.comparison.residual
    listed = [candidate for candidate in fitting if candidate.score >= chosen.score - 1]
    break_id = identity(subject.book.gateway, subject.unit, chosen.since_seq)
    after_seq = _last_fit_before(subject, chosen)
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
        after_us=next((known.us for known in subject.comparison.trail if known.seq >= after_seq > 0), 0),
    )


def _is_still(subject: Subject, chain: Chain) -> bool:
    """Tell whether a failed chain that is quiet can be decided: which residual it is must not be in motion."""
    if subject.unit.last_clock <= chain.last.clock:
        # The last report stands, and nothing was booked since: of all cuts only the newest is left.
        newest = _allowed(subject, chain.last, subject.timeline.numbers[-1])
        for candidate in chain.candidates:
            candidate.fitting = candidate.residual == newest[-1].residual
        if not any(candidate.fitting for candidate in chain.candidates):
            chain.candidates = [*chain.candidates, *newest]
        return True
    fitting = [candidate for candidate in chain.candidates if candidate.fitting]
    return len(fitting) == 1 or chain.last.clock + CHAIN_WINDOWS * subject.window <= subject.at.clock


def _end(subject: Subject, chain: Chain, observation: Observation, found: Found) -> None:
    dismiss(subject, chain, "a race: a later report fits the books")
    agree(subject, observation, found)


def _open(subject: Subject, chain: Chain, *, waited: bool = False) -> None:
    """Turn a chain into an open break, which owns its step of the residual from now on.

    What may be a fee at a rate not known yet has to have waited for another like it.
    """
    comparison, unit = subject.comparison, subject.unit
    chosen = best([candidate for candidate in chain.candidates if candidate.fitting] or chain.candidates)
    if not waited and fee_candidates.hold_step(subject, chosen):
        dismiss(subject, chain, "what is missing may be what fills cost")
        return
    fresh = _new_break(subject, chain.candidates, subject.at.us)
    fresh.waited = waited
    comparison.chain = None
    if fresh.id != chain.pending.id:
        dismiss(subject, chain, f"what is left of it is break {fresh.id}")
    related = classification.judge(subject, fresh)
    if fresh.cause == FEE_THIRD_ASSET.code and fee_learning.is_taken_in(subject, fresh.amount):
        fresh.state, fresh.closed_us = "dismissed", subject.at.us
        subject.transition(fresh, "dismissed", f"fees seem to be taken in {unit.code}")
        comparison.low = max(chosen.low, chosen.mark)
        return
    opposite = next(
        (known for known in comparison.breaks if known.owns_residual and known.amount == -fresh.amount), None
    )
    if opposite is not None:
        opposite.offset_by, fresh.offset_by = fresh.id, opposite.id
        fresh.case_id = opposite.case_id
        subject.transition(opposite, "offset", f"break {fresh.id} is an equal step the other way")
    else:
        fresh = _recurring(subject, fresh, related)
    fresh.state, fresh.opened_us, fresh.entries = "open", subject.at.us, unit.entries
    comparison.breaks = [*comparison.breaks, fresh]
    comparison.residual = chosen.residual
    subject.go_on_from(chosen)
    subject.transition(fresh, "opened", fresh.note)


def _recurring(subject: Subject, fresh: Break, related: str | None) -> Break:
    """Return the closed break that a fresh one repeats, opened again and counted; else the fresh one, in its case.

    `related` is the case of the break that its cause rests on.
    """
    earlier = recurrence(subject.comparison, fresh)
    if earlier is None:
        partner = partner_case(subject.account, subject.unit, fresh, subject.open_breaks())
        fresh.case_id = partner or related or fresh.case_id
        return fresh
    fresh.state, fresh.closed_us = "dismissed", subject.at.us
    subject.transition(fresh, "dismissed", f"a recurrence of break {earlier.id}")
    earlier.occurrences += 1
    earlier.amount, earlier.candidates, earlier.closed_us = fresh.amount, fresh.candidates, None
    earlier.after_seq, earlier.until_seq = fresh.after_seq, fresh.until_seq
    classification.take_over(earlier, fresh)
    earlier.seen_us, earlier.after_us = fresh.seen_us, fresh.after_us
    earlier.explained, earlier.proposal = [], None
    return earlier


def _last_fit_before(subject: Subject, candidate: Hypothesis) -> int:
    """Return the log position after which a residual arose (semantics 5.5).

    It is that of the last agreement that the residual does not fit as well, less one window.
    """
    comparison, window, tolerance = subject.comparison, subject.window, subject.tolerance
    subject.timeline.trim_exactly(comparison.low)
    trail = [known for known in comparison.trail if known.seq < candidate.since_seq]
    for index in range(len(trail) - 1, -1, -1):
        known = trail[index]
        seen = Observation(known.seq, known.clock, 0, (known.value,))
        residual = candidate.residual
        if fit(subject.held, seen, residual=residual, low=0, window=window, slack=comparison.slack, rules=tolerance):
            continue
        before = [earlier.seq for earlier in trail[:index] if earlier.clock <= known.clock - window]
        return before[-1] if before else trail[0].seq if index else max(known.seq - 1, 0)
    return 0


def _books_moved(held: Held, known: Break, position: int, window: int) -> bool:
    """Tell whether what was booked since the break opened, but happened before, moves the books as far as the break.

    A late report carries the time of its fill, by the venue's clock, which may differ by half a window. A report that
    merely moved back by the same step has none.
    """
    timeline = held.timeline
    moved = ZERO
    for index in range(timeline.at(known.entries) + 1, position + 1):
        if timeline.occurred[index] < known.seen_us + window // 2:
            moved += timeline.totals[index] - timeline.totals[index - 1]
    return (moved > 0) == (known.amount > 0) and abs(moved) * 2 >= abs(known.amount)


def explain_pending(
    subject: Subject, chain: Chain, amount: Decimal, *, cause: str, reason: str, occurred_us: int, fact: str
) -> None:
    """End a chain whose step a fact explains before it became a break."""
    comparison, known = subject.comparison, chain.pending
    amend(subject, amount, cause, "exact", occurred_us, break_id=known.id, fact=fact)
    known.explained = [Explained(cause, "exact", amount, subject.unit.entries)]
    comparison.chain = None
    known.amount, known.candidates, known.cause, known.certainty = amount, [amount], cause, "exact"
    known.state = "explained"
    put_away(comparison, known, subject.at.us)
    subject.transition(known, "explained", reason)
    found = subject.fit(chain.last)
    if found is not None:
        agree(subject, chain.last, found)
