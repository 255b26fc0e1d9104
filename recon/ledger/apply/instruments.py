"""Instruments as the EMS describes them, and the fills that waited for them. Pure (semantics 3.2)."""

from __future__ import annotations

from recon.ems.protocol.messages import Symbols
from recon.ledger.account import Account
from recon.ledger.apply.execution_reports import book_order
from recon.ledger.instruments import from_row
from recon.ledger.ledger import Book
from recon.times import LogTime


def take_symbols(book: Book, message: Symbols, account: Account, at: LogTime) -> None:
    """Take instrument facts, and book what waited for them."""
    for row in message.rows:
        instrument = from_row(row)
        if instrument is None:
            continue
        for symbol in (instrument.symbol, instrument.symbol_coinapi):
            if symbol is not None and book.instruments.get((account.name, symbol)) != instrument:
                book.instruments[account.name, symbol] = instrument
                book.changes.instruments[account.name, symbol] = instrument
    for other in book.accounts.values():
        for symbol, keys in list(other.waiting.items()):
            found = book.instrument(other.name, symbol)
            if found is None or not (found.spot or found.derivative):
                continue
            other.waiting = {name: waits for name, waits in other.waiting.items() if name != symbol}
            book.touch(other)
            for key in keys:
                order = book.orders.get((other.name, key))
                if order is not None:
                    book_order(book, other, order, (), at)
