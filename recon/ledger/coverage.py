"""Coverage: the intervals of the log in which an account was observed. Pure (architecture 4, semantics 7).

1. An account's intervals follow each other without overlap: `from_seq` is inside, `until_seq` is not.
2. States: `gap` (not observed), `catching_up` (snapshots are missing, or a backfill is in progress), `unresolved`
   (orders are missing), `covered`.
3. Only `covered` and `unresolved` count as observed; in `unresolved` the units of the missing orders are withheld.
4. Snapshots come in any order, late and more than once. Orders and balances are awaited in every session, and the
   reason names the missing ones. Positions are not awaited, because many accounts have none.
5. A snapshot without any list (null or missing `data`) counts as received: no order is open, but no balance is zero.
6. The EMS's times are corrected by the measured skew before they are compared with log time.
7. `from_us` is when the log tells of a change. A gap began at the last sign of life before, which is `alive_us`: the
   SQL function `coverage_known` counts by it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Final

import msgspec

from recon.display.words import counted
from recon.ledger.account import OBSERVED, Account, State
from recon.ledger.backfills import Lost

#: Missing orders named in a reason; further orders are counted.
MAX_NAMED: Final = 5


class CoverageInterval(msgspec.Struct, frozen=True):
    """An interval of an account's coverage; `until_*` is None while the interval lasts.

    `alive_us` and `gap_seq` are of the gap that it begins with, None where it begins with none.
    """

    account: str
    from_seq: int
    until_seq: int | None
    from_us: int
    until_us: int | None
    state: State
    reason: str | None
    alive_us: int | None = None
    gap_seq: int | None = None


def change_state(
    account: Account, state: State, reason: str | None, *, seq: int, us: int, lost: Lost | None = None
) -> list[CoverageInterval]:
    """Change an account's state; return the interval that ends and the interval that begins."""
    coverage = account.coverage
    if (coverage.state, coverage.reason) == (state, reason) and coverage.since_seq:
        return []
    rows: list[CoverageInterval] = []
    if coverage.since_seq and coverage.since_seq < seq:
        rows.append(_interval(account, until_seq=seq, until_us=us))
    elif lost is None:
        lost = coverage.lost  # a gap of one event: the interval after it takes its place
    coverage.enter(state, reason, seq=seq, us=us, lost=lost)
    if state == "gap":
        account.evidence.open_gap(seq, reason or state)
    elif state in OBSERVED:
        account.evidence.close_gap(seq)
    rows.append(_interval(account, until_seq=None, until_us=None))
    return rows


def _interval(account: Account, *, until_seq: int | None, until_us: int | None) -> CoverageInterval:
    coverage = account.coverage
    return CoverageInterval(
        account=account.name,
        from_seq=coverage.since_seq,
        until_seq=until_seq,
        from_us=coverage.since_us,
        until_us=until_us,
        state=coverage.state,
        reason=coverage.reason,
        alive_us=None if coverage.lost is None else coverage.lost.alive_us,
        gap_seq=None if coverage.lost is None else coverage.lost.gap_seq,
    )


def reassess(account: Account, *, seq: int, us: int) -> list[CoverageInterval]:
    """Recompute the state of an account that reports: covered, or the state that names what is missing."""
    return change_state(account, *_state_of(account), seq=seq, us=us)


def _state_of(account: Account) -> tuple[State, str | None]:
    coverage, snapshots, session = account.coverage, account.snapshots, account.liveness.session
    if account.liveness.is_running is False:
        return "gap", "not running"
    came = (("orders", snapshots.orders_session), ("balances", snapshots.balances_session))
    awaited = [kind for kind, came_in in came if came_in != session]
    if awaited:
        return "catching_up", f"no snapshot of {' and '.join(awaited)} yet"
    if coverage.backfilling:
        return "catching_up", "what the gap hid is being fetched"
    if coverage.missing_orders:
        return "unresolved", _missing_reason(coverage.missing_orders)
    if "orders" in coverage.unread_lists:
        return "unresolved", "which orders are open could not be read"
    if coverage.backfill is not None and coverage.backfill.history == "failed":
        return "unresolved", "the order history of the gap could not be read: orders may be missing"
    return "covered", None


def _missing_reason(orders: Collection[str]) -> str:
    named = ", ".join(islice(orders, MAX_NAMED)) + (" …" if len(orders) > MAX_NAMED else "")
    return f"{counted(len(orders), 'order')} not accounted for: {named}"
