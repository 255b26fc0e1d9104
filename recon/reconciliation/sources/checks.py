"""The checks of independent sources: told, awaited, judged. Pure (semantics 5.12).

1. A check is judged once the entries of its time have had time to come; one of a time long ago at once.
2. While something in the unit is not decided, or its account is not covered, a check waits: for MAX_WAITS holds.
3. Only the newest check of a source, by its time, opens or clears breaks. An older one is history.
4. The same amount told again changes nothing, unless it could not be judged before, or the books have come round to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final

import msgspec

from recon.display.figures import shown
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.facts.external_fact import BALANCE, ExternalFact, Movement, RecordedFact, digest_of, held_of
from recon.ledger.facts.venue_answer import is_of_answer
from recon.ledger.ledger import Ledger
from recon.ledger.rules import CHAIN_WINDOWS, Rules
from recon.ledger.units import UnitKey, UnitState
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.facts.apply_fact import is_new, note_unknown_account, unit_of
from recon.reconciliation.model.source_check import SourceCheck, SourceStanding, StandingChange
from recon.reconciliation.sources import source_breaks
from recon.reconciliation.sources.books_then import margin_of
from recon.reconciliation.sources.judge import SET_ASIDE, judge, not_judged, unjudged_reason
from recon.times import LogTime, to_datetime

#: Checks of a gateway that wait at once; more are not judged.
MAX_PENDING: Final = 20_000
#: How many holds a check waits for what is not decided, beyond its own.
MAX_WAITS: Final = 8
#: How far ahead of log time a source's time may be, in microseconds: clocks differ.
MAX_AHEAD_US: Final = 60_000_000
#: The effect of a fact of kind `balance` that was judged.
COMPARED: Final = "compared"

#: When the next check is judged, where none waits.
NEVER: Final = 1 << 62

ContextOf = Callable[[UnitState], ComparisonContext]
#: Hands the context of a unit at a log time to what judges; a defect that shows sets the unit aside.
Hold = Callable[[UnitState, LogTime, Callable[[ComparisonContext], None]], None]


class SourceChecks:
    """The checks of a gateway that wait, and those that changed since they were last stored."""

    def __init__(self, ledger: Ledger) -> None:
        """Hold sources against this ledger."""
        self._ledger = ledger
        self.pending: dict[tuple[int, int], SourceCheck] = {}
        self._next_due_us: int | None = None
        #: The ids of what waits: told again, it waits once.
        self._waiting: set[tuple[str, str]] = set()
        #: The log position of the latest amount, and how many that position has told: an answer tells several.
        self._told = (0, 0)
        self._changed: dict[tuple[int, int], SourceCheck] = {}
        #: The rules whose demands on sources were stored, and for which accounts; None: none yet.
        self._rules_stored: Rules | None = None
        self._accounts_stored: set[str] = set()
        self._standings: dict[tuple[UnitKey, str], StandingChange] = {}

    def restore(self, pending: Iterable[SourceCheck]) -> None:
        """Add the stored checks that wait."""
        for check in pending:
            self._wait(check)

    def take_demands(self, changed: Collection[Account]) -> list[Account]:
        """Return the accounts whose demands on sources are to be stored: under new rules all, else the new ones."""
        rules = self._ledger.rules
        if self._rules_stored is not rules:
            self._rules_stored, self._accounts_stored = rules, set()
            changed = self._ledger.accounts.values()
        fresh = [account for account in changed if account.name not in self._accounts_stored]
        self._accounts_stored.update(account.name for account in fresh)
        return fresh

    def take_changed(self) -> tuple[list[SourceCheck], list[StandingChange]]:
        """Return the checks and standings to store, and forget them."""
        changed, self._changed = self._changed, {}
        standings, self._standings = self._standings, {}
        return list(changed.values()), list(standings.values())

    @property
    def next_due_us(self) -> int:
        """Return when the next check is judged, in microseconds of log time; NEVER if none waits."""
        if self._next_due_us is None:
            self._next_due_us = min((check.due_us for check in self.pending.values()), default=NEVER)
        return self._next_due_us

    def due_by(self, us: int) -> list[SourceCheck]:
        """Return the checks that are due by a log time, in the order of the log."""
        if us < self.next_due_us:
            return []
        return [check for _, check in sorted(self.pending.items()) if check.due_us <= us]

    def judge_due(self, at: LogTime, hold: Hold) -> None:
        """Judge what is due by a log time; `hold` hands the context of a unit to what judges."""
        for check in self.due_by(at.us):
            state = self._ledger.units[check.account, check.kind, check.unit]
            hold(state, at, partial(self.judge, check))
            if self.pending.get(check.place) is check:  # the unit is set aside: nothing is compared with it
                self._drop(check)
                self._change(not_judged(check, SET_ASIDE, at.seq))

    def tell(self, ledger: Ledger, fact: ExternalFact, at: LogTime, context_of: ContextOf) -> None:
        """Take what a source says was held; it is judged now, or it waits."""
        held = held_of(fact)
        if fact.account not in ledger.accounts:
            note_unknown_account(ledger, fact, at)
            return
        if (fact.account, fact.external_id) in self._waiting:
            return
        if not is_new(ledger, fact.account, fact, digest_of(fact, held), at):
            self._tell_again(ledger, fact, held, at, context_of)
            return
        check = _check_of(fact, at, self._next_number(at))
        if check.us > at.us + MAX_AHEAD_US:
            self._change(not_judged(check, "its time is to come", at.seq))
            return
        unknown = _unknown(ledger, fact, held)
        if unknown is not None:
            self._change(not_judged(check, unknown, at.seq))
            return
        pooled = _pooled(ledger, held)
        if pooled is not None:
            self._change(not_judged(check, pooled, at.seq))
            return
        context = context_of(unit_of(ledger, held, at))
        hold = CHAIN_WINDOWS * context.window + 2 * margin_of(context)
        check = msgspec.structs.replace(check, unit=context.unit.code, due_us=check.us + hold)
        if len(self.pending) >= MAX_PENDING:
            self._change(not_judged(check, f"{MAX_PENDING} checks wait already; import it again", at.seq))
            return
        self._wait(check)
        self._change(check)
        if check.due_us <= at.us:
            self.judge(check, context)

    def _next_number(self, at: LogTime) -> int:
        """Return which of the amounts of this log position comes next; 0: the first."""
        seq, count = self._told
        self._told = (at.seq, count + 1 if seq == at.seq else 1)
        return self._told[1] - 1

    def _tell_again(
        self, ledger: Ledger, fact: ExternalFact, held: Movement, at: LogTime, context_of: ContextOf
    ) -> None:
        """Judge anew the newest amount of a source that differed, in case of what the books have learned since."""
        context = context_of(unit_of(ledger, held, at))
        before = context.comparison.sources.get(fact.source_of)
        if before is None or (before.verdict, before.us, before.reported) != ("break", fact.occurred_us, held.amount):
            return
        check = msgspec.structs.replace(_check_of(fact, at, self._next_number(at)), unit=context.unit.code)
        ledger.fact_index.later.index(ledger.changes.entries)
        if unjudged_reason(context, check) is None and (judged := judge(context, check)).verdict == "agreed":
            self._change(self._act(context, judged))

    def judge(self, check: SourceCheck, context: ComparisonContext) -> None:
        """Judge a check that is due, or let it wait on while what it is held against is not decided."""
        at = context.at
        context.ledger.fact_index.later.index(context.ledger.changes.entries)
        reason = unjudged_reason(context, check)
        judged = judge(context, check) if reason is None else not_judged(check, reason, at.seq)
        hold = CHAIN_WINDOWS * context.window
        undecided = _is_undecided(context) and judged.verdict == "break"
        passing = not context.account.coverage.observed or context.account.coverage.backfilling
        if (undecided or passing) and at.us < max(check.us, check.told_us) + MAX_WAITS * hold:
            self._wait(msgspec.structs.replace(check, due_us=at.us + hold))
            self._change(self.pending[check.place])
            return
        self._drop(check)
        if judged.verdict != "not_judged":
            judged = self._act(context, judged)
            self._record(judged)
        self._change(judged)

    def _act(self, context: ComparisonContext, check: SourceCheck) -> SourceCheck:
        """Let the newest check of a source open or clear its break, and be its standing; return it with the break."""
        before = context.comparison.sources.get(check.source)
        if before is not None and before.us > check.us:
            return check
        if before is not None and before.us == check.us and before.reported != check.reported:
            message = (
                f"{check.source} told {shown(before.reported)} {check.told_unit} of {to_datetime(check.us)} before, and"
                f" {shown(check.reported)} now; the later one holds"
            )
            context.ledger.note_finding(check.account, context.at, "source_corrected", check.told_unit, message)
        if check.verdict == "agreed":
            source_breaks.agree(context, check, "it agrees with the books")
        elif check.break_id is not None:
            source_breaks.agree(context, check, "the EMS's reports have the same difference, and a break of their own")
        else:
            check = msgspec.structs.replace(check, break_id=source_breaks.differ(context, check))
        self._stand(context, check, before)
        return check

    def _stand(self, context: ComparisonContext, check: SourceCheck, before: SourceStanding | None) -> None:
        agreed = check.verdict == "agreed"
        standing = SourceStanding(
            us=check.us,
            seq=check.seq,
            verdict=check.verdict,
            reported=check.reported,
            drift=check.drift or ZERO,
            agreed_us=check.us if agreed else None if before is None else before.agreed_us,
            agreed_seq=check.seq if agreed else None if before is None else before.agreed_seq,
        )
        context.comparison.sources = {**context.comparison.sources, check.source: standing}
        change = StandingChange(check.account, check.kind, check.unit, check.source, standing)
        self._standings[context.state.key, check.source] = change

    def _record(self, check: SourceCheck) -> None:
        """Record the fact behind a judged check, so that it changes nothing a second time."""
        ledger, key = self._ledger, (check.account, check.external_id)
        digest = check.digest
        ledger.fact_index.facts[key] = digest
        ledger.changes.facts.append(
            RecordedFact(
                account=check.account,
                external_id=check.external_id,
                digest=digest,
                seq=check.seq,
                fact=BALANCE,
                kind=check.kind,
                unit=check.told_unit,
                amount=check.reported,
                occurred_us=check.us,
                effect=COMPARED,
            )
        )

    def _drop(self, check: SourceCheck) -> None:
        self.pending.pop(check.place, None)
        self._waiting.discard((check.account, check.external_id))
        self._next_due_us = None

    def _wait(self, check: SourceCheck) -> None:
        self.pending[check.place] = check
        self._next_due_us = None
        self._waiting.add((check.account, check.external_id))

    def _change(self, check: SourceCheck) -> None:
        self._changed[check.place] = check


def _pooled(ledger: Ledger, held: Movement) -> str | None:
    """Return why an asset is not judged alone: the books reconcile it in a pool; None if they do not."""
    rules = ledger.rules_of(held.account)
    code = rules.assets.get(held.unit, held.unit)
    pool = rules.pool_of(code)
    return None if held.kind == "contract" or pool == code else f"it is reconciled in the pool {pool}: tell the sum"


def _is_undecided(context: ComparisonContext) -> bool:
    """True if a step or a report of the unit is not decided; `waiting` is only up to date where it is stored."""
    comparison = context.comparison
    return bool(comparison.pending or comparison.doubt) or context.trellis.is_waiting(context.unit.key)


def _unknown(ledger: Ledger, fact: ExternalFact, held: Movement) -> str | None:
    """Return why an amount of a unit that the books do not know is not judged; None if they know it, or it counts.

    Whoever imports a file vouches for its codes. A venue that is asked spells them its own way.
    """
    if known_unit(ledger, held) is not None:
        return None
    if not held.amount:
        return "the books know no such unit, and nothing is held of it"
    if is_of_answer(fact):
        return "the EMS has named no such unit; if it is called otherwise there, map its code in the venue's settings"
    return None


def known_unit(ledger: Ledger, held: Movement) -> UnitState | None:
    """Return the unit of the account that the code of a source is, None if the books know none."""
    if held.kind == "contract":
        return ledger.known_contract(held.account, held.unit, None)
    account = ledger.accounts[held.account]
    unit = resolve_asset(held.unit, held.unit, account.snapshots, ledger.rules_of(account.name)).unit
    return ledger.units.get((held.account, "asset", unit))


def _check_of(fact: ExternalFact, at: LogTime, number: int) -> SourceCheck:
    held = held_of(fact)
    return SourceCheck(
        account=fact.account,
        kind=fact.unit_kind,
        unit=held.unit,
        told_unit=held.unit,
        source=fact.source_of,
        us=fact.occurred_us,
        told_us=at.us,
        seq=at.seq,
        number=number,
        external_id=fact.external_id,
        digest=digest_of(fact, held),
        reported=held.amount,
        absent=fact.absent,
    )
