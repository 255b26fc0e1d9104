"""The histories of units: how their observations were judged, kept compact. Pure (semantics 7.7).

1. A row is kept where the verdict changed, what breaks and undecided steps own of the drift, or the coverage.
2. Else one row is kept a minute, while observations come. So a busy unit that agrees costs one row a minute.
3. Nothing is rewritten: a row says what was known of the observation at one log position.
4. A report that is not what is booked is no row while it waits: it may be a race.
"""

from __future__ import annotations

from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState, Kept
from recon.reconciliation.model.history import JudgedObservation
from recon.reconciliation.model.shown_verdict import covered_verdict
from recon.reconciliation.trellis.account_trellis import AccountTrellis
from recon.reconciliation.trellis.steps import Figures
from recon.times import LogTime

#: How long a unit that does not change waits for its next row, in microseconds of log time.
KEEP_US: Final = 60_000_000
#: The same while a report waits.
KEEP_WAITING_US: Final = 5 * KEEP_US


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
    comparison.kept = Kept(verdict, owned, at.us, coverage_seq)
    return _judged(unit, comparison, cut, verdict, at)


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
        explained = balance.explained + cut.booked_fees_after
        fills = balance.fills - cut.amount_after + cut.booked_fees_after
        expected = None if balance.opening is None else balance.opening + fills
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
