"""Withhold `agreed` from the units that an order moves. Pure (semantics 7)."""

from __future__ import annotations

from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.instruments import Instrument, from_report
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.ledger.units import UnitState


def instrument_of(ledger: Ledger, account: Account, order: Order) -> Instrument | None:
    """Return the instrument of an order; None while the symbol is unknown."""
    for symbol in (order.identity.symbol, order.identity.symbol_coinapi):
        if symbol is None:
            continue
        instrument = ledger.instrument(account.name, symbol)
        if instrument is not None and (instrument.spot or instrument.derivative):
            return instrument
    name = order.identity.symbol or order.identity.symbol_coinapi
    return None if name is None else from_report(name, order.identity.symbol_coinapi)


def withhold(ledger: Ledger, state: UnitState, order: str, *, on: bool) -> None:
    """Start or end withholding `agreed` from a unit because of an order."""
    state.unit.withhold(order, on=on)
    ledger.changes.units[state.key] = state


def touched_units(ledger: Ledger, account: Account, order: Order) -> list[UnitState]:
    """Return the units that an order's fills move, as far as the units exist."""
    instrument = instrument_of(ledger, account, order)
    if instrument is None:
        return []
    if instrument.derivative:
        state = ledger.known_contract(account.name, instrument.symbol, instrument.symbol_coinapi)
        return [] if state is None else [state]
    rules = ledger.rules_of(account.name)
    legs = ((instrument.base, instrument.base_coinapi), (instrument.quote, instrument.quote_coinapi))
    keys = [
        (account.name, "asset", resolve_asset(asset or "", coinapi, account.snapshots, rules).unit)
        for asset, coinapi in legs
    ]
    return [ledger.units[key] for key in keys if key in ledger.units]
