"""From a reported amount to an observation of a unit. Pure (semantics 4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.coverage import reassess
from recon.ledger.ledger import Ledger, update_modelling
from recon.ledger.observations import Observation
from recon.ledger.units import UnitKind, UnitState
from recon.ledger.withholding import withhold
from recon.times import LogTime

#: The reason for withholding `agreed` from a unit not reported since a gap; kept beside the keys of orders.
NOT_REPORTED: Final = "not reported since the gap"
#: The same for a unit that an empty list lacked, by the kind of unit.
EMPTY_LISTS: Final[dict[UnitKind, str]] = {
    "asset": "not reported since a list of balances that was empty",
    "contract": "not reported since a list of positions that was empty",
}


def observe(
    ledger: Ledger,
    state: UnitState,
    values: tuple[Decimal, ...],
    at: LogTime,
    *,
    inferred: bool,
    price: Decimal | None = None,
    emptied: bool = False,
) -> None:
    """Observe a reported amount of a unit; `values` are the readings that the report allows, the likelier first.

    `emptied`: an empty list is taken at its word.
    """
    if state.unit.withheld:
        for reason in (NOT_REPORTED, EMPTY_LISTS[state.unit.kind]):
            if reason in state.unit.withheld:
                withhold(ledger, state, reason, on=False)
    state.unit.reported.note_size(values[0])
    ledger.changes.units[state.key] = state
    ledger.effects.observed.append((state, Observation(at.seq, at.clock, at.us, values, inferred, price, emptied)))


def withhold_until_reported(ledger: Ledger, account: Account) -> None:
    """After a reconnect or restart, withhold `agreed` from every non-zero unit until the next report of the unit."""
    for state in ledger.units_of(account.name):
        if state.unit.value != ZERO:
            withhold(ledger, state, NOT_REPORTED, on=True)


def reassess_after_snapshot(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Reassess an account after a snapshot, but not in a gap: an answer over REST is no sign of life."""
    ledger.mark_changed(account)
    if account.coverage.state != "gap":
        ledger.changes.intervals += reassess(account, seq=at.seq, us=at.us)


def refresh_modelling(ledger: Ledger, account: Account) -> None:
    """Drop contracts that new terms model, and mark the account's assets as modelled or not."""
    rules = ledger.rules_of(account.name)
    kept = {}
    for symbol, touched in account.mappings.unmodelled.items():
        state = ledger.known_contract(account.name, symbol)
        terms = rules.terms_of((symbol,) if state is None else state.unit.names)
        if terms is None or not terms.modelled:
            kept[symbol] = touched
    account.mappings.set_unmodelled(kept)
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        update_modelling(ledger, account, state)
