"""Identity of breaks and cases, and recurrence of closed breaks. Pure (semantics 8).

1. A break's id is a hash of (gateway, account, unit, origin): the same on every rebuild (architecture 2.4).
2. Amount, sign and cause are attributes; a change of them is a transition.
3. The breaks of one fault are one case: same account, traded against each other, overlapping origins.
"""

from __future__ import annotations

import hashlib
from typing import Final

from recon.ledger.units import Unit
from recon.reconciliation.causes.periodic import OFF_EXCHANGE_SETTLEMENT
from recon.reconciliation.context import ComparisonContext
from recon.reconciliation.model.break_ import Break
from recon.reconciliation.model.comparison import MAX_CLOSED, ComparisonState

#: Breaks of the account that are looked at for the settlement that another one is part of.
_MOST_NEAR: Final = 256


def identity(gateway: str, unit: Unit, origin_seq: int, kind: str = "residual") -> str:
    """Return the id of a unit's break with its origin at a log position."""
    text = "\x1f".join((gateway, unit.account, unit.kind, unit.code, kind, str(origin_seq)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def case_of(first_break_id: str) -> str:
    """Return the id of the case that a break begins."""
    return hashlib.sha256(b"case:" + first_break_id.encode()).hexdigest()[:24]


def repeats(earlier: Break, fresh: Break) -> bool:
    """True if a fresh break is a recurrence of a closed one: the same sign and the same cause (semantics 8.3).

    The first cause of the closed break counts too: a related break may have reclassified it later.
    """
    same = fresh.cause in {earlier.cause, earlier.first_cause} and earlier.owns_residual == fresh.owns_residual
    return same and earlier.source == fresh.source and (earlier.amount > 0) == (fresh.amount > 0)


def recurrence(comparison: ComparisonState, fresh: Break) -> Break | None:
    """Remove and return the closed break that a fresh one repeats, None if there is none."""
    for index, earlier in enumerate(comparison.closed):
        if repeats(earlier, fresh):
            return comparison.closed.pop(index)
    return None


def remember_closed(comparison: ComparisonState, break_: Break) -> None:
    """Keep the latest MAX_CLOSED closed breaks, each with the causes that matched, so that a recurrence reopens one."""
    break_.tried = [tried for tried in break_.tried if tried.fits]
    comparison.closed = [*comparison.closed, break_][-MAX_CLOSED:]


def settled_case(context: ComparisonContext, fresh: Break) -> str | None:
    """Return the case of the settlement that a fresh break is part of: its assets may move one after the other."""
    grid = context.rules.off_exchange_settlement
    if grid is None or fresh.cause != OFF_EXCHANGE_SETTLEMENT.code:
        return None
    within_us = grid.within_us + context.window
    near = context.comparisons.near([("account", context.unit.account)], fresh.until_seq, _MOST_NEAR)
    known = [each for _, key, _ in near for each in context.comparisons[key].breaks if each.cause == fresh.cause]
    same = [each for each in known if abs(each.seen_us - fresh.seen_us) <= within_us]
    return min(same, key=lambda each: (each.opened_us, each.id)).case_id if same else None


def partner_case(context: ComparisonContext, fresh: Break) -> str | None:
    """Return the case of an open break of the other leg of a pair whose origin overlaps, None if there is none."""
    code = context.unit.code
    if context.unit.kind != "asset":
        return None
    other_legs = {
        base if code == quote else quote for _, base, quote in context.account.mappings.pairs_by_asset.of(code)
    }
    for _, open_break in context.open_breaks_of_assets(other_legs - {code}):
        is_opposite = (open_break.amount > 0) != (fresh.amount > 0)
        origins_overlap = open_break.after_seq <= fresh.until_seq and fresh.after_seq <= open_break.until_seq
        if is_opposite and origins_overlap:
            return open_break.case_id
    return None
