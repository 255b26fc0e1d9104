"""Comparison: what arrives, and what log time decides, for every unit of a gateway. Pure (semantics 4, 5).

1. An observation that fits what is owned is an agreement; cuts never move backwards.
2. One that does not waits a window, because entries may still come; only then is it judged.
3. While a chain is under way every observation waits, so that it is judged with all its cuts.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from recon.exact import plain
from recon.ledger.external_facts import TRADE, Fact
from recon.ledger.ledger import Book
from recon.ledger.observations import Observation
from recon.ledger.rules import CHAIN_WINDOWS
from recon.ledger.units import Held, UnitKey
from recon.reconciliation.breaks import classification, decisions
from recon.reconciliation.breaks.decisions import Decision, Target
from recon.reconciliation.context import Subject
from recon.reconciliation.facts import apply_fact
from recon.reconciliation.facts.apply_trade import take_trade
from recon.reconciliation.model.comparison import ADVANCE_US, MAX_QUEUE, Comparison
from recon.reconciliation.model.snapshot import Transition
from recon.reconciliation.tracking import fee_candidates, fee_learning, openings
from recon.reconciliation.tracking import steps as chains
from recon.reconciliation.tracking.agreement import agree
from recon.times import LogTime


class Engine:
    """The comparisons of one gateway's units, driven by its books."""

    def __init__(self, book: Book) -> None:
        """Compare what this working set holds."""
        self.book = book
        self.comparisons: dict[UnitKey, Comparison] = {}
        self.changed: dict[UnitKey, Held] = {}
        self.transitions: list[Transition] = []
        #: Units that time alone may decide.
        self.restless: dict[UnitKey, Held] = {}
        #: Units whose last report waits until they are judged.
        self.parked: dict[UnitKey, Held] = {}
        #: Units with a break that is accepted, and when the first acceptance ends.
        self.accepted: dict[UnitKey, Held] = {}
        self.accepted_until: int | None = None
        #: The last time, in steps of ADVANCE_US, that log time was asked.
        self.asked = book.clock.clock // ADVANCE_US
        book.on_modelled = self.modelled

    def of(self, held: Held) -> Comparison:
        """Return a unit's comparison, made when first asked for."""
        key = held.key
        found = self.comparisons.get(key)
        if found is None:
            found = self.comparisons[key] = Comparison()
        return found

    def add(self, held: Held, comparison: Comparison) -> None:
        """Take a stored comparison into the working set."""
        self.comparisons[held.key] = comparison
        if comparison.restless:
            self.restless[held.key] = held
        if comparison.held is not None:
            self.parked[held.key] = held
        self._watch(held, comparison)

    def observe(self, held: Held, observation: Observation, at: LogTime) -> None:
        """Take one observation of a unit."""
        subject = self._subject(held, at)
        comparison = subject.comparison
        if self.book.fetching and not _is_news(subject, observation):
            return
        _note(comparison, observation)
        self._observe(subject, observation)

    def _observe(self, subject: Subject, observation: Observation) -> None:
        held, comparison = subject.held, subject.comparison
        if subject.account.held:
            comparison.held = observation
            subject.show(held.timeline.last())
        elif not subject.judged:
            _lay_down(subject)
            # Where the cash of contracts is still to be worked out, nothing may follow the last report.
            comparison.held = observation if subject.unit.unmodelled is None else None
            self.parked[held.key] = held
            subject.show(held.timeline.last())
        elif held.unit.opening is None:
            if not openings.run_ahead(subject, observation):
                _wait(subject, observation)
        elif comparison.queue or comparison.chain is not None or comparison.rebase or comparison.calibrating:
            _wait(subject, observation)
        else:
            found = subject.fit(observation, seldom=False)
            if found is not None:
                agree(subject, observation, found)
            else:
                _wait(subject, observation)
        self._mark(subject)

    def entered(self, held: Held, at: LogTime) -> None:
        """Take note that a unit got entries: what waited for them may fit now."""
        self.changed[held.key] = held
        comparison, account = self.of(held), self.book.accounts[held.unit.account]
        if account.held:
            _outdate(comparison, at, self.book.rules_of(account.name).settlement_window_us, late=self.book.fetching)
        elif account.name not in self.book.released and (comparison.held is not None or comparison.queue):
            subject = self._subject(held, at)
            if not self._unpark(subject):
                _catch_up(subject)
                self._mark(subject)

    def _unpark(self, subject: Subject) -> bool:
        """Judge a unit by its last report, now that it can be; return whether there was one."""
        comparison = subject.comparison
        if subject.account.held or not subject.judged:
            return False
        self.parked.pop(subject.held.key, None)
        latest, comparison.held = comparison.held, None
        if latest is not None:
            self._observe(subject, latest)
        return latest is not None

    def advance(self, at: LogTime) -> None:
        """Let log time decide what it can: observations whose window is over, chains that nothing more is said of."""
        if self.accepted_until is not None and at.us >= self.accepted_until:
            for key in sorted(self.accepted):
                self._mark(self._subject(self.accepted[key], at))
        asked = at.clock // ADVANCE_US
        if asked == self.asked:
            return
        self.asked = asked
        for key in sorted(self.restless):
            subject = self._subject(self.restless[key], at)
            comparison = subject.comparison
            if subject.account.held:
                continue
            if not subject.judged:
                _lay_down(subject)
            while comparison.queue and comparison.queue[0].clock + subject.window <= at.clock:
                _judge(subject, comparison.queue.pop(0))
                _catch_up(subject)
            if comparison.opening:
                openings.settle_opening(subject)
            if comparison.chain is not None and not comparison.queue:
                chains.settle(subject, comparison.chain)
            while (step := fee_candidates.released(subject)) is not None:
                chains.open_step(subject, step)
            self._mark(subject)
        for key in sorted(self.parked):
            self._unpark(self._subject(self.parked[key], at))

    def release(self, account: str, at: LogTime) -> None:
        """Judge an account again, now that its books have what a gap hid: by the last report of each unit.

        What was reported before is not judged any more: the books had not what it was to be held against. A report
        from before the last fill that was fetched is held against all that is booked; any other against the cuts of its
        time.
        """
        for held in sorted(self.book.units_of(account), key=lambda each: each.key):
            subject = self._subject(held, at)
            comparison = subject.comparison
            comparison.queue = []
            latest, comparison.held = comparison.held, None
            if latest is None:
                self._mark(subject)
            else:
                # It counts as told now: what was looked for went on looking for nothing meanwhile.
                comparison.observed_clock = at.clock
                comparison.opening_since = None if comparison.opening_since is None else at.clock
                late = latest.seq < subject.account.fetched_seq
                self._observe(subject, msgspec.structs.replace(latest, clock=at.clock) if late else latest)

    def modelled(self, held: Held) -> None:
        """Take note that a unit stopped or started being modelled: the next report opens a cash book."""
        if self.book.now is None:
            return
        subject = self._subject(held, self.book.now)
        _lay_down(subject)
        subject.comparison.rebase = held.unit.unmodelled is None and held.unit.opening is not None
        self._mark(subject)

    def contradict(self, held: Held, kind: str, order: str, amount: Decimal, at: LogTime) -> None:
        """Open a break of its own kind for a report that contradicts itself or its past."""
        subject = self._subject(held, at)
        chains.contradict(subject, kind, order, amount)
        self._mark(subject)

    def mend(self, held: Held, kind: str, order: str, at: LogTime) -> None:
        """Clear a contradiction that a later report has resolved."""
        subject = self._subject(held, at)
        chains.mend(subject, kind, order)
        self._mark(subject)

    def decide(self, decision: Decision, at: LogTime) -> None:
        """Take a person's decision about breaks; one that names a break which is not there is a finding."""
        named: dict[str, Target] = {}
        wanted = dict.fromkeys(decision.breaks)
        for key, comparison in self.comparisons.items():
            pending = [] if comparison.chain is None else [comparison.chain.pending]
            for known in (*comparison.closed, *pending, *comparison.breaks):
                if known.id in wanted:
                    named[known.id] = Target(self._subject(self.book.units[key], at), known)
        for break_id in wanted:
            if break_id not in named:
                message = f"{decision.by.shown} asked to {decision.action} break {break_id}, which is not at hand"
                self.book.find(decision.account, at, "decision_without_break", break_id, message)
        targets = [named[break_id] for break_id in wanted if break_id in named]
        decisions.decide(decision, targets)
        for target in targets:
            self._mark(target.subject)

    def take_fact(self, fact: Fact, at: LogTime) -> None:
        """Take what is known from outside, and explain by it what it explains (semantics 10.3)."""
        touched: dict[UnitKey, Subject] = {}

        def subject_of(held: Held) -> Subject:
            return touched.setdefault(held.key, self._subject(held, at))

        (take_trade if fact.fact == TRADE else apply_fact.take)(self.book, fact, at, subject_of)
        for subject in touched.values():
            self._mark(subject)

    @property
    def pending(self) -> bool:
        """Tell whether time alone may decide something soon: not of accounts that are not judged for now."""
        return any(not self.book.accounts[account].held for account, _, _ in self.restless)

    def _subject(self, held: Held, at: LogTime) -> Subject:
        return Subject(self.book, held, self.of(held), at, self.transitions.append, self.comparisons.get)

    def judge_again(self, at: LogTime) -> None:
        """Name the causes of all active breaks again: something from outside changed, the rules say."""
        for key in sorted(key for key, comparison in self.comparisons.items() if comparison.breaks):
            self._judge_again(self.book.units[key], at)

    def _judge_again(self, held: Held, at: LogTime) -> None:
        if classification.judge_again(self._subject(held, at)):
            self.changed[held.key] = held

    def _mark(self, subject: Subject) -> None:
        for beside in subject.beside:
            self._judge_again(self.book.units[beside], subject.at)
        if subject.comparison.breaks:
            classification.reconsider(subject)
        key = subject.held.key
        self.changed[key] = subject.held
        if subject.comparison.breaks or key in self.accepted:
            decisions.expire(subject)
            self._watch(subject.held, subject.comparison)
        if subject.comparison.restless:
            self.restless[key] = subject.held
        else:
            self.restless.pop(key, None)

    def _watch(self, held: Held, comparison: Comparison) -> None:
        """Remember when the next acceptance ends."""
        if any(known.acceptance is not None for known in comparison.breaks):
            self.accepted[held.key] = held
        elif self.accepted.pop(held.key, None) is None:
            return
        ends = [
            known.acceptance.until_us
            for key in self.accepted
            for known in self.comparisons[key].breaks
            if known.acceptance is not None
        ]
        self.accepted_until = min(ends, default=None)


