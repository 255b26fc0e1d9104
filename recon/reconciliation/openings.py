"""How a unit's opening is found: a chain like a comparison, because fills race with the first report too. Pure.

1. Only the opening is decided here, once; it is never moved (semantics 4).
2. Candidates are what reports allow; a later report speaks for or against each (semantics 4.2).
3. A single report may be stale: until a second one confirms it, quiet means as long as a chain may last.
"""

from __future__ import annotations

from recon.books.derivatives import Seen, open_unit
from recon.books.observations import Observation
from recon.books.rules import CHAIN_WINDOWS
from recon.books.units import UNMODELLED
from recon.exact import ZERO
from recon.reconciliation.cuts import best, joined, residuals, weigh
from recon.reconciliation.state import OPENING_HITS, OPENING_LEAD, OPENING_TURNS, FrontRunner, Hypothesis
from recon.reconciliation.subject import Subject
from recon.reconciliation.tolerance import computed


def run_ahead(subject: Subject, observation: Observation) -> bool:
    """Open at once where report after report is exactly what is booked; return whether it did."""
    comparison, timeline = subject.comparison, subject.timeline
    front, total = comparison.front, timeline.totals[-1]
    residual = observation.values[0] - total
    if front is None or residual != front.residual:
        comparison.front = FrontRunner(residual, timeline.numbers[-1], observation.price, total)
        return False
    if total != front.total:
        rising = total > front.total
        front.turns += front.rising is not None and rising != front.rising
        front.hits, front.rising, front.total = front.hits + 1, rising, total
    if front.hits < OPENING_HITS or front.turns < OPENING_TURNS:
        return False
    comparison.queue, comparison.opening = [], []
    comparison.low, comparison.slack = timeline.numbers[-1], timeline.slack(timeline.last())
    first_seen = front.residual + timeline.totals[timeline.at(front.number)]
    seen = Seen(first_seen, front.price, front.number)
    open_unit(subject.book, subject.held, front.residual, "exact", subject.at, seen=seen)
    subject.agree(observation, (timeline.last(), observation.values[0]))
    return True


def weigh_opening(subject: Subject, observation: Observation) -> None:
    """Let an observation speak for or against each candidate; what it allows itself joins them."""
    comparison, held, window = subject.comparison, subject.held, subject.window
    candidates = weigh(
        held, observation, comparison.opening, window=window, slack=comparison.slack, rules=subject.tolerance
    )
    if not candidates or not best(candidates).fitting:
        candidates = joined(candidates, residuals(held, observation, low=0, window=window, opening=ZERO))
    elif 2 * comparison.gap > window:
        # Few reports: however well another does, the cut nearest in time has its say, for the first may have crossed.
        here = subject.timeline.numbers[subject.timeline.last_cut(observation.clock)]
        fresh = residuals(held, observation, low=0, window=window, opening=ZERO)
        candidates = joined(candidates, [candidate for candidate in fresh if candidate.origin == here])
    comparison.opening = candidates
    if comparison.opening_since is None:
        comparison.opening_since = observation.clock


def settle_opening(subject: Subject) -> None:
    """Fix the opening once a confirmed candidate is well ahead, or things are quiet."""
    comparison, unit, timeline, at = subject.comparison, subject.unit, subject.timeline, subject.at
    if unit.opening is not None:
        comparison.opening = []
        return
    chosen = _decided(subject)
    if chosen is None:
        return
    comparison.opening, comparison.front, comparison.opening_since = [], None, None
    comparison.low = chosen.low
    origin = timeline.at(chosen.origin)
    comparison.slack = timeline.slack(origin)
    seen = Seen(chosen.residual + timeline.totals[origin], chosen.price, chosen.origin)
    certainty = "inferred" if comparison.inferred else "exact"
    open_unit(subject.book, subject.held, chosen.residual, certainty, at, seen=seen)
    subject.show(timeline.at(chosen.low))
    if comparison.reported is not None:
        subject.remember(Observation(at.seq, at.clock, at.us, ()), comparison.reported)


def _decided(subject: Subject) -> Hypothesis | None:
    comparison, at = subject.comparison, subject.at
    candidates = comparison.opening
    chosen = best(candidates)
    waited = at.clock - candidates[0].since
    patience = CHAIN_WINDOWS * subject.window
    quiet = (
        not comparison.queue
        and subject.unit.last_clock <= comparison.observed_clock
        and comparison.observed_clock + subject.window <= at.clock
    )
    alone = all(candidate.since == candidates[0].since and not candidate.misses for candidate in candidates)
    if quiet and (chosen.fits > 1 or (alone and waited >= patience)):
        return _standing(subject, chosen)
    ahead = all(other is chosen or other.score + OPENING_LEAD <= chosen.score for other in candidates)
    if chosen.fits == 1 or waited < (patience if ahead else CHAIN_WINDOWS * patience):
        return None
    return chosen


def _standing(subject: Subject, chosen: Hypothesis) -> Hypothesis:
    """Return the candidate under which the last report, which still stands, holds everything that is booked.

    Where reports crossed so often that it was worn out, the last report alone speaks for it.
    """
    comparison, timeline, reported = subject.comparison, subject.timeline, subject.comparison.reported
    if reported is None:
        return chosen
    stands = []
    for candidate in comparison.opening:
        lost = timeline.lost_since(timeline.slack(timeline.at(candidate.origin)), timeline.last())
        if abs(reported - candidate.residual - timeline.totals[-1]) <= computed(reported, lost):
            stands.append(candidate)
    if stands:
        return best(stands)
    held = not chosen.misses and chosen.since == comparison.opening_since
    if held or comparison.gap > subject.window:
        return chosen  # it has held from the first report on; or the unit is polled, and a poll may cross a fill
    return Hypothesis(
        residual=reported - timeline.totals[-1],
        low=timeline.numbers[-1],
        origin=timeline.numbers[-1],
        since=comparison.observed_clock,
        since_seq=comparison.observed_seq or subject.at.seq,
        since_us=comparison.observed_us or subject.at.us,
        price=subject.unit.reported_avg_entry_price,
    )


def rebase(subject: Subject, observation: Observation) -> None:
    """Open a cash book: what the books lack until now is the unmodelled past, not drift (semantics 3.5)."""
    comparison, timeline = subject.comparison, subject.timeline
    comparison.rebase = False
    missing = observation.values[0] - subject.opening - timeline.totals[-1] - comparison.residual
    if missing:
        subject.explain(missing, UNMODELLED)
    subject.agree(observation, (timeline.last(), observation.values[0]))
