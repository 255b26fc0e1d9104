"""The reconciler: observations, postings and log time, for every unit of a gateway. Pure (semantics 4, 5).

1. An observation that fits the residual is an agreement; cuts never move backwards.
2. Any other observation waits a settlement window, because entries may still come; only then is it judged.
3. While a step is searched for, every observation waits, so that it is judged with all its cuts.
4. A defect of recon that shows in one unit sets that unit aside; the other units are compared all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from recon.exact import plain
from recon.ledger.facts.external_fact import TRADE, ExternalFact
from recon.ledger.ledger import Ledger
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UnitKey, UnitState
from recon.ledger.withholding import withhold
from recon.reconciliation.breaks import classification, decisions
from recon.reconciliation.breaks.decisions import Decision, Target
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts import apply_fact, second_person
from recon.reconciliation.facts.apply_trade import apply_trade
from recon.reconciliation.model.comparison import ADVANCE_US, ComparisonState
from recon.reconciliation.model.comparisons import Comparisons, FirstEnd
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.tracking import fee_candidates, openings
from recon.reconciliation.tracking import steps as chains
from recon.reconciliation.tracking.agreement import agree
from recon.reconciliation.tracking.queue import abandon, agree_with_fitting, drop_outdated, judge, wait
from recon.times import LogTime

#: The reason for withholding `agreed` from a unit that recon failed on.
SET_ASIDE: Final = "recon failed to compare it"


class Reconciler:
    """The comparisons of one gateway's units, driven by its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Compare the units of this ledger."""
        self.ledger = ledger
        self.comparisons = Comparisons()
        self.changed: dict[UnitKey, UnitState] = {}
        self.transitions: list[Transition] = []
        #: Units that were set aside since the last step, each with what was raised.
        self.failures: list[tuple[UnitKey, Exception]] = []
        #: Units that the passing of time alone may decide.
        self.awaiting_time: dict[UnitKey, UnitState] = {}
        #: Units whose last report is deferred until they are judged.
        self.deferred: dict[UnitKey, UnitState] = {}
        #: Units with an accepted break, and when the first acceptance ends.
        self.accepted: dict[UnitKey, UnitState] = {}
        self.accepted_until: int | None = None
        self._ends = FirstEnd()
        #: The clock, in steps of ADVANCE_US, that comparisons were last advanced to.
        self.advanced_to = ledger.clock.clock // ADVANCE_US
        ledger.on_modelling_changed = self.on_modelling_changed

    def comparison_of(self, state: UnitState) -> ComparisonState:
        """Return a unit's comparison; a new one the first time."""
        key = state.key
        found = self.comparisons.get(key)
        if found is None:
            found = self.comparisons[key] = ComparisonState()
        return found

    def restore(self, state: UnitState, comparison: ComparisonState) -> None:
        """Add a stored comparison to the working set."""
        self.comparisons[state.key] = comparison
        self.comparisons.refresh(state.unit)
        self.comparisons.note_closed(state.unit)
        if comparison.awaiting_time:
            self.awaiting_time[state.key] = state
        if comparison.deferred is not None:
            self.deferred[state.key] = state
        self._track_acceptances(state, comparison)

    def on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        """Compare one observation of a unit, or let it wait."""
        self._contain(state, at, partial(self._on_observation, state, observation, at))

    def _on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        context = self._context(state, at)
        comparison = context.comparison
        if self.ledger.event.from_rest and not _differs_in_quiet(context, observation):
            return
        _note(comparison, observation)
        self._observe(context, observation)

    def _observe(self, context: ComparisonContext, observation: Observation) -> None:
        state, comparison = context.state, context.comparison
        if context.account.coverage.backfilling:
            comparison.deferred = observation
            context.show_cut(state.timeline.last())
        elif not context.judged:
            abandon(context)
            # Where the cash of contracts is still to be worked out, nothing may follow the last report.
            comparison.deferred = observation if context.unit.unmodelled is None else None
            self.deferred[state.key] = state
            context.show_cut(state.timeline.last())
        elif state.unit.balance.opening is None:
            if not openings.run_ahead(context, observation):
                wait(context, observation)
        elif comparison.queue or comparison.chain is not None or comparison.rebase or comparison.calibrating:
            wait(context, observation)
        else:
            found = context.fit(observation, seldom=False)
            if found is not None:
                agree(context, observation, found)
            else:
                wait(context, observation)
        self._mark_changed(context)

    def on_postings(self, state: UnitState, at: LogTime) -> None:
        """Compare again what waited for the entries that a unit just got."""
        self.changed[state.key] = state
        self._contain(state, at, partial(self._on_postings, state, at))

    def _on_postings(self, state: UnitState, at: LogTime) -> None:
        comparison, account = self.comparison_of(state), self.ledger.accounts[state.unit.account]
        if account.coverage.backfilling:
            drop_outdated(
                comparison,
                at,
                self.ledger.rules_of(account.name).settlement_window_us,
                late=self.ledger.event.from_rest,
            )
        elif account.name not in self.ledger.effects.resumed and (comparison.deferred is not None or comparison.queue):
            context = self._context(state, at)
            if not self._resume(context):
                agree_with_fitting(context)
                self._mark_changed(context)

    def _resume(self, context: ComparisonContext) -> bool:
        """Judge a unit by its deferred report, now that it can be; return True if there was one."""
        comparison = context.comparison
        if context.account.coverage.backfilling or not context.judged:
            return False
        self.deferred.pop(context.state.key, None)
        latest, comparison.deferred = comparison.deferred, None
        if latest is not None:
            self._observe(context, latest)
        return latest is not None

    def advance(self, at: LogTime) -> None:
        """Decide what log time decides: observations whose window is over, and step searches that silence ends."""
        if self.accepted_until is not None and at.us >= self.accepted_until:
            for key in self._ends.due(at.us):
                state = self.accepted[key]
                self._contain(state, at, partial(self._mark_changed, self._context(state, at)))
            self.accepted_until = self._ends.first()
        asked = at.clock // ADVANCE_US
        if asked == self.advanced_to:
            return
        self.advanced_to = asked
        for _, state in sorted(self.awaiting_time.items()):
            self._contain(state, at, partial(self._advance, state, at))
        for _, state in sorted(self.deferred.items()):
            self._contain(state, at, partial(self._resume_deferred, state, at))

    def _advance(self, state: UnitState, at: LogTime) -> None:
        """Decide what log time decides of one unit."""
        context = self._context(state, at)
        comparison = context.comparison
        if context.account.coverage.backfilling:
            return
        if not context.judged:
            abandon(context)
        while comparison.queue and comparison.queue[0].clock + context.window <= at.clock:
            judge(context, comparison.queue.pop(0))
            agree_with_fitting(context)
        if comparison.opening:
            openings.settle_opening(context)
        if comparison.chain is not None and not comparison.queue:
            chains.settle(context, comparison.chain)
        while (step := fee_candidates.released(context)) is not None:
            chains.open_step(context, step)
        self._mark_changed(context)

    def _resume_deferred(self, state: UnitState, at: LogTime) -> None:
        self._resume(self._context(state, at))

    def resume_account(self, account: str, at: LogTime) -> None:
        """Resume comparison of an account after a backfill, using the last report of each unit.

        Earlier reports are dropped: the ledger lacked the entries to compare them with. A report older than the last
        fetched fill is compared with the whole ledger; a newer one with the cuts of its time.
        """
        for state in sorted(self.ledger.units_of(account), key=lambda each: each.key):
            self._contain(state, at, partial(self._resume_unit, state, at))

    def _resume_unit(self, state: UnitState, at: LogTime) -> None:
        context = self._context(state, at)
        comparison = context.comparison
        comparison.queue = []
        latest, comparison.deferred = comparison.deferred, None
        if latest is None:
            self._mark_changed(context)
            return
        # It counts as told now: what was looked for went on looking for nothing meanwhile.
        comparison.observed_clock = at.clock
        comparison.opening_since = None if comparison.opening_since is None else at.clock
        late = latest.seq < context.account.coverage.last_fetched_fill_seq
        self._observe(context, msgspec.structs.replace(latest, clock=at.clock) if late else latest)

    def on_modelling_changed(self, state: UnitState) -> None:
        """Note that a unit stopped or started being modelled: the next report opens it anew."""
        at = self.ledger.event.at
        if at is not None:
            self._contain(state, at, partial(self._open_anew, state, at))

    def _open_anew(self, state: UnitState, at: LogTime) -> None:
        context = self._context(state, at)
        abandon(context)
        context.comparison.rebase = state.unit.unmodelled is None and state.unit.balance.opening is not None
        self._mark_changed(context)

    def open_contradiction(self, state: UnitState, kind: str, order: str, amount: Decimal, at: LogTime) -> None:
        """Open a break for a report that contradicts itself or an earlier one."""
        context = self._context(state, at)
        chains.contradict(context, kind, order, amount)
        self._mark_changed(context)

    def clear_contradiction(self, state: UnitState, kind: str, order: str, at: LogTime) -> None:
        """Clear a contradiction that a later report resolved."""
        context = self._context(state, at)
        chains.mend(context, kind, order)
        self._mark_changed(context)

    def decide(self, decision: Decision, at: LogTime) -> None:
        """Apply a person's decision about breaks; a decision that names an unknown break is a finding."""
        wanted = dict.fromkeys(decision.breaks)
        named = {break_id: target for break_id in wanted if (target := self._target(break_id, at)) is not None}
        for break_id in wanted:
            if break_id not in named:
                message = f"{decision.by.label} asked to {decision.action} break {break_id}, which is not known"
                self.ledger.note_finding(decision.account, at, "decision_without_break", break_id, message)
        targets = [named[break_id] for break_id in wanted if break_id in named]
        decisions.decide(decision, targets)
        for target in targets:
            self._mark_changed(target.context)

    def _target(self, break_id: str, at: LogTime) -> Target | None:
        """Return a break that is active or remembered, None if it is neither."""
        key = self.comparisons.unit_of(break_id)
        if key is None:
            return None
        comparison = self.comparisons[key]
        pending = [] if comparison.chain is None else [comparison.chain.pending]
        for known in (*comparison.breaks, *pending, *comparison.closed):
            if known.id == break_id:
                return Target(self._context(self.ledger.units[key], at), known)
        return None

    def apply_fact(self, fact: ExternalFact, at: LogTime) -> None:
        """Apply an external fact, and explain breaks by it; a material one waits (semantics 10.3, 10.7)."""
        if not second_person.let_wait(self.ledger, fact, at):
            self._apply_fact(fact, at)

    def decide_facts(self, decision: Decision, at: LogTime) -> None:
        """Apply a person's decision about facts that wait (semantics 10.7)."""
        wanted = second_person.FactsDecision(
            decision.by, decision.facts, decision.digest, decision.action == "approve_facts", decision.text
        )
        for fact in second_person.decide_waiting(self.ledger, wanted, at):
            self._apply_fact(fact, at)

    def _apply_fact(self, fact: ExternalFact, at: LogTime) -> None:
        touched: dict[UnitKey, ComparisonContext] = {}

        def context_of(state: UnitState) -> ComparisonContext:
            return touched.setdefault(state.key, self._context(state, at))

        (apply_trade if fact.fact == TRADE else apply_fact.apply_fact)(self.ledger, fact, at, context_of)
        for context in touched.values():
            self._mark_changed(context)

    @property
    def pending(self) -> bool:
        """True if time alone may decide something soon, in an account that is judged."""
        return any(not self.ledger.accounts[account].coverage.backfilling for account, _, _ in self.awaiting_time)

    def _contain(self, state: UnitState, at: LogTime, work: Callable[[], None]) -> None:
        """Do a unit's own work; a defect of recon that shows in it stops no other unit (architecture 2.12).

        The same log shows the same defect, so a rebuild by the same version sets the same unit aside.
        """
        if self.comparison_of(state).set_aside:
            return
        try:
            work()
        except MemoryError:
            raise  # the machine's doing, not the unit's
        except Exception as error:  # noqa: BLE001 - whatever the defect is, it is this unit's alone
            self._set_aside(state, at, error)

    def _set_aside(self, state: UnitState, at: LogTime, error: Exception) -> None:
        """Compare a unit no more; its breaks stay as they are, and people go on deciding about them."""
        comparison, unit = self.comparison_of(state), state.unit
        comparison.set_aside, comparison.queue, comparison.deferred = True, [], None
        self.awaiting_time.pop(state.key, None)
        self.deferred.pop(state.key, None)
        self._track_acceptances(state, comparison)
        self.comparisons.refresh(unit)
        self.changed[state.key] = state
        withhold(self.ledger, state, SET_ASIDE, on=True)
        message = f"{SET_ASIDE} ({type(error).__name__}): it is compared again after a rebuild by a later version"
        self.ledger.note_finding(unit.account, at, "comparison_failed", unit.code, message)
        self.failures.append((state.key, error))

    def _context(self, state: UnitState, at: LogTime) -> ComparisonContext:
        return ComparisonContext(
            self.ledger, state, self.comparison_of(state), at, self.transitions.append, self.comparisons
        )

    def reclassify_all(self, at: LogTime) -> None:
        """Classify all active breaks again, after the rules changed."""
        for key in sorted(key for key, comparison in self.comparisons.items() if comparison.breaks):
            self._reclassify(self.ledger.units[key], at)

    def _reclassify(self, state: UnitState, at: LogTime) -> None:
        self._contain(state, at, partial(self._reclassify_breaks, state, at))

    def _reclassify_breaks(self, state: UnitState, at: LogTime) -> None:
        if classification.reclassify(self._context(state, at)):
            self.changed[state.key] = state

    def _mark_changed(self, context: ComparisonContext) -> None:
        self.comparisons.refresh(context.unit)
        for key in context.reclassify:
            self._reclassify(self.ledger.units[key], context.at)
        if context.comparison.breaks:
            classification.reclassify_reported_orders(context)
        key = context.state.key
        self.changed[key] = context.state
        if context.comparison.breaks or key in self.accepted:
            decisions.expire(context)
            self._track_acceptances(context.state, context.comparison)
        if context.comparison.awaiting_time:
            self.awaiting_time[key] = context.state
        else:
            self.awaiting_time.pop(key, None)

    def _track_acceptances(self, state: UnitState, comparison: ComparisonState) -> None:
        """Track when the next acceptance ends; one of a unit that is set aside stays as it is."""
        breaks = [] if comparison.set_aside else comparison.breaks
        ends = [break_.acceptance.until_us for break_ in breaks if break_.acceptance is not None]
        if ends:
            self.accepted[state.key] = state
        else:
            self.accepted.pop(state.key, None)
        self._ends.set(state.key, min(ends, default=None))
        self.accepted_until = self._ends.first()