def _is_news(subject: Subject, observation: Observation) -> bool:
    """Tell whether REST tells something else than the WebSocket last did while nothing moves: one of them is stale.

    What it repeats may be an old poll; what it tells in the middle of trading may be ahead of what is on its way.
    """
    comparison, unit = subject.comparison, subject.unit
    known, told, lost = comparison.reported, observation.values[0], subject.account.lost
    since = 0 if lost is None else lost.until_seq or 0
    if known is None or (comparison.observed_seq or 0) < since:
        return True  # the WebSocket has not told of it since the gap
    quiet = max(CHAIN_WINDOWS * subject.window, comparison.silence(subject.window))
    moved = max(comparison.observed_clock, unit.last_clock) > observation.clock - quiet
    if moved or known in observation.values:
        return False
    message = f"REST says {plain(told)}, the last word on the WebSocket was {plain(known)}"
    subject.book.find(unit.account, subject.at, "rest_differs", unit.code, message)
    return True


def _note(comparison: Comparison, observation: Observation) -> None:
    """Remember what was said last, and how often something is said."""
    passed = observation.clock - comparison.observed_clock
    if comparison.observed_seq is not None and passed > 0:
        comparison.gap = (3 * comparison.gap + passed) // 4 if comparison.gap else passed
    comparison.reported = observation.values[0]
    comparison.inferred = observation.inferred
    comparison.observed_us, comparison.observed_seq = observation.us, observation.seq
    comparison.observed_clock = observation.clock


