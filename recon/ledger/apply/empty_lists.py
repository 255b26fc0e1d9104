"""A list that is empty though several of its kind are held: an outage first, and nothing held later. Pure.

1. Venues answer with an empty list, or with zeros only, while they have an error. So it says nothing for EMPTY_WINDOWS,
   but for one finding about the account; `agreed` is withheld until a unit is reported (semantics 4.3).
2. A list that stays empty for longer is believed: what is held by the books is observed at zero.
"""

from __future__ import annotations

from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.observe import EMPTY_LISTS, observe
from recon.ledger.ledger import Ledger
from recon.ledger.units import UnitKind, UnitState
from recon.ledger.withholding import withhold
from recon.times import LogTime

#: So many balances or positions are not given up at once without a reason: a single one may have been.
SEVERAL: Final = 2
#: Settlement windows after which an empty list is believed.
EMPTY_WINDOWS: Final = 60
_NOUNS: Final[dict[UnitKind, str]] = {"asset": "balances", "contract": "positions"}


def doubt_empty_list(ledger: Ledger, account: Account, kind: UnitKind, at: LogTime) -> bool:
    """Take an empty list; return True while it says nothing of what is held."""
    known = account.snapshots.emptied.get(kind)
    if known is not None:
        return not known.believed
    held = [state for state in ledger.units_of(account.name) if state.unit.kind == kind and _is_held(state)]
    if len(held) < SEVERAL:
        return False
    account.snapshots.note_emptied(kind, at.us)
    ledger.mark_changed(account)
    for state in held:
        withhold(ledger, state, EMPTY_LISTS[kind], on=True)
    seconds = EMPTY_WINDOWS * ledger.rules_of(account.name).settlement_window_us // 1_000_000
    message = (
        f"the list of {_NOUNS[kind]} is empty, and the books hold {len(held)}: it is taken for an outage of the venue;"
        f" after {seconds} s it is taken at its word"
    )
    ledger.note_finding(account.name, at, f"{_NOUNS[kind]}_empty", account.name, message)
    return True


def _is_held(state: UnitState) -> bool:
    unit = state.unit
    return bool(unit.value) if unit.value is not None else bool(unit.reported.largest)


def end_empty_list(ledger: Ledger, account: Account, kind: UnitKind, *, complete: bool) -> None:
    """Note that a list has rows again; it is whole again once it is complete, or nothing is awaited."""
    if kind not in account.snapshots.emptied:
        return
    awaited = any(EMPTY_LISTS[kind] in state.unit.withheld for state in ledger.units_of(account.name))
    if complete or not awaited:
        account.snapshots.end_emptied(kind)
        ledger.mark_changed(account)


def believe_empty_lists(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Observe what an empty list lacked at zero, once the list was empty for long."""
    patience_us = EMPTY_WINDOWS * ledger.rules_of(account.name).settlement_window_us
    for kind, known in tuple(account.snapshots.emptied.items()):
        if known.believed or at.us - known.since_us < patience_us:
            continue
        account.snapshots.believe_emptied(kind)
        ledger.mark_changed(account)
        for state in ledger.units_of(account.name):
            if EMPTY_LISTS[kind] in state.unit.withheld:
                state.unit.contract.set_sides({})
                observe(ledger, state, (ZERO,), at, inferred=True, emptied=True)
