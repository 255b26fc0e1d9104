"""The units that an order touches, and withholding `agreed` from them. Pure (semantics 7)."""

from __future__ import annotations

from recon.ledger.account import Account
from recon.ledger.asset_mapping import home_of
from recon.ledger.instruments import Instrument, from_report
from recon.ledger.ledger import Book
from recon.ledger.orders import Order
from recon.ledger.units import Held


def _instrument(book: Book, account: Account, order: Order) -> Instrument | None:
    for symbol in (order.symbol, order.symbol_coinapi):
        if symbol is None:
            continue
        found = book.instrument(account.name, symbol)
        if found is not None and (found.spot or found.derivative):
            return found
    name = order.symbol or order.symbol_coinapi
    return None if name is None else from_report(name, order.symbol_coinapi)


def withhold(book: Book, held: Held, order: str, *, on: bool) -> None:
    """Withhold `agreed` from a unit because of an order, or give it back."""
    withheld = [key for key in held.unit.withheld if key != order]
    held.unit.withheld = [*withheld, order] if on else withheld
    book.changes.units[held.key] = held


def touched_units(book: Book, account: Account, order: Order) -> list[Held]:
    """Return the units that an order's fills move, as far as they are known."""
    instrument = _instrument(book, account, order)
    if instrument is None:
        return []
    if instrument.derivative:
        keys = [(account.name, "contract", instrument.symbol)]
    else:
        rules = book.rules_of(account.name)
        legs = ((instrument.base, instrument.base_coinapi), (instrument.quote, instrument.quote_coinapi))
        keys = [(account.name, "asset", home_of(a or "", c, account.rows, rules).unit) for a, c in legs]
    return [book.units[key] for key in keys if key in book.units]
