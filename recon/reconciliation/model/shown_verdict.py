"""The verdict of a unit as the views show it at a log time: coverage and silence come first. Pure (semantics 7).

The view `recon_store.unit_verdicts` says the same in SQL, at the time when one looks; a test holds the two equal.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.ledger.account import Account
from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.verdict import settled_verdict_of, verdict_of

#: Seconds without a sign of life after which a unit is stale.
SILENT_SECONDS: Final = 30
_COVERED: Final = frozenset({"covered", "unresolved"})
_WITHHELD: Final = (
    "an order of this unit is not accounted for, its cash is not known, or nothing was told of the unit since the gap;"
    " or an event of the account was refused, and nothing made up for it"
)


class ShownVerdict(NamedTuple):
    """A verdict, and the reason where it is `unmodelled` or `stale`."""

    verdict: str
    reason: str | None


def shown_verdict(unit: Unit, comparison: ComparisonState, account: Account | None, us: int) -> ShownVerdict:
    """Return the first verdict that applies at a log time in microseconds."""
    judgement = verdict_of(unit, comparison)
    if judgement == "unobserved":
        return ShownVerdict(judgement, None)
    if unit.unmodelled is not None:
        return ShownVerdict("unmodelled", unit.unmodelled)
    stale = _stale(unit, account, us)
    return ShownVerdict(judgement, None) if stale is None else ShownVerdict("stale", stale)


def covered_verdict(unit: Unit, comparison: ComparisonState, account: Account) -> str:
    """Return the verdict of the latest observation that was compared, as the log alone decides it.

    A later one that waits for its window, and the silence of an account, change nothing of it.
    """
    if comparison.reported is None:
        return "unobserved"
    if unit.unmodelled is not None:
        return "unmodelled"
    if account.coverage.state not in _COVERED or unit.withheld:
        return "stale"
    return settled_verdict_of(unit, comparison)


def _stale(unit: Unit, account: Account | None, us: int) -> str | None:
    if account is None:
        return "nothing is known of the account"
    coverage, alive_us = account.coverage, account.liveness.last_alive_us
    if coverage.state not in _COVERED:
        return coverage.state if coverage.reason is None else f"{coverage.state}, {coverage.reason}"
    if unit.withheld:
        return _WITHHELD
    if not alive_us:
        return "no sign of life yet"
    if us - alive_us > SILENT_SECONDS * 1_000_000:
        return f"no sign of life for more than {SILENT_SECONDS} s"
    return None
