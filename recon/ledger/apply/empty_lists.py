"""A list of balances that is empty though several are held: an outage first, and nothing held later. Pure.

1. Venues answer with an empty list while they have an error. So it says nothing for EMPTY_WINDOWS, but for one finding
   about the account; `agreed` is withheld until a unit is reported (semantics 4.3).
2. A list that stays empty for longer is believed: what is held by the books is observed at zero.
"""

from __future__ import annotations

from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.observe import EMPTY_LIST, observe
from recon.ledger.ledger import Ledger
from recon.ledger.units import UnitState
from recon.ledger.withholding import withhold
from recon.times import LogTime

#: So many balances are not given up at once without a reason: an account with one may have been emptied.
SEVERAL: Final = 2
#: Settlement windows after which an empty list is believed.
EMPTY_WINDOWS: Final = 60


def doubt_empty_list(ledger: Ledger, account: Account, at: LogTime) -> bool:
    """Take an empty list of balances; return True while it says nothing of what is held."""
    snapshots = account.snapshots
    if snapshots.emptied_us is not None:
        return not snapshots.emptied_believed
    held = [state for state in ledger.units_of(account.name) if _is_held(state)]
    if len(held) < SEVERAL:
        return False
    snapshots.note_emptied(at.us)
    ledger.mark_changed(account)
    for state in held:
        withhold(ledger, state, EMPTY_LIST, on=True)
    seconds = EMPTY_WINDOWS * ledger.rules_of(account.name).settlement_window_us // 1_000_000
    message = (
        f"the list of balances is empty, and the books hold {len(held)}: it is taken for an outage of the venue;"
        f" after {seconds} s it is taken at its word"
    )
    ledger.note_finding(account.name, at, "balances_empty", account.name, message)
    return True


def _is_held(state: UnitState) -> bool:
    unit = state.unit
    unopened = unit.value is None and unit.reported.scale is not None
    return unit.kind == "asset" and (unopened or bool(unit.value))


def end_empty_list(ledger: Ledger, account: Account, *, complete: bool) -> None:
    """Note that balances are reported again; the list is whole again once it has rows, or nothing is awaited."""
    awaited = any(EMPTY_LIST in state.unit.withheld for state in ledger.units_of(account.name))
    if complete or not awaited:
        account.snapshots.note_emptied(None)
        ledger.mark_changed(account)


def believe_empty_list(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Observe what an empty list lacked at zero, once the list was empty for long."""
    snapshots = account.snapshots
    if snapshots.emptied_us is None or snapshots.emptied_believed:
        return
    if at.us - snapshots.emptied_us < EMPTY_WINDOWS * ledger.rules_of(account.name).settlement_window_us:
        return
    snapshots.believe_emptied()
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        if EMPTY_LIST in state.unit.withheld:
            observe(ledger, state, (ZERO,), at, inferred=True, emptied=True)