def _differs_in_quiet(context: ComparisonContext, observation: Observation) -> bool:
    """True if REST differs from the last report on the WebSocket while nothing moves: one of them is stale.

    An equal report may be an old poll. A different one during trading may be ahead of messages on their way.
    """
    comparison, unit = context.comparison, context.unit
    last, rest, backfill = comparison.reported, observation.values[0], context.account.coverage.backfill
    gap_end = 0 if backfill is None else backfill.until_seq or 0
    if last is None or (comparison.observed_seq or 0) < gap_end:
        return True  # the WebSocket has not reported it since the gap
    quiet = max(CHAIN_WINDOWS * context.window, comparison.silence(context.window))
    moved = max(comparison.observed_clock, unit.balance.last_clock) > observation.clock - quiet
    if moved or last in observation.values:
        return False
    message = f"REST reports {plain(rest)}, the WebSocket last reported {plain(last)}"
    context.ledger.note_finding(unit.account, context.at, "rest_differs", unit.code, message)
    return True


def _note(comparison: ComparisonState, observation: Observation) -> None:
    """Remember the latest report, and how often reports come."""
    passed = observation.clock - comparison.observed_clock
    if comparison.observed_seq is not None and passed > 0:
        comparison.gap = (3 * comparison.gap + passed) // 4 if comparison.gap else passed
    comparison.reported = observation.values[0]
    comparison.inferred = observation.inferred
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    comparison.observed_clock = observation.clock
