"""Comparison: what arrives, and what log time decides, for every unit of a gateway. Pure (semantics 4, 5).

1. An observation that fits what is owned is an agreement; cuts never move backwards.
2. One that does not waits a window, because entries may still come; only then is it judged.
3. While a chain is under way every observation waits, so that it is judged with all its cuts.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import plain
from recon.ledger.facts.external_fact import TRADE, ExternalFact
from recon.ledger.ledger import Ledger
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import UnitKey, UnitState
from recon.reconciliation.breaks import classification, decisions
from recon.reconciliation.breaks.decisions import Decision, Target
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts import apply_fact
from recon.reconciliation.facts.apply_trade import apply_trade
from recon.reconciliation.model.comparison import ADVANCE_US, MAX_QUEUE, ComparisonState
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.tracking import fee_candidates, fee_learning, openings
from recon.reconciliation.tracking import steps as chains
from recon.reconciliation.tracking.agreement import agree
from recon.times import LogTime


class Reconciler:
    """The comparisons of one gateway's units, driven by its books."""

    def __init__(self, ledger: Ledger) -> None:
        """Compare what this working set holds."""
        self.ledger = ledger
        self.comparisons: dict[UnitKey, ComparisonState] = {}
        self.changed: dict[UnitKey, UnitState] = {}
        self.transitions: list[Transition] = []
        #: Units that time alone may decide.
        self.awaiting_time: dict[UnitKey, UnitState] = {}
        #: Units whose last report waits until they are judged.
        self.deferred: dict[UnitKey, UnitState] = {}
        #: Units with a break that is accepted, and when the first acceptance ends.
        self.accepted: dict[UnitKey, UnitState] = {}
        self.accepted_until: int | None = None
        #: The last time, in steps of ADVANCE_US, that log time was asked.
        self.asked = ledger.clock.clock // ADVANCE_US
        ledger.on_modelling_changed = self.on_modelling_changed

    def state_of(self, state: UnitState) -> ComparisonState:
        """Return a unit's comparison, made when first asked for."""
        key = state.key
        found = self.comparisons.get(key)
        if found is None:
            found = self.comparisons[key] = ComparisonState()
        return found

    def restore(self, state: UnitState, comparison: ComparisonState) -> None:
        """Take a stored comparison into the working set."""
        self.comparisons[state.key] = comparison
        if comparison.awaiting_time:
            self.awaiting_time[state.key] = state
        if comparison.deferred is not None:
            self.deferred[state.key] = state
        self._track_acceptances(state, comparison)

    def on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        """Take one observation of a unit."""
        context = self._context(state, at)
        comparison = context.comparison
        if self.ledger.event.from_rest and not _is_news(context, observation):
            return
        _note(comparison, observation)
        self._observe(context, observation)

    def _observe(self, context: ComparisonContext, observation: Observation) -> None:
        state, comparison = context.state, context.comparison
        if context.account.coverage.backfilling:
            comparison.deferred = observation
            context.show_cut(state.timeline.last())
        elif not context.judged:
            _lay_down(context)
            # Where the cash of contracts is still to be worked out, nothing may follow the last report.
            comparison.deferred = observation if context.unit.unmodelled is None else None
            self.deferred[state.key] = state
            context.show_cut(state.timeline.last())
        elif state.unit.balance.opening is None:
            if not openings.run_ahead(context, observation):
                _wait(context, observation)
        elif comparison.queue or comparison.chain is not None or comparison.rebase or comparison.calibrating:
            _wait(context, observation)
        else:
            found = context.fit(observation, seldom=False)
            if found is not None:
                agree(context, observation, found)
            else:
                _wait(context, observation)
        self._mark_changed(context)

    def on_postings(self, state: UnitState, at: LogTime) -> None:
        """Take note that a unit got entries: what waited for them may fit now."""
        self.changed[state.key] = state
        comparison, account = self.state_of(state), self.ledger.accounts[state.unit.account]
        if account.coverage.backfilling:
            _outdate(
                comparison,
                at,
                self.ledger.rules_of(account.name).settlement_window_us,
                late=self.ledger.event.from_rest,
            )
        elif account.name not in self.ledger.effects.resumed and (comparison.deferred is not None or comparison.queue):
            context = self._context(state, at)
            if not self._resume(context):
                _catch_up(context)
                self._mark_changed(context)

    def _resume(self, context: ComparisonContext) -> bool:
        """Judge a unit by its last report, now that it can be; return whether there was one."""
        comparison = context.comparison
        if context.account.coverage.backfilling or not context.judged:
            return False
        self.deferred.pop(context.state.key, None)
        latest, comparison.deferred = comparison.deferred, None
        if latest is not None:
            self._observe(context, latest)
        return latest is not None

    def advance(self, at: LogTime) -> None:
        """Let log time decide what it can: observations whose window is over, chains that nothing more is said of."""
        if self.accepted_until is not None and at.us >= self.accepted_until:
            for key in sorted(self.accepted):
                self._mark_changed(self._context(self.accepted[key], at))
        asked = at.clock // ADVANCE_US
        if asked == self.asked:
            return
        self.asked = asked
        for key in sorted(self.awaiting_time):
            context = self._context(self.awaiting_time[key], at)
            comparison = context.comparison
            if context.account.coverage.backfilling:
                continue
            if not context.judged:
                _lay_down(context)
            while comparison.queue and comparison.queue[0].clock + context.window <= at.clock:
                _judge(context, comparison.queue.pop(0))
                _catch_up(context)
            if comparison.opening:
                openings.settle_opening(context)
            if comparison.chain is not None and not comparison.queue:
                chains.settle(context, comparison.chain)
            while (step := fee_candidates.released(context)) is not None:
                chains.open_step(context, step)
            self._mark_changed(context)
        for key in sorted(self.deferred):
            self._resume(self._context(self.deferred[key], at))

    def resume_account(self, account: str, at: LogTime) -> None:
        """Judge an account again, now that its books have what a gap hid: by the last report of each unit.

        What was reported before is not judged any more: the books had not what it was to be held against. A report
        from before the last fill that was fetched is held against all that is booked; any other against the cuts of its
        time.
        """
        for state in sorted(self.ledger.units_of(account), key=lambda each: each.key):
            context = self._context(state, at)
            comparison = context.comparison
            comparison.queue = []
            latest, comparison.deferred = comparison.deferred, None
            if latest is None:
                self._mark_changed(context)
            else:
                # It counts as told now: what was looked for went on looking for nothing meanwhile.
                comparison.observed_clock = at.clock
                comparison.opening_since = None if comparison.opening_since is None else at.clock
                late = latest.seq < context.account.coverage.last_fetched_fill_seq
                self._observe(context, msgspec.structs.replace(latest, clock=at.clock) if late else latest)

    def on_modelling_changed(self, state: UnitState) -> None:
        """Take note that a unit stopped or started being modelled: the next report opens a cash book."""
        if self.ledger.event.at is None:
            return
        context = self._context(state, self.ledger.event.at)
        _lay_down(context)
        context.comparison.rebase = state.unit.unmodelled is None and state.unit.balance.opening is not None
        self._mark_changed(context)

    def open_contradiction(self, state: UnitState, kind: str, order: str, amount: Decimal, at: LogTime) -> None:
        """Open a break of its own kind for a report that contradicts itself or its past."""
        context = self._context(state, at)
        chains.contradict(context, kind, order, amount)
        self._mark_changed(context)

    def clear_contradiction(self, state: UnitState, kind: str, order: str, at: LogTime) -> None:
        """Clear a contradiction that a later report has resolved."""
        context = self._context(state, at)
        chains.mend(context, kind, order)
        self._mark_changed(context)

    def decide(self, decision: Decision, at: LogTime) -> None:
        """Take a person's decision about breaks; one that names a break which is not there is a finding."""
        named: dict[str, Target] = {}
        wanted = dict.fromkeys(decision.breaks)
        for key, comparison in self.comparisons.items():
            pending = [] if comparison.chain is None else [comparison.chain.pending]
            for known in (*comparison.closed, *pending, *comparison.breaks):
                if known.id in wanted:
                    named[known.id] = Target(self._context(self.ledger.units[key], at), known)
        for break_id in wanted:
            if break_id not in named:
                message = f"{decision.by.label} asked to {decision.action} break {break_id}, which is not at hand"
                self.ledger.note_finding(decision.account, at, "decision_without_break", break_id, message)
        targets = [named[break_id] for break_id in wanted if break_id in named]
        decisions.decide(decision, targets)
        for target in targets:
            self._mark_changed(target.context)

    def apply_fact(self, fact: ExternalFact, at: LogTime) -> None:
        """Take what is known from outside, and explain by it what it explains (semantics 10.3)."""
        touched: dict[UnitKey, ComparisonContext] = {}

        def context_of(state: UnitState) -> ComparisonContext:
            return touched.setdefault(state.key, self._context(state, at))

        (apply_trade if fact.fact == TRADE else apply_fact.apply_fact)(self.ledger, fact, at, context_of)
        for context in touched.values():
            self._mark_changed(context)

    @property
    def pending(self) -> bool:
        """Tell whether time alone may decide something soon: not of accounts that are not judged for now."""
        return any(not self.ledger.accounts[account].coverage.backfilling for account, _, _ in self.awaiting_time)

    def _context(self, state: UnitState, at: LogTime) -> ComparisonContext:
        return ComparisonContext(
            self.ledger, state, self.state_of(state), at, self.transitions.append, self.comparisons.get
        )

    def reclassify_all(self, at: LogTime) -> None:
        """Name the causes of all active breaks again: something from outside changed, the rules say."""
        for key in sorted(key for key, comparison in self.comparisons.items() if comparison.breaks):
            self._reclassify(self.ledger.units[key], at)

    def _reclassify(self, state: UnitState, at: LogTime) -> None:
        if classification.reclassify(self._context(state, at)):
            self.changed[state.key] = state

    def _mark_changed(self, context: ComparisonContext) -> None:
        for beside in context.reclassify:
            self._reclassify(self.ledger.units[beside], context.at)
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
        """Remember when the next acceptance ends."""
        if any(known.acceptance is not None for known in comparison.breaks):
            self.accepted[state.key] = state
        elif self.accepted.pop(state.key, None) is None:
            return
        ends = [
            known.acceptance.until_us
            for key in self.accepted
            for known in self.comparisons[key].breaks
            if known.acceptance is not None
        ]
        self.accepted_until = min(ends, default=None)


