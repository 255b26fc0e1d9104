"""Comparison: observations against books, chains of disagreement, breaks. Pure (semantics 4, 5, 8).

1. An observation that fits what is owned (r0) is an agreement; cuts never move backwards.
2. One that does not waits a window, because entries may still come; then it fails for good and starts a chain.
3. A chain carries every residual its observations allow; one that fits r0 and no candidate ends it (a race).
4. It becomes a break when r0 fails again more than CHAIN_WINDOWS windows after its start, or when nothing more is said
   within a window although the account is alive.
5. A break clears by an observation that fits without it and not with it, if the books moved to meet the report; if
   the report alone moved back, the opposite step is a break of its own and the two are offset.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.books.book import Book, Moment, quantum_of
from recon.books.observations import Observation
from recon.books.posting import Seen, open_at
from recon.books.rules import CHAIN_WINDOWS, ROUNDING_QUANTA_PER_DAY, AccountRules
from recon.books.units import ROUNDING, UNMODELLED, Held, Unit, post
from recon.exact import ZERO, resolution
from recon.reconciliation import causes
from recon.reconciliation.breaks import (
    Transition,
    case_of,
    identity,
    partner_case,
    recurrence,
    remember_closed,
)
from recon.reconciliation.cuts import best, fit, joined, residuals, weigh
from recon.reconciliation.facts import facts_of
from recon.reconciliation.state import (
    ADVANCE_US,
    MAX_GAP_WINDOWS,
    MAX_QUEUE,
    MAX_TRAIL,
    OPENING_HITS,
    OPENING_LEAD,
    OPENING_TURNS,
    Agreement,
    Break,
    Chain,
    Comparison,
    FrontRunner,
    Hypothesis,
)
from recon.reconciliation.tolerance import computed

_DAY_US = 86_400_000_000


class Engine:
    """The comparisons of one gateway's units, driven by its books."""

    def __init__(self, book: Book) -> None:
        """Compare what this working set holds."""
        self.book = book
        self.comparisons: dict[tuple[str, str, str], Comparison] = {}
        self.changed: dict[tuple[str, str, str], Held] = {}
        self.transitions: list[Transition] = []
        #: Units that time alone may decide, in the order they became so.
        self.restless: dict[tuple[str, str, str], Held] = {}
        #: The last time, in steps of ADVANCE_US, that log time was asked.
        self.asked = book.clock.clock // ADVANCE_US
        book.on_modelled = self.modelled

    def of(self, held: Held) -> Comparison:
        """Return a unit's comparison, made when first asked for."""
        return self.comparisons.setdefault(held.unit.key, Comparison())

    def add(self, held: Held, comparison: Comparison) -> None:
        """Take a stored comparison into the working set."""
        self.comparisons[held.unit.key] = comparison
        if comparison.restless:
            self.restless[held.unit.key] = held

    def modelled(self, held: Held) -> None:
        """A unit stopped or started being modelled: forget what was under way; the next report opens a cash book."""
        comparison = self.of(held)
        comparison.queue, comparison.chain, comparison.opening, comparison.front = [], None, [], None
        comparison.rebase = held.unit.unmodelled is None and held.unit.opening is not None
        self._mark(held, comparison)

    def _mark(self, held: Held, comparison: Comparison) -> None:
        key = held.unit.key
        self.changed[key] = held
        if comparison.restless:
            self.restless[key] = held
        else:
            self.restless.pop(key, None)

    # -- what arrives ---------------------------------------------------------------------------------------------

    def observe(self, held: Held, observation: Observation, at: Moment) -> None:
        """Take one observation of a unit."""
        comparison = self.of(held)
        rules = self.book.rules_of(held.unit.account)
        comparison.reported = observation.values[0]
        comparison.inferred = observation.inferred
        comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
        if comparison.observed_clock and observation.clock > comparison.observed_clock:
            passed = observation.clock - comparison.observed_clock
            comparison.gap = (3 * comparison.gap + passed) // 4 if comparison.gap else passed
        comparison.observed_clock = observation.clock
        if held.unit.unmodelled is not None or self._cash_waits(held):
            self._lay_down(held, comparison, at)
            self._show(held, comparison, held.timeline.last())
        elif not comparison.queue and comparison.chain is None and held.unit.opening is not None:
            found = None if comparison.rebase else self._fit(held, comparison, rules, observation, ZERO)
            if found is not None:
                self._agree(held, comparison, observation, found, at)
            else:
                self._wait(held, comparison, observation, at)
        elif held.unit.opening is not None or not self._run_ahead(held, comparison, observation, at):
            self._wait(held, comparison, observation, at)
        self._mark(held, comparison)

    def _run_ahead(self, held: Held, comparison: Comparison, observation: Observation, at: Moment) -> bool:
        """Open at once where report after report is exactly what is booked (semantics 4.2: one candidate is left)."""
        front, total = comparison.front, held.timeline.totals[-1]
        residual = observation.values[0] - total
        if front is None or residual != front.residual:
            number = held.timeline.numbers[-1]
            comparison.front = FrontRunner(residual, number, observation.price, total)
            return False
        if total != front.total:
            rising = total > front.total
            front.turns += front.rising is not None and rising != front.rising
            front.hits, front.rising, front.total = front.hits + 1, rising, total
        if front.hits < OPENING_HITS or front.turns < OPENING_TURNS:
            return False
        origin = held.timeline.at(front.number)
        comparison.queue, comparison.opening = [], []
        comparison.low, comparison.slack = held.timeline.numbers[-1], held.timeline.slack(held.timeline.last())
        seen = Seen(front.residual + held.timeline.totals[origin], front.price, front.number)
        open_at(self.book, held, front.residual, "exact", at, seen=seen)
        self._agree(held, comparison, observation, (held.timeline.last(), observation.values[0]), at)
        return True

    def _lay_down(self, held: Held, comparison: Comparison, at: Moment) -> None:
        """Forget what was under way: the unit is not judged for now."""
        comparison.queue, comparison.opening, comparison.front = [], [], None
        if comparison.chain is not None:
            self._dismiss(held, comparison, comparison.chain, at, "the unit is not judged from here on")

    def _cash_waits(self, held: Held) -> bool:
        """Tell whether cash of derivatives is still to be worked out: until then the asset is not judged."""
        waits = self.book.accounts[held.unit.account].cash_waits
        return held.unit.kind == "asset" and held.unit.code in waits.values()

    def _wait(self, held: Held, comparison: Comparison, observation: Observation, at: Moment) -> None:
        comparison.queue = [*comparison.queue, observation]
        self._show(held, comparison, held.timeline.last())
        if len(comparison.queue) > MAX_QUEUE:
            self._judge(held, comparison, comparison.queue.pop(0), at)

    def entered(self, held: Held, at: Moment) -> None:
        """A unit got entries: what waited for them may fit now."""
        comparison = self.of(held)
        self.changed[held.unit.key] = held
        if not comparison.queue:
            return
        self._catch_up(held, comparison, at)
        self._mark(held, comparison)

    def _catch_up(self, held: Held, comparison: Comparison, at: Moment) -> None:
        """Agree with whatever waits and fits by now, in order, unless a chain is to be judged with all its cuts."""
        if comparison.chain is not None or held.unit.opening is None or comparison.rebase:
            return
        rules = self.book.rules_of(held.unit.account)
        while comparison.queue:
            found = self._fit(held, comparison, rules, comparison.queue[0], ZERO)
            if found is None:
                break
            self._agree(held, comparison, comparison.queue.pop(0), found, at)

    def advance(self, at: Moment) -> None:
        """Let log time decide what it can: observations whose window is over, chains that nothing more is said of."""
        if at.clock // ADVANCE_US == self.asked:
            return
        self.asked = at.clock // ADVANCE_US
        for held in list(self.restless.values()):
            comparison = self.of(held)
            if self._cash_waits(held):
                self._lay_down(held, comparison, at)
            window = self.book.rules_of(held.unit.account).settlement_window_us
            while comparison.queue and comparison.queue[0].clock + window <= at.clock:
                self._judge(held, comparison, comparison.queue.pop(0), at)
                self._catch_up(held, comparison, at)
            if comparison.opening:
                self._settle_opening(held, comparison, window, at)
            if comparison.chain is not None and not comparison.queue:
                self._quiet(held, comparison, comparison.chain, window, at)
            self._mark(held, comparison)

    # -- judging one observation ----------------------------------------------------------------------------------

    def _fit(
        self, held: Held, comparison: Comparison, rules: AccountRules, observation: Observation, without: Decimal
    ) -> tuple[int, Decimal] | None:
        return fit(
            held,
            observation,
            residual=comparison.residual - without,
            low=comparison.low,
            window=rules.settlement_window_us,
            slack=comparison.slack,
            rules=rules.tolerance_of(held.unit.code),
        )

    def _judge(self, held: Held, comparison: Comparison, observation: Observation, at: Moment) -> None:
        """Decide on an observation whose window is over: its cuts are all known now."""
        rules = self.book.rules_of(held.unit.account)
        if held.unit.opening is None:
            self._weigh_opening(held, comparison, rules, observation)
            return
        if comparison.rebase:
            self._rebase(held, comparison, observation, at)
            return
        found = self._fit(held, comparison, rules, observation, ZERO)
        if found is None and self._clear(held, comparison, rules, observation, at):
            return
        if comparison.chain is not None:
            self._continue_chain(held, comparison, comparison.chain, rules, observation, found, at)
        elif found is not None:
            self._agree(held, comparison, observation, found, at)
        else:
            self._start_chain(held, comparison, rules, observation, at)

    def _agree(
        self, held: Held, comparison: Comparison, observation: Observation, found: tuple[int, Decimal], at: Moment
    ) -> None:
        position, value = found
        unit, timeline = held.unit, held.timeline
        if len(observation.values) > 1 and unit.kind == "contract" and unit.position_mode is None:
            unit.position_mode = "one_way" if value == observation.values[0] else "hedge"
        comparison.reported = value
        comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
        self._show(held, comparison, position)
        comparison.low = timeline.numbers[position]
        remainder = value - (unit.opening or ZERO) - timeline.totals[position] - comparison.residual
        allowed = timeline.lost_since(comparison.slack, position)
        # Slack starts anew only where nothing is left over: what is neither booked nor gone must stay tolerable.
        if abs(remainder) <= resolution(value):
            comparison.slack = timeline.slack(position)
        elif position == timeline.last() and abs(remainder) <= allowed and self._round(held, remainder, at):
            comparison.slack = timeline.slack(timeline.last())
            comparison.low = timeline.numbers[-1]
            self._show(held, comparison, timeline.last())
        self._remember(comparison, observation, value)
        timeline.trim(comparison.low)

    def _remember(self, comparison: Comparison, observation: Observation, value: Decimal) -> None:
        if len(comparison.trail) >= MAX_TRAIL:
            comparison.trail = comparison.trail[MAX_TRAIL // 2 :]
        comparison.trail.append(Agreement(observation.seq, observation.clock, value))

    def _round(self, held: Held, remainder: Decimal, at: Moment) -> bool:
        """Book the remainder of cash that was rounded away, unless the budget of the day is spent (semantics 6)."""
        unit = held.unit
        day = at.us // _DAY_US
        spent = unit.rounding_today if unit.rounding_day == day else ZERO
        if abs(spent + remainder) > quantum_of(self.book, unit) * ROUNDING_QUANTA_PER_DAY:
            if unit.rounding_day != -day:
                message = f"rounding of {unit.code} has used its budget of the day; a persistent sign is a fee"
                self.book.find(unit.account, at, "rounding_budget", unit.code, message)
                unit.rounding_day, unit.rounding_today = -day, spent
            return False
        unit.rounding_day, unit.rounding_today = day, spent + remainder
        self._explain(held, remainder, ROUNDING, at)
        return True

    def _explain(self, held: Held, amount: Decimal, cause: str, at: Moment) -> None:
        entry = post(
            held,
            amount,
            cause=cause,
            certainty="inferred",
            seq=at.seq,
            clock=at.clock,
            occurred_us=at.us,
            recorded_us=at.us,
        )
        self.book.entry(entry, held)

    def _show(self, held: Held, comparison: Comparison, position: int) -> None:
        """Remember which cut the shown numbers are of."""
        timeline = held.timeline
        comparison.cut_number = timeline.numbers[position]
        comparison.cut_total = timeline.totals[position]
        comparison.cut_explained = timeline.explained[position]
        newest = position == timeline.last()
        comparison.cut_seq = max(timeline.seqs[position], (comparison.observed_seq or 0) if newest else 0)

    # -- openings -------------------------------------------------------------------------------------------------

    def _weigh_opening(self, held: Held, comparison: Comparison, rules: AccountRules, observation: Observation) -> None:
        """Let an observation speak for or against each candidate; what it allows itself joins them."""
        window = rules.settlement_window_us
        candidates = weigh(
            held,
            observation,
            comparison.opening,
            window=window,
            slack=comparison.slack,
            rules=rules.tolerance_of(held.unit.code),
        )
        if not candidates or not best(candidates).fitting:
            candidates = joined(candidates, residuals(held, observation, low=0, window=window, opening=ZERO))
        comparison.opening = candidates

    def _settle_opening(self, held: Held, comparison: Comparison, window: int, at: Moment) -> None:
        """Fix the opening once a confirmed candidate is well ahead, or things are quiet (semantics 4.2).

        A single report may be stale: until a second one confirms it, quiet means as long as a chain may last.
        """
        if held.unit.opening is not None:
            comparison.opening = []
            return
        candidates, timeline = comparison.opening, held.timeline
        chosen = best(candidates)
        waited = at.clock - candidates[0].since
        patience = CHAIN_WINDOWS * window
        quiet = (
            not comparison.queue
            and held.unit.last_clock <= comparison.observed_clock
            and comparison.observed_clock + window <= at.clock
        )
        alone = all(candidate.since == candidates[0].since and not candidate.misses for candidate in candidates)
        if quiet and (chosen.fits > 1 or (alone and waited >= patience)):
            chosen = self._standing(held, comparison) or chosen
        else:
            ahead = all(other is chosen or other.score + OPENING_LEAD <= chosen.score for other in candidates)
            if chosen.fits == 1 or waited < (patience if ahead else CHAIN_WINDOWS * patience):
                return
        comparison.opening, comparison.front = [], None
        comparison.low = chosen.low
        origin = timeline.at(chosen.origin)
        comparison.slack = timeline.slack(origin)
        seen = Seen(chosen.residual + timeline.totals[origin], chosen.price, chosen.origin)
        open_at(self.book, held, chosen.residual, "inferred" if comparison.inferred else "exact", at, seen=seen)
        self._show(held, comparison, timeline.at(chosen.low))
        if comparison.reported is not None:
            comparison.trail.append(Agreement(at.seq, at.clock, comparison.reported))

    def _standing(self, held: Held, comparison: Comparison) -> Hypothesis | None:
        """Return the candidate under which the last report, which still stands, holds everything that is booked."""
        timeline, reported = held.timeline, comparison.reported
        if reported is None:
            return None
        stands = []
        for candidate in comparison.opening:
            slack = timeline.lost_since(timeline.slack(timeline.at(candidate.origin)), timeline.last())
            if abs(reported - candidate.residual - timeline.totals[-1]) <= computed(reported, slack):
                stands.append(candidate)
        return best(stands) if stands else None

    def _rebase(self, held: Held, comparison: Comparison, observation: Observation, at: Moment) -> None:
        """Open a cash book: what the books lack until now is the unmodelled past, not drift (semantics 3.5)."""
        comparison.rebase = False
        books = (held.unit.opening or ZERO) + held.timeline.totals[-1] + comparison.residual
        if observation.values[0] != books:
            self._explain(held, observation.values[0] - books, UNMODELLED, at)
        self._agree(held, comparison, observation, (held.timeline.last(), observation.values[0]), at)

    # -- chains and breaks ----------------------------------------------------------------------------------------

    def _start_chain(
        self, held: Held, comparison: Comparison, rules: AccountRules, observation: Observation, at: Moment
    ) -> None:
        unit = held.unit
        candidates = residuals(
            held,
            observation,
            low=comparison.low,
            window=rules.settlement_window_us,
            opening=unit.opening or ZERO,
        )
        pending = self._new_break(held, comparison, rules, candidates, observation.us)
        comparison.chain = Chain(
            clock=observation.clock,
            seq=observation.seq,
            us=observation.us,
            candidates=candidates,
            last=observation,
            failed=True,
            pending=pending,
        )
        self._transition(held, pending, "pending", at, "no cut of the books explains the report; it may be a race")

    def _new_break(
        self, held: Held, comparison: Comparison, rules: AccountRules, candidates: list[Hypothesis], us: int
    ) -> Break:
        """Make a break of what a chain allows; of several candidates the newest cut's is shown (semantics 5.3)."""
        fitting = [candidate for candidate in candidates if candidate.fitting] or candidates
        chosen = best(fitting)
        listed = [candidate for candidate in fitting if candidate.score >= chosen.score - 1]
        break_id = identity(self.book.gateway, held.unit, chosen.since_seq)
        return Break(
            id=break_id,
            case_id=case_of(break_id),
            cause=causes.TIMING,
            certainty="exact" if len(listed) == 1 else "candidate",
            state="pending",
            amount=chosen.residual - comparison.residual,
            candidates=[candidate.residual - comparison.residual for candidate in listed],
            seen_us=chosen.since_us,
            opened_us=us,
            origin_seq=chosen.since_seq,
            after_seq=self._last_fit_before(held, comparison, rules, chosen),
            until_seq=chosen.since_seq,
        )

    def _continue_chain(
        self,
        held: Held,
        comparison: Comparison,
        chain: Chain,
        rules: AccountRules,
        observation: Observation,
        found: tuple[int, Decimal] | None,
        at: Moment,
    ) -> None:
        window = rules.settlement_window_us
        candidates = weigh(
            held,
            observation,
            chain.candidates,
            window=window,
            slack=comparison.slack,
            rules=rules.tolerance_of(held.unit.code),
        )
        fitting = [candidate for candidate in candidates if candidate.fitting]
        chain.last = observation
        if found is not None:
            if not fitting:
                self._end_chain(held, comparison, chain, observation, found, at)
                return
            chain.candidates, chain.failed = candidates, False
            self._remember(comparison, observation, found[1])
            comparison.low = max(comparison.low, held.timeline.numbers[found[0]])
            return
        chain.failed = True
        lasted = fitting and observation.clock - best(fitting).since > CHAIN_WINDOWS * window
        fresh = residuals(held, observation, low=comparison.low, window=window, opening=held.unit.opening or ZERO)
        chain.candidates = candidates if lasted else joined(candidates, fresh)
        if lasted:
            self._open(held, comparison, chain, rules, at)

    def _quiet(self, held: Held, comparison: Comparison, chain: Chain, window: int, at: Moment) -> None:
        """Decide a chain of which nothing more is said for a window."""
        expected = 3 * comparison.gap // 2 if window < comparison.gap <= MAX_GAP_WINDOWS * window else window
        if chain.last.clock + max(window, expected) > at.clock:
            return
        account = self.book.accounts[held.unit.account]
        rules = self.book.rules_of(held.unit.account)
        if chain.failed:
            if account.observed and self._is_settled(held, comparison, chain, window, at):
                self._open(held, comparison, chain, rules, at)
            return
        # The last report fitted, and still stands: with nothing booked since, only the newest cut is left.
        if held.unit.last_clock > chain.last.clock or not account.observed:
            return
        newest = held.timeline.numbers[-1]
        found = fit(
            held,
            chain.last,
            residual=comparison.residual,
            low=newest,
            window=window,
            slack=comparison.slack,
            rules=rules.tolerance_of(held.unit.code),
        )
        if found is not None:
            self._end_chain(held, comparison, chain, chain.last, found, at)

    def _is_settled(self, held: Held, comparison: Comparison, chain: Chain, window: int, at: Moment) -> bool:
        """Tell whether a failed chain that is quiet can be decided: which residual it is must not be in motion."""
        if held.unit.last_clock <= chain.last.clock:
            # The last report stands, and nothing was booked since: of all cuts only the newest is left.
            newest = residuals(
                held,
                chain.last,
                low=held.timeline.numbers[-1],
                window=window,
                opening=held.unit.opening or ZERO,
            )
            for candidate in chain.candidates:
                candidate.fitting = candidate.residual == newest[-1].residual
            if not any(candidate.fitting for candidate in chain.candidates):
                chain.candidates = [*chain.candidates, *newest]
            return True
        fitting = [candidate for candidate in chain.candidates if candidate.fitting]
        return len(fitting) == 1 or chain.last.clock + CHAIN_WINDOWS * window <= at.clock

    def _end_chain(
        self,
        held: Held,
        comparison: Comparison,
        chain: Chain,
        observation: Observation,
        found: tuple[int, Decimal],
        at: Moment,
    ) -> None:
        self._dismiss(held, comparison, chain, at, "a race: a later report fits the books")
        self._agree(held, comparison, observation, found, at)

    def _dismiss(self, held: Held, comparison: Comparison, chain: Chain, at: Moment, reason: str) -> None:
        comparison.chain = None
        chain.pending.state, chain.pending.closed_us = "dismissed", at.us
        self._transition(held, chain.pending, "dismissed", at, reason)

    def _open(self, held: Held, comparison: Comparison, chain: Chain, rules: AccountRules, at: Moment) -> None:
        unit, account = held.unit, self.book.accounts[held.unit.account]
        chosen = best([candidate for candidate in chain.candidates if candidate.fitting] or chain.candidates)
        fresh = self._new_break(held, comparison, rules, chain.candidates, at.us)
        comparison.chain = None
        if fresh.id != chain.pending.id:
            self._dismiss(held, comparison, chain, at, f"what is left of it is break {fresh.id}")
        fresh.cause, fresh.note = causes.cause_of(account, unit, after_seq=fresh.after_seq)
        opposite = next((b for b in comparison.breaks if b.owns_residual and b.amount == -fresh.amount), None)
        if opposite is not None:
            opposite.offset_by, fresh.offset_by = fresh.id, opposite.id
            fresh.case_id = opposite.case_id
            self._transition(held, opposite, "offset", at, f"break {fresh.id} is an equal step the other way")
        earlier = None if opposite is not None else recurrence(comparison, fresh)
        if earlier is not None:
            self._transition(held, fresh, "dismissed", at, f"a recurrence of break {earlier.id}")
            earlier.occurrences += 1
            earlier.amount, earlier.candidates, earlier.closed_us = fresh.amount, fresh.candidates, None
            earlier.until_seq, earlier.note, earlier.certainty = fresh.until_seq, fresh.note, fresh.certainty
            fresh = earlier
        elif opposite is None:
            fresh.case_id = partner_case(account, unit, fresh, self._open_breaks(account.name)) or fresh.case_id
        fresh.state, fresh.opened_us, fresh.entries = "open", at.us, unit.entries
        comparison.breaks = [*comparison.breaks, fresh]
        comparison.residual = chosen.residual
        comparison.low = chosen.low
        self._show(held, comparison, held.timeline.at(chosen.low))
        self._transition(held, fresh, "opened", at, fresh.note)

    def _clear(
        self, held: Held, comparison: Comparison, rules: AccountRules, observation: Observation, at: Moment
    ) -> bool:
        """Clear an open break where the observation fits without it and the books moved to meet it (semantics 5.4)."""
        for known in reversed(comparison.breaks):
            if not known.owns_residual:
                continue
            found = self._fit(held, comparison, rules, observation, known.amount)
            if found is None or not _books_moved(held, known, found[0]):
                continue
            if comparison.chain is not None:
                self._dismiss(held, comparison, comparison.chain, at, f"break {known.id} cleared instead")
            comparison.residual -= known.amount
            self._agree(held, comparison, observation, found, at)
            self.close(held, known, at, "the books caught up with the report")
            return True
        return False

    def close(self, held: Held, known: Break, at: Moment, reason: str) -> None:
        """Clear an open break by data."""
        comparison = self.of(held)
        comparison.breaks = [other for other in comparison.breaks if other is not known]
        known.state, known.closed_us = "cleared", at.us
        if known.offset_by is not None:
            for other in comparison.breaks:
                if other.id == known.offset_by:
                    other.offset_by = None
        remember_closed(comparison, known)
        self._transition(held, known, "cleared", at, reason)
        self._mark(held, comparison)

    def contradict(self, held: Held, kind: str, order: str, amount: Decimal, at: Moment) -> None:
        """Open a break of its own kind for a report that contradicts itself or its past (semantics 2.6)."""
        comparison = self.of(held)
        break_id = identity(self.book.gateway, held.unit, at.seq, f"{kind}:{order}")
        fresh = Break(
            id=break_id,
            case_id=case_of(break_id),
            cause=causes.INCONSISTENT_REPORT,
            certainty="exact",
            state="open",
            amount=amount,
            candidates=[amount],
            seen_us=at.us,
            opened_us=at.us,
            origin_seq=at.seq,
            after_seq=at.seq - 1,
            until_seq=at.seq,
            entries=held.unit.entries,
            owns_residual=False,
            note=f"{kind} of order {order}",
        )
        comparison.breaks = [*comparison.breaks, fresh]
        self._transition(held, fresh, "opened", at, fresh.note)
        self._mark(held, comparison)

    def mend(self, held: Held, kind: str, order: str, at: Moment) -> None:
        """A later report agrees with the books again: the contradiction is cleared by data."""
        for known in list(self.of(held).breaks):
            if not known.owns_residual and known.note == f"{kind} of order {order}":
                self.close(held, known, at, "a later report agrees with what is booked")

    def _open_breaks(self, account: str) -> list[tuple[Unit, Break]]:
        found: list[tuple[Unit, Break]] = []
        for held in self.book.units_of(account):
            comparison = self.comparisons.get(held.unit.key)
            if comparison is not None:
                found += [(held.unit, known) for known in comparison.breaks]
        return found

    def _last_fit_before(self, held: Held, comparison: Comparison, rules: AccountRules, candidate: Hypothesis) -> int:
        """Return the log position after which a residual arose (semantics 5.5).

        It is that of the last agreement that the residual does not fit as well, less one window.
        """
        window = rules.settlement_window_us
        tolerance = rules.tolerance_of(held.unit.code)
        held.timeline.trim_exactly(comparison.low)
        trail = [known for known in comparison.trail if known.seq < candidate.since_seq]
        for index in range(len(trail) - 1, -1, -1):
            known = trail[index]
            seen = Observation(known.seq, known.clock, 0, (known.value,))
            if fit(
                held, seen, residual=candidate.residual, low=0, window=window, slack=comparison.slack, rules=tolerance
            ):
                continue
            before = [earlier.seq for earlier in trail[:index] if earlier.clock <= known.clock - window]
            return before[-1] if before else trail[0].seq if index else max(known.seq - 1, 0)
        return 0

    def _transition(self, held: Held, known: Break, event: str, at: Moment, reason: str) -> None:
        unit = held.unit
        self.changed[unit.key] = held
        self.transitions.append(
            Transition(
                account=unit.account,
                kind=unit.kind,
                unit=unit.code,
                break_=msgspec.structs.replace(known),
                event=event,
                seq=at.seq,
                us=at.us,
                reason=reason,
                facts=facts_of(held, self.of(held), self.book.accounts[unit.account], known, at.us),
            )
        )


def _books_moved(held: Held, known: Break, position: int) -> bool:
    """Tell whether what was booked since the break opened, but happened before, moves the books as far as the break.

    A late report carries the time of its fill. A report that merely moved back by the same step has none.
    """
    timeline = held.timeline
    moved = ZERO
    for index in range(timeline.at(known.entries) + 1, position + 1):
        if timeline.occurred[index] < known.seen_us:
            moved += timeline.totals[index] - timeline.totals[index - 1]
    return (moved > 0) == (known.amount > 0) and abs(moved) * 2 >= abs(known.amount)
