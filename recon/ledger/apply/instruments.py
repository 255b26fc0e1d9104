"""Apply instrument rows, and book the fills that waited for an instrument. Pure (semantics 3.2)."""

from __future__ import annotations

from recon.ems.protocol.messages import Symbols
from recon.ems.protocol.symbols import split_account
from recon.ledger.account import Account
from recon.ledger.apply.execution_reports import book_order
from recon.ledger.instruments import Instrument, from_row
from recon.ledger.ledger import Ledger
from recon.ledger.posting.derivatives import join_contracts
from recon.times import LogTime


def apply_instruments(ledger: Ledger, message: Symbols, account: Account, at: LogTime) -> None:
    """Apply instrument rows, and book the fills that waited for an instrument."""
    described: dict[str, set[str]] = {}
    for row in message.rows:
        instrument = from_row(row)
        if instrument is None:
            continue
        for symbol in (instrument.symbol, instrument.symbol_coinapi):
            if symbol is not None and ledger.instruments.get((account.name, symbol)) != instrument:
                ledger.add_instrument(account.name, symbol, instrument)
                ledger.changes.instruments[account.name, symbol] = instrument
                for name in ledger.awaited_instruments.pop((account.name, symbol), ()):
                    described.setdefault(name, set()).add(symbol)
        if instrument.derivative:
            _join_contracts(ledger, account, instrument, at)
    for name in sorted(described):
        _book_waiting_fills(ledger, ledger.accounts[name], described[name], at)


def _join_contracts(ledger: Ledger, account: Account, instrument: Instrument, at: LogTime) -> None:
    """Join contracts that the list of symbols tells to be one, in all accounts that it is the list of."""
    for name in list(ledger.accounts):
        if name == account.name or split_account(name) == account.name:
            join_contracts(ledger, ledger.accounts[name], instrument.symbol, instrument.symbol_coinapi, at)


def _book_waiting_fills(ledger: Ledger, account: Account, described: set[str], at: LogTime) -> None:
    waiting = account.mappings.fills_awaiting_instrument
    # The symbols that waited longest come first; most often there is one.
    symbols = list(described) if len(described) == 1 else [symbol for symbol in waiting if symbol in described]
    for symbol in symbols:
        instrument, keys = ledger.instrument(account.name, symbol), waiting.get(symbol)
        if keys is None:
            continue
        if instrument is None or not (instrument.spot or instrument.derivative):
            ledger.note_awaited(account, symbol)
            continue
        account.mappings.end_waiting(symbol)
        ledger.mark_changed(account)
        for key in keys:
            order = ledger.orders.get((account.name, key))
            if order is not None:
                book_order(ledger, account, order, (), at)
