"""The verdict of a unit as the views show it at a log time: coverage and silence come first. Pure (semantics 7).

The view `recon_store.unit_verdicts` says the same in SQL, at the time when one looks; a test holds the two equal.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from recon.ledger.account import Account
from recon.ledger.rules import AccountRules
from recon.ledger.units import Unit
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.verdict import settled_verdict_of, verdict_of
from recon.source_class import INDEPENDENCE, at_least_as_independent
from recon.times import to_datetime

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


def shown_verdict(
    unit: Unit, comparison: ComparisonState, account: Account | None, us: int, rules: AccountRules
) -> ShownVerdict:
    """Return the first verdict that applies at a log time in microseconds, under the account's rules."""
    judgement = verdict_of(unit, comparison)
    if judgement == "unobserved":
        return ShownVerdict(judgement, None)
    reason = unit.unmodelled or unit.assumed
    if reason is not None:
        return ShownVerdict("unmodelled", reason)
    stale = _stale(unit, account, us)
    if stale is not None:
        return ShownVerdict("stale", stale)
    wanting = _wanting(comparison, us, rules) if judgement == "agreed" else None
    return ShownVerdict(judgement, None) if wanting is None else ShownVerdict("pending", wanting)


def _wanting(comparison: ComparisonState, us: int, rules: AccountRules) -> str | None:
    """Return why the word of the independent source that the rules require is wanting; None if it is not."""
    required = rules.require_source
    if required is None:
        return None
    agreed = [
        (since_us >= us - rules.most_source_age_us, INDEPENDENCE.index(source), since_us)
        for source, standing in comparison.sources.items()
        if standing.verdict == "agreed" and (since_us := standing.agreed_us) is not None
    ]
    if not agreed:
        return f"no independent source has agreed yet; the settings require a {required}"
    recent, rank, since_us = max(agreed)
    source = INDEPENDENCE[rank]
    if not recent:
        at = f"{to_datetime(since_us):%Y-%m-%d %H:%M} UTC"
        return f"the settings require a {required}; the last to agree was {source} at {at}, too long ago"
    if source not in at_least_as_independent(required):
        return f"the settings require a {required}, and only a {source} has agreed"
    return None


def covered_verdict(unit: Unit, comparison: ComparisonState, account: Account) -> str:
    """Return the verdict of the latest observation that was compared, as the log alone decides it.

    A later one that waits for its window, and the silence of an account, change nothing of it.
    """
    if comparison.reported is None:
        return "unobserved"
    if unit.unmodelled or unit.assumed:
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
