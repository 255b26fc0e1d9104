"""Instruments as the EMS describes them, and the fills that waited for them. Pure (semantics 3.2)."""

from __future__ import annotations

from recon.ems.protocol.messages import Symbols
from recon.ledger.account import Account
from recon.ledger.apply.execution_reports import book_order
from recon.ledger.instruments import from_row
from recon.ledger.ledger import Ledger
from recon.times import LogTime


def apply_instruments(ledger: Ledger, message: Symbols, account: Account, at: LogTime) -> None:
    """Take instrument facts, and book what waited for them."""
    for row in message.rows:
        instrument = from_row(row)
        if instrument is None:
            continue
        for symbol in (instrument.symbol, instrument.symbol_coinapi):
            if symbol is not None and ledger.instruments.get((account.name, symbol)) != instrument:
                ledger.instruments[account.name, symbol] = instrument
                ledger.changes.instruments[account.name, symbol] = instrument
    for other in ledger.accounts.values():
        for symbol, keys in list(other.mappings.fills_awaiting_instrument.items()):
            found = ledger.instrument(other.name, symbol)
            if found is None or not (found.spot or found.derivative):
                continue
            other.mappings.end_waiting(symbol)
            ledger.mark_changed(other)
            for key in keys:
                order = ledger.orders.get((other.name, key))
                if order is not None:
                    book_order(ledger, other, order, (), at)