def _is_news(context: ComparisonContext, observation: Observation) -> bool:
    """Tell whether REST tells something else than the WebSocket last did while nothing moves: one of them is stale.

    What it repeats may be an old poll; what it tells in the middle of trading may be ahead of what is on its way.
    """
    comparison, unit = context.comparison, context.unit
    known, told, lost = comparison.reported, observation.values[0], context.account.coverage.backfill
    since = 0 if lost is None else lost.until_seq or 0
    if known is None or (comparison.observed_seq or 0) < since:
        return True  # the WebSocket has not told of it since the gap
    quiet = max(CHAIN_WINDOWS * context.window, comparison.silence(context.window))
    moved = max(comparison.observed_clock, unit.balance.last_clock) > observation.clock - quiet
    if moved or known in observation.values:
        return False
    message = f"REST says {plain(told)}, the last word on the WebSocket was {plain(known)}"
    context.ledger.note_finding(unit.account, context.at, "rest_differs", unit.code, message)
    return True


def _note(comparison: ComparisonState, observation: Observation) -> None:
    """Remember what was said last, and how often something is said."""
    passed = observation.clock - comparison.observed_clock
    if comparison.observed_seq is not None and passed > 0:
        comparison.gap = (3 * comparison.gap + passed) // 4 if comparison.gap else passed
    comparison.reported = observation.values[0]
    comparison.inferred = observation.inferred
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    comparison.observed_clock = observation.clock


def _outdate(comparison: ComparisonState, at: LogTime, window: int, *, late: bool) -> None:
    """Let go of a report that cannot know of what was traded since; what is fetched was traded before it."""
    if not late and comparison.deferred is not None and at.clock - comparison.deferred.clock > window:
        comparison.deferred = None


def _wait(context: ComparisonContext, observation: Observation) -> None:
    comparison = context.comparison
    comparison.queue = [*comparison.queue, observation]
    context.show_cut(context.timeline.last())
    if len(comparison.queue) > MAX_QUEUE:
        _judge(context, comparison.queue.pop(0))


def _catch_up(context: ComparisonContext) -> None:
    """Agree with whatever waits and fits by now, in order, unless a chain is to be judged with all its cuts."""
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


def _judge(context: ComparisonContext, observation: Observation) -> None:
    """Decide on an observation whose window is over: its cuts are all known now."""
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


def _lay_down(context: ComparisonContext) -> None:
    """Forget what was under way: the unit is not judged for now."""
    comparison = context.comparison
    comparison.forget_opening()
    comparison.queue, comparison.front = [], None
    comparison.forget_suspense()
    if comparison.chain is not None:
        chains.dismiss(context, comparison.chain, "the unit is not judged from here on")
