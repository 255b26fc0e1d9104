"""The histories of units: how their observations were judged, kept compact. Pure (semantics 7.7).

1. A row is kept where the verdict changed, what breaks and undecided steps own of the drift, or the coverage.
2. Else one row is kept a minute, while observations come. So a busy unit that agrees costs one row a minute.
3. Of each minute of log time the last observation is kept too, if anything moved since the last row. So a unit moves
   as it likes and costs one more, and the books of a full minute have their last report, also where a unit fell silent.
4. Nothing is rewritten: a row says what was known of the observation at one log position.
5. A report that is not what is booked is no row while it waits: it may be a race.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState, Kept
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.shown_verdict import covered_verdict
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.steps import Figures
from recon.times import LogTime

#: A minute of log time, of which the last observation is kept, in microseconds.
MINUTE_US: Final = 60_000_000
#: How long a unit that does not change waits for its next row, in microseconds of log time.
KEEP_US: Final = MINUTE_US
#: The same while a report waits.
KEEP_WAITING_US: Final = 5 * KEEP_US

#: A rule that returns the next row of a unit's history, and remembers it; None if there is nothing to keep.
Keep: TypeAlias = Callable[[Unit, ComparisonState, Account, AccountTrellis, LogTime], JudgedObservation | None]


def keep(
    unit: Unit, comparison: ComparisonState, account: Account, trellis: AccountTrellis, at: LogTime
) -> JudgedObservation | None:
    """Return the next row of a unit's history, and remember it; None if there is nothing to keep."""
    if comparison.observed_us is None:
        return None
    verdict, owned = covered_verdict(unit, comparison, account), comparison.owned
    before = comparison.kept
    passed = KEEP_WAITING_US if before is None else at.us - before.us
    coverage_seq = account.coverage.since_seq
    changed = before is None or (verdict, owned, coverage_seq) != (before.verdict, before.owned, before.coverage_seq)
    if not changed and passed < KEEP_US:
        return None
    waiting = trellis.is_waiting(unit.key)
    figures = trellis.figures(unit.key) if unit.unmodelled is None else None
    cut = None if figures is None or not figures.seq else figures
    if verdict == "agreed" and (waiting or cut is None):
        if passed < KEEP_WAITING_US:
            return None
        verdict = "pending"
    row = _judged(unit, comparison, cut, verdict, at)
    comparison.kept = Kept(verdict, owned, at.us, coverage_seq, row.seq, row.reported, unit.balance.entry_count)
    return row


def is_unkept(comparison: ComparisonState) -> bool:
    """True if a later observation came than the last one that has a row."""
    return comparison.kept is not None and (comparison.observed_seq or 0) > comparison.kept.seq


def keep_last(
    unit: Unit, comparison: ComparisonState, account: Account, trellis: AccountTrellis, at: LogTime
) -> JudgedObservation | None:
    """Return the row of the last observation of a minute whose last event is `at`; None if there is nothing to keep.

    When the other rows are due does not change by it.
    """
    before, entries = comparison.kept, unit.balance.entry_count
    if before is None or (comparison.reported, entries) == (before.reported, before.entries):
        return None  # it would say the same again
    figures = trellis.figures(unit.key) if unit.unmodelled is None else None
    cut = None if figures is None or not figures.seq else figures
    verdict = covered_verdict(unit, comparison, account)
    if (verdict == "agreed" and cut is None) or (cut is not None and cut.passed_over):
        return None
    row = _judged(unit, comparison, cut, verdict, at)
    if row.seq <= before.seq:
        return None
    since_seq = account.coverage.since_seq
    if row.seq < since_seq != before.coverage_seq:
        verdict = before.verdict  # of what was observed before the coverage changed, which made no row yet
    comparison.kept = msgspec.structs.replace(before, seq=row.seq, reported=row.reported, entries=entries)
    return msgspec.structs.replace(row, verdict=verdict, last_of_minute=True)


def _judged(
    unit: Unit, comparison: ComparisonState, cut: Figures | None, verdict: str, at: LogTime
) -> JudgedObservation:
    """Return the latest observation that was compared, with its cut; the latest one at all where none was."""
    balance = unit.balance
    if cut is None:
        seq, us, value = comparison.observed_seq or 0, comparison.observed_us or 0, comparison.reported or ZERO
        expected, explained = None, ZERO
    else:
        seq, us, value = cut.seq, cut.at_us, cut.value
        explained = cut.explained_in(balance.explained)
        expected = None if balance.opening is None else balance.opening + cut.fills_in(balance.fills)
    return JudgedObservation(
        account=unit.account,
        kind=unit.kind,
        unit=unit.code,
        seq=seq,
        us=us,
        judged_seq=at.seq,
        judged_us=at.us,
        reported=value,
        expected=expected,
        explained=explained,
        verdict=verdict,
    )
