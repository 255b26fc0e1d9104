"""The reconciler: reports, legs and log time, for every unit of a gateway. Pure (semantics 4, 5).

1. The trellis of an account decides, `commit` writes down what it decided; nothing else opens or clears a break.
2. Time decides at fixed log times, so that nothing depends on how events are cut into batches.
3. A defect of recon that shows in one unit sets that unit aside; the other units are compared all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, TypeVarTuple

import msgspec

from recon.ledger.facts.external_fact import BALANCE, OPENING_HELD, TRADE, ExternalFact
from recon.ledger.ledger import Ledger
from recon.ledger.legs import FillPart, Leg
from recon.ledger.observations import Observation
from recon.ledger.units import UnitKey, UnitState
from recon.ledger.withholding import withhold
from recon.reconciliation import histories
from recon.reconciliation.breaks import classification, decisions
from recon.reconciliation.breaks.decisions import Decision, Target
from recon.reconciliation.commit import accruals, contradictions, fee_rates, openings, steps
from recon.reconciliation.commit.decided import commit
from recon.reconciliation.context import ComparisonContext, show_cut
from recon.reconciliation.facts import apply_fact, second_person, taken_back
from recon.reconciliation.facts.apply_trade import apply_trade
from recon.reconciliation.facts.uncertain_opening import tell_opening
from recon.reconciliation.model.acceptances import Acceptances
from recon.reconciliation.model.comparison import ADVANCE_US, ComparisonState
from recon.reconciliation.model.comparisons import Comparisons
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.reports import differs_in_quiet, note_observation, report_of
from recon.reconciliation.sources.checks import SourceChecks
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.steps import Moved, Opened, OpeningUncertain, RateLearnt
from recon.reconciliation.trellises import StoredTrellises, Trellises
from recon.times import LogTime

#: What is decided so many microseconds ahead waits for the slow ticks of a quiet log, one each ten seconds (9.2).
SOON_US: Final = 10_000_000
#: The reason for withholding `agreed` from a unit that recon failed on.
SET_ASIDE: Final = "recon failed to compare it"

Given = TypeVarTuple("Given")


class Reconciler:
    """The comparisons of one gateway's units, driven by its ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Compare the units of this ledger."""
        self.ledger = ledger
        self.comparisons = Comparisons()
        self.changed: dict[UnitKey, UnitState] = {}
        self.transitions: list[Transition] = []
        #: New rows of the units' histories, and the units that the event touched.
        self.judged: list[JudgedObservation] = []
        self._touched: dict[UnitKey, UnitState] = {}
        #: Units that were set aside since the last step, each with what was raised.
        self.failures: list[tuple[UnitKey, Exception]] = []
        self.trellises = Trellises(ledger)
        #: Units whose last report is deferred until they are judged.
        self.deferred: dict[UnitKey, UnitState] = {}
        self.accepted = Acceptances()
        self.sources = SourceChecks(ledger)
        #: Log time, in steps of ADVANCE_US, that comparisons were last advanced to.
        self.advanced_to = ledger.clock.last_us // ADVANCE_US
        ledger.listen(self.on_modelling_changed)

    def comparison_of(self, state: UnitState) -> ComparisonState:
        """Return a unit's comparison; a new one the first time."""
        return self.comparisons[state.key]

    def restore(self, comparisons: Mapping[UnitKey, ComparisonState], stored: StoredTrellises) -> None:
        """Add the stored comparisons to the working set."""
        for key, comparison in comparisons.items():
            state = self.ledger.units[key]
            self.comparisons[key] = comparison
            self.comparisons.refresh(state.unit)
            self.comparisons.note_closed(state.unit)
            if comparison.deferred is not None:
                self.deferred[key] = state
            self.accepted.track(state, comparison)
        self.trellises.restore(stored)

    def store(self) -> StoredTrellises:
        """Show the cuts of the units that changed; return what there is to store of the trellises."""
        stored, changed = self.trellises.store()
        for key in changed:
            self.changed[key] = self.ledger.units[key]
        for state in self.changed.values():
            show_cut(state.unit, self.comparison_of(state), self.trellises.of(state.unit.account))
        return stored

    def on_legs(self, legs: Iterable[tuple[UnitState, Leg]], at: LogTime) -> None:
        """Take what was posted: the cuts of reports may hold it."""
        for state, leg in legs:
            self.changed[state.key] = state
            if state.unit.unmodelled is None:
                self._contain(state, at, self._add_leg, state, leg, at)

    def _add_leg(self, state: UnitState, leg: Leg, at: LogTime) -> None:
        comparison = self.comparisons[state.key]
        if taken_back.may_take(comparison, leg) and taken_back.is_taken(self._context(state, at), leg):
            return
        self.trellises.begun(state).add_leg(state.key, leg, at.us)

    def on_parts(self, parts: Iterable[FillPart], at: LogTime) -> None:
        """Take parts of fills that were told in one; a defect in one concerns its base unit."""
        for part in parts:
            state = self.ledger.units.get((part.account, "asset", part.units[0]))
            if state is not None:
                self._contain(state, at, self.trellises.split_fill, part, at.us)

    def on_cash_to_come(self, awaited: Iterable[tuple[UnitState, str]], at: LogTime) -> None:
        """Take which orders' fills are booked without their cash."""
        for state, order in awaited:
            if state.unit.unmodelled is None:
                self._contain(state, at, self.trellises.await_cash, state, order)

    def on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        """Take one observation of a unit; it is compared when its window is over."""
        self._contain(state, at, self._on_observation, state, observation, at)

    def _on_observation(self, state: UnitState, observation: Observation, at: LogTime) -> None:
        context = self._context(state, at)
        comparison = context.comparison
        if self.ledger.event.from_rest and not differs_in_quiet(context, observation):
            return
        note_observation(comparison, observation, context.unit.value)
        self._observe(context, observation)
        self._mark_changed(context)

    def _observe(self, context: ComparisonContext, observation: Observation) -> None:
        """Hand a report to the trellis, or defer it while the unit is not judged."""
        state, comparison = context.state, context.comparison
        if context.account.coverage.backfilling or not context.judged:
            # Where the balance does not follow from reports, the next one opens it anew.
            comparison.deferred = observation if context.unit.unmodelled is None else None
            self.deferred[state.key] = state
            return
        comparison.deferred = None
        self.deferred.pop(state.key, None)
        if comparison.rebase:
            openings.rebase(context, observation)
        else:
            openings.note_first_report(context, observation)
            self.trellises.begin(context.trellis, state).report(state.key, report_of(context, observation))

    def _resume(self, context: ComparisonContext) -> None:
        """Compare a unit's deferred report, now that it can be."""
        comparison = context.comparison
        if context.account.coverage.backfilling or not context.judged:
            return
        self.deferred.pop(context.state.key, None)
        latest, comparison.deferred = comparison.deferred, None
        if latest is not None:
            self._observe(context, latest)
            self._mark_changed(context)

    def advance(self, at: LogTime) -> None:
        """Decide what log time decides, at most once in ADVANCE_US."""
        for state in self.accepted.take_due(at.us):
            self._contain(state, at, self._mark_changed, self._context(state, at))
        asked = at.us // ADVANCE_US
        if asked == self.advanced_to:
            return
        self.advanced_to = asked
        for _, state in sorted(self.deferred.items()):
            self._contain(state, at, self._resume, self._context(state, at))
        for name in self.trellises:
            self._await_cash(name, self.trellises.of(name))
        self.finish(at)
        self.sources.judge_due(at, self._judge_source)

    def _judge_source(self, state: UnitState, at: LogTime, judge: Callable[[ComparisonContext], None]) -> None:
        context = self._context(state, at)
        self._contain(state, at, judge, context)
        self._mark_changed(context)

    def finish(self, at: LogTime) -> None:
        """Write down what an event had trellises decide: nothing waits in memory for the next event, no cash either."""
        for trellis in self.trellises.take_touched():
            if trellis.due(at.us):
                self._advance(trellis, at)
                while legs := self.ledger.effects.take_legs():  # as the cash of a contract that opened
                    self.on_legs(legs, at)
                    self._advance(trellis, at)
            self.trellises.mark_changed_rates(trellis)

    def keep_judged(self, at: LogTime) -> None:
        """Keep, at the end of an event, what it changed of how units are judged (semantics 7.7)."""
        while self._touched:  # a defect that shows here sets its unit aside, which is kept too
            key, state = self._touched.popitem()
            if self.comparisons[key].set_aside:
                self._keep(state, at, histories.keep)
            else:
                self._contain(state, at, self._keep, state, at, histories.keep)

    def end_minute(self, at: LogTime) -> None:
        """Keep the last observation of each unit in the minute whose last event was `at` (semantics 7.7)."""
        for key in [key for key, comparison in self.comparisons.items() if histories.is_unkept(comparison)]:
            self._contain(self.ledger.units[key], at, self._keep, self.ledger.units[key], at, histories.keep_last)

    def _keep(self, state: UnitState, at: LogTime, keep: histories.Keep) -> None:
        unit, name = state.unit, state.unit.account
        found = keep(unit, self.comparisons[state.key], self.ledger.accounts[name], self.trellises[name], at)
        if found is not None:
            self.judged.append(found)
            self.changed[state.key] = state

    def _await_cash(self, account: str, trellis: AccountTrellis) -> None:
        """Defer the reports of assets whose cash waits for the opening of a contract."""
        for code, contracts in self.ledger.accounts[account].mappings.cash_pending_assets.items():
            key: UnitKey = (account, "asset", code)
            if contracts and trellis.knows(key):
                trellis.drop_reports(key)
                state, comparison = self.ledger.units[key], self.comparison_of(self.ledger.units[key])
                if comparison.latest is not None and comparison.deferred is None:
                    comparison.deferred = comparison.latest
                    self.deferred[key] = state

    def _advance(self, trellis: AccountTrellis, at: LogTime) -> None:
        """Decide what is due in one account, and write it down."""
        touched: dict[UnitKey, ComparisonContext] = {}
        told = trellis.advance(at.us)
        failures, trellis.failures = trellis.failures, []
        for key, error in failures:
            self._set_aside(self.ledger.units[key], at, error)
        for value in told:
            if isinstance(value, RateLearnt):
                fee_rates.note_rate(self.ledger, self.ledger.accounts[trellis.account], value, at)
                continue
            key = value.step.unit if isinstance(value, Opened | Moved | OpeningUncertain) else value.unit
            context = touched.get(key)
            if context is None:
                context = touched[key] = self._context(self.ledger.units[key], at)
            self._contain(context.state, at, commit, context, value)
            self.comparisons.refresh(context.unit)  # what opens next is to see it
        for key in trellis.take_judged():
            # The steps that are not decided may be others now, or what a race leaves may be a break.
            known = self.comparison_of(self.ledger.units[key])
            if key not in touched and (known.accrual.jumps or known.pending != trellis.pending(key)):
                touched[key] = self._context(self.ledger.units[key], at)
        for context in touched.values():
            self._contain(context.state, at, self._end_of_advance, context)
        # Each once: thousands may open on one event, and ask for the same ones.
        self._classify_again(dict.fromkeys(key for each in touched.values() for key in each.reclassify), at)
        for context in touched.values():
            self._contain(context.state, at, self._follow, context)

    def _end_of_advance(self, context: ComparisonContext) -> None:
        context.comparison.pending = context.trellis.pending(context.state.key)
        accruals.post_accrual(context)
        steps.open_sums(context)
        self.comparisons.refresh(context.unit)

    def resume_account(self, account: str, at: LogTime) -> None:
        """Resume comparison of an account after a backfill, using the last report of each unit.

        Earlier reports are dropped: the ledger lacked the entries to compare them with. A report older than the last
        fetched fill is compared with the whole ledger; a newer one with the cuts of its time.
        """
        for state in sorted(self.ledger.units_of(account), key=lambda each: each.key):
            self._contain(state, at, self._resume_unit, state, at)

    def _resume_unit(self, state: UnitState, at: LogTime) -> None:
        context = self._context(state, at)
        latest, context.comparison.deferred = context.comparison.deferred, None
        self.deferred.pop(state.key, None)
        if latest is not None:
            late = latest.seq < context.account.coverage.last_fetched_fill_seq
            self._observe(context, msgspec.structs.replace(latest, us=at.us) if late else latest)
        self._mark_changed(context)

    def on_modelling_changed(self, state: UnitState) -> None:
        """Note that a unit stopped or started being modelled: the next report opens it anew."""
        if (at := self.ledger.event.at) is not None:
            self._contain(state, at, self._open_anew, state, at)

    def _open_anew(self, state: UnitState, at: LogTime) -> None:
        context = self._context(state, at)
        self.trellises.of(state.unit.account).forget(state.key)
        openings.open_anew(context)
        self._mark_changed(context)

    def contradict(self, state: UnitState, kind: str, order: str, amount: Decimal | None, at: LogTime) -> None:
        """Open a break for a report that contradicts itself or an earlier one; None: a later report resolved it."""
        contradictions.note_contradiction(context := self._context(state, at), kind, order, amount)
        self._mark_changed(context)

    def decide(self, decision: Decision, at: LogTime) -> None:
        """Apply a person's decision about breaks; a decision that names an unknown break is a finding."""
        wanted = dict.fromkeys(decision.breaks)
        named = {break_id: target for break_id in wanted if (target := self._target(break_id, at)) is not None}
        for break_id in (each for each in wanted if each not in named):
            message = f"{decision.by.label} asked to {decision.action} break {break_id}, which is not known"
            self.ledger.note_finding(decision.account, at, "decision_without_break", break_id, message)
        decisions.decide(decision, list(named.values()))
        for target in named.values():
            self._mark_changed(target.context)

    def _target(self, break_id: str, at: LogTime) -> Target | None:
        """Return a break that is active or remembered, None if it is neither."""
        found = self.comparisons.break_of(break_id)
        return None if found is None else Target(self._context(self.ledger.units[found[0]], at), found[1])

    def apply_fact(self, fact: ExternalFact, at: LogTime) -> None:
        """Apply an external fact, and explain breaks by it; a material one waits (semantics 10.3, 10.7)."""
        if not second_person.let_wait(self.ledger, fact, at):
            self._apply_fact(fact, at)

    def decide_facts(self, decision: Decision, at: LogTime) -> None:
        """Apply a person's decision about facts that wait (semantics 10.7)."""
        for fact in second_person.decide_waiting(self.ledger, second_person.decision_of(decision), at):
            self._apply_fact(fact, at)

    def _apply_fact(self, fact: ExternalFact, at: LogTime) -> None:
        touched: dict[UnitKey, ComparisonContext] = {}

        def context_of(state: UnitState) -> ComparisonContext:
            return touched.setdefault(state.key, self._context(state, at))

        others = {TRADE: apply_trade, OPENING_HELD: tell_opening, BALANCE: self.sources.tell}
        others.get(fact.fact, apply_fact.apply_fact)(self.ledger, fact, at, context_of)
        for context in touched.values():
            self._mark_changed(context)

    @property
    def pending(self) -> bool:
        """True if time alone may decide something within `SOON_US`, in an account that is judged."""
        soon_us = self.ledger.clock.last_us + SOON_US
        return self.trellises.decide_by(soon_us) or self.sources.next_due_us <= soon_us

    def _contain(self, state: UnitState, at: LogTime, work: Callable[[*Given], None], *given: *Given) -> None:
        """Do a unit's own work; a defect of recon that shows in it stops no other unit (architecture 2.12).

        The same log shows the same defect, so a rebuild by the same version sets the same unit aside.
        """
        if self.comparisons[state.key].set_aside:
            return
        try:
            work(*given)
        except MemoryError:
            raise  # the machine's doing, not the unit's
        except Exception as error:  # noqa: BLE001 - whatever the defect is, it is this unit's alone
            self._set_aside(state, at, error)

    def _set_aside(self, state: UnitState, at: LogTime, error: Exception) -> None:
        """Compare a unit no more; its breaks stay as they are, and people go on deciding about them."""
        comparison, unit = self.comparison_of(state), state.unit
        comparison.set_aside, comparison.pending, comparison.deferred = True, [], None
        self.trellises.of(unit.account).forget(state.key)
        self.deferred.pop(state.key, None)
        self.accepted.track(state, comparison)
        self.comparisons.refresh(unit)
        self.changed[state.key] = self._touched[state.key] = state
        withhold(self.ledger, state, SET_ASIDE, on=True)
        message = f"{SET_ASIDE} ({type(error).__name__}): it is compared again after a rebuild by a later version"
        self.ledger.note_finding(unit.account, at, "comparison_failed", unit.code, message)
        self.failures.append((state.key, error))

    def _context(self, state: UnitState, at: LogTime) -> ComparisonContext:
        comparison, trellis = self.comparisons[state.key], self.trellises.of(state.key[0])
        return ComparisonContext(self.ledger, state, comparison, at, self.transitions.append, self.comparisons, trellis)

    def on_rules(self, at: LogTime) -> None:
        """Compare by new rules from here on, and classify all active breaks again."""
        for account, trellis in self.trellises.items():
            trellis.set_window(self.ledger.rules_of(account).settlement_window_us, at.us)
            trellis.rates_changed(at.us)
        self._classify_again(sorted(key for key, comparison in self.comparisons.items() if comparison.breaks), at)

    def _classify_again(self, keys: Iterable[UnitKey], at: LogTime) -> None:
        for key in keys:
            self._contain(self.ledger.units[key], at, self._reclassify, self.ledger.units[key], at)

    def _reclassify(self, state: UnitState, at: LogTime) -> None:
        if classification.reclassify(self._context(state, at)):
            self.comparisons.refresh(state.unit)
            self.changed[state.key] = state

    def _mark_changed(self, context: ComparisonContext) -> None:
        self.comparisons.refresh(context.unit)
        self._classify_again(context.reclassify, context.at)
        self._follow(context)

    def _follow(self, context: ComparisonContext) -> None:
        comparison, key = context.comparison, context.state.key
        if comparison.breaks:
            classification.reclassify_reported_orders(context)
        self.changed[key] = self._touched[key] = context.state
        if comparison.breaks or key in self.accepted:
            decisions.expire(context)
            self.accepted.track(context.state, context.comparison)
