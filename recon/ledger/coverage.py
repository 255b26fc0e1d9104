"""Which stretches of the log an account was truly observed in. Pure (architecture 4, semantics 7).

1. An account's intervals follow each other without overlap: `from_seq` is inside, `until_seq` is not.
2. States: `gap` (not observed), `catching_up` (observed, but snapshots are missing, or what the gap hid is being
   fetched), `unresolved` (observed, but orders open before a gap are not accounted for), `covered`.
3. Only `covered` and `unresolved` count as observed; in the latter only the units of the named orders are withheld.
4. Snapshots come in any order, late and more than once; each account is judged by its own. Orders and balances are
   awaited in every session, and the reason names what has not come; positions are not, for many accounts have none.
   One without any list (null or missing `data`) has come: nothing is open then. For what is held absence is no zero.
5. The EMS's clock is not ours: where its times are held against log time, the measured skew is taken out.
"""

from __future__ import annotations

import msgspec

from recon.ledger.account import OBSERVED, Account, State
from recon.ledger.evidence import with_gap, without_gap


class CoverageInterval(msgspec.Struct, frozen=True):
    """One stretch of an account's coverage; `until_*` is None while it lasts."""

    account: str
    from_seq: int
    until_seq: int | None
    from_us: int
    until_us: int | None
    state: State
    reason: str | None


def change_state(account: Account, state: State, reason: str | None, *, seq: int, us: int) -> list[CoverageInterval]:
    """Move an account to another state; return the interval that ends and the one that begins."""
    if (account.state, account.reason) == (state, reason) and account.since_seq:
        return []
    rows: list[CoverageInterval] = []
    if account.since_seq and account.since_seq < seq:
        rows.append(_interval(account, until_seq=seq, until_us=us))
    account.state, account.reason, account.since_seq, account.since_us = state, reason, seq, us
    if state == "gap":
        account.gaps = with_gap(account.gaps, seq, reason or state)
    elif state in OBSERVED:
        account.gaps = without_gap(account.gaps, seq)
    rows.append(_interval(account, until_seq=None, until_us=None))
    return rows


def _interval(account: Account, *, until_seq: int | None, until_us: int | None) -> CoverageInterval:
    return CoverageInterval(
        account=account.name,
        from_seq=account.since_seq,
        until_seq=until_seq,
        from_us=account.since_us,
        until_us=until_us,
        state=account.state,
        reason=account.reason,
    )


def reassess(account: Account, *, seq: int, us: int) -> list[CoverageInterval]:
    """Say what an account that is being observed is: covered, or still missing something."""
    if account.is_running is False:
        return change_state(account, "gap", "not running", seq=seq, us=us)
    missing = [
        kind
        for kind, session in (("orders", account.orders_session), ("balances", account.balances_session))
        if session != account.session
    ]
    if missing:
        return change_state(account, "catching_up", f"no snapshot of {' and '.join(missing)} yet", seq=seq, us=us)
    if account.backfilling:
        return change_state(account, "catching_up", "what the gap hid is being fetched", seq=seq, us=us)
    if account.missing_orders:
        named = ", ".join(list(account.missing_orders)[:5]) + (" …" if len(account.missing_orders) > 5 else "")
        count = len(account.missing_orders)
        reason = f"{count} {'order' if count == 1 else 'orders'} not accounted for: {named}"
        return change_state(account, "unresolved", reason, seq=seq, us=us)
    if "orders" in account.unread_lists:
        return change_state(account, "unresolved", "which orders are open could not be read", seq=seq, us=us)
    if account.backfill is not None and account.backfill.history == "failed":
        reason = "the order history of the gap could not be read: orders may be missing"
        return change_state(account, "unresolved", reason, seq=seq, us=us)
    return change_state(account, "covered", None, seq=seq, us=us)