def _outdate(comparison: Comparison, at: LogTime, window: int, *, late: bool) -> None:
    """Let go of a report that cannot know of what was traded since; what is fetched was traded before it."""
    if not late and comparison.held is not None and at.clock - comparison.held.clock > window:
        comparison.held = None


def _wait(subject: Subject, observation: Observation) -> None:
    comparison = subject.comparison
    comparison.queue = [*comparison.queue, observation]
    subject.show(subject.timeline.last())
    if len(comparison.queue) > MAX_QUEUE:
        _judge(subject, comparison.queue.pop(0))


def _catch_up(subject: Subject) -> None:
    """Agree with whatever waits and fits by now, in order, unless a chain is to be judged with all its cuts."""
    comparison = subject.comparison
    if comparison.chain is not None or subject.unit.opening is None or comparison.rebase or comparison.calibrating:
        return
    while comparison.queue:
        found = subject.fit(comparison.queue[0], seldom=False)
        if found is None:
            break
        agree(subject, comparison.queue.pop(0), found)


def _judge(subject: Subject, observation: Observation) -> None:
    """Decide on an observation whose window is over: its cuts are all known now."""
    comparison = subject.comparison
    if subject.unit.opening is None or comparison.calibrating:
        openings.weigh_opening(subject, observation)
        return
    if comparison.rebase:
        openings.rebase(subject, observation)
        return
    found = subject.fit(observation)
    if found is None and chains.clear(subject, observation):
        return
    borne_out = comparison.chain is not None and chains.bears_out(subject, comparison.chain, observation)
    if found is None and not borne_out and _may_be_fees(subject, observation):
        if comparison.chain is not None:
            chains.dismiss(subject, comparison.chain, "what is missing is what fills cost")
        return
    if comparison.chain is not None:
        chains.go_on(subject, comparison.chain, observation, found)
    elif found is not None:
        agree(subject, observation, found)
    else:
        fee_candidates.withdraw(subject)
        chains.start(subject, observation)


def _may_be_fees(subject: Subject, observation: Observation) -> bool:
    return (
        fee_learning.accounts_for(subject, observation)
        or fee_candidates.give_back(subject, observation)
        or fee_candidates.hold(subject, observation)
    )


def _lay_down(subject: Subject) -> None:
    """Forget what was under way: the unit is not judged for now."""
    comparison = subject.comparison
    comparison.forget_opening()
    comparison.queue, comparison.front = [], None
    comparison.forget_suspense()
    if comparison.chain is not None:
        chains.dismiss(subject, comparison.chain, "the unit is not judged from here on")
