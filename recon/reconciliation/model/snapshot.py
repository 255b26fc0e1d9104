"""A transition of a break, with the figures of its unit as of that log position. Pure (semantics 7)."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Final

import msgspec

from recon.ledger.account import Account
from recon.ledger.rules import AccountRules
from recon.ledger.units import Unit, UnitState
from recon.reconciliation.model.ageing import business_us
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import ComparisonState
from recon.reconciliation.model.severity import Severity, severity
from recon.reconciliation.model.verdict import verdict_of

#: Missing orders named with a transition.
MAX_WITHHELD: Final = 20


class BreakSnapshot(msgspec.Struct, frozen=True):
    """The figures of one unit at its latest observation's cut, and the coverage of its account.

    Quantities are in the unit itself, `rate_usd` in USD per unit; None means not known. `observed_us` and `books_us`
    are log times in microseconds.
    """

    coinapi: str | None
    reported: Decimal | None
    expected: Decimal | None
    drift: Decimal | None
    explained: Decimal | None
    unexplained: Decimal | None
    opening: Decimal | None
    in_flight: Decimal | None
    rate_usd: Decimal | None
    amount_usd: Decimal | None
    #: The verdict of the unit's comparison; coverage stands beside it.
    verdict: str
    #: Why the unit is shown but not judged, if so.
    unmodelled: str | None
    #: Missing orders that touch the unit, at most MAX_WITHHELD.
    withheld: tuple[str, ...]
    coverage: str
    coverage_reason: str | None
    observed_us: int | None
    cut_seq: int | None
    books_us: int
    #: Business time since the origin in microseconds, and how much the break matters.
    age_us: int = 0
    severity: Severity = "info"


def snapshot_of(
    state: UnitState,
    comparison: ComparisonState,
    account: Account,
    break_: Break,
    us: int,
    rules: AccountRules,
    floor: Severity,
) -> BreakSnapshot:
    """Return the figures of a unit as the ledger stands at a log time (microseconds) under these rules.

    `floor` is the lowest severity of the break's cause.
    """
    unit = state.unit
    observed = comparison.observed_us is not None
    reported, opening = comparison.reported, unit.balance.opening
    fills = comparison.cut_total - comparison.cut_explained
    expected = opening + fills if opening is not None and observed else None
    drift = reported - expected if reported is not None and expected is not None else None
    worth = amount_usd(unit, break_.amount)
    age_us = business_us(break_.seen_us, us, cutoff_minute=rules.cutoff_minute, business_days=rules.business_days)
    return BreakSnapshot(
        coinapi=unit.coinapi,
        reported=reported,
        expected=expected,
        drift=drift,
        explained=comparison.cut_explained if observed else None,
        unexplained=None if drift is None else drift - comparison.cut_explained,
        opening=opening,
        in_flight=unit.balance.fills - fills if observed else None,
        rate_usd=unit.reported.rate_usd,
        amount_usd=worth,
        verdict=verdict_of(unit, comparison),
        unmodelled=unit.unmodelled or unit.assumed,
        withheld=tuple(islice(unit.withheld, MAX_WITHHELD)),
        coverage=account.coverage.state,
        coverage_reason=account.coverage.reason,
        observed_us=comparison.observed_us,
        cut_seq=comparison.cut_seq if observed else None,
        books_us=us,
        age_us=age_us,
        severity=severity(worth, age_us, floor, material_usd=rules.material_usd),
    )


def amount_usd(unit: Unit, amount: Decimal) -> Decimal | None:
    """Return the USD value of an amount at the last reported rate; None without a rate (not zero: semantics 10.2)."""
    return None if unit.kind == "contract" or unit.reported.rate_usd is None else amount * unit.reported.rate_usd


class Transition(msgspec.Struct, frozen=True):
    """One step of a break's lifecycle, as derived from the log."""

    account: str
    kind: str
    unit: str
    break_: Break
    event: str
    seq: int
    us: int
    reason: str
    snapshot: BreakSnapshot
    #: The person who decided, if one did.
    actor: str | None = None
