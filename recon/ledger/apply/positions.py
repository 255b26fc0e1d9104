"""Reported positions: what is seen of contracts. Pure (semantics 3.4)."""

from __future__ import annotations

from decimal import Decimal

from recon.ems.protocol.messages import PositionRow, Positions
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.observe import _observe
from recon.ledger.ledger import Book
from recon.ledger.observations import read_position, read_positions
from recon.ledger.posting.derivatives import mark_touched
from recon.ledger.units import Held
from recon.times import LogTime


def take_positions(book: Book, message: Positions, account: Account, at: LogTime) -> None:
    """Take position rows: what is seen of contracts."""
    mode = book.rules_of(account.name).position_mode
    if not message.snapshot:
        for row in message.rows:
            held = _position_unit(book, account, row, at)
            if held is not None:
                _sight_position(book, account, held, read_position(held.unit, row, mode), [row], at)
        return
    rows: dict[str, list[PositionRow]] = {}
    for row in message.rows:
        held = _position_unit(book, account, row, at)
        if held is not None:
            rows.setdefault(held.unit.code, []).append(row)
    for code, own in rows.items():
        held = book.unit(account.name, "contract", code)
        _sight_position(book, account, held, read_positions(held.unit, own, mode), own, at)
    if message.complete:
        account.positions_complete = True
        book.touch(account)
        for held in book.units_of(account.name):
            if held.unit.kind == "contract" and held.unit.code not in rows:
                held.unit.sides = {}
                _observe(book, held, (ZERO,), at, inferred=True)


def _position_unit(book: Book, account: Account, row: PositionRow, at: LogTime) -> Held | None:
    symbol = row.symbol or row.symbol_coinapi
    if symbol is None:
        book.find(account.name, at, "row_without_symbol", "", "a position row names no symbol")
        return None
    return book.unit(account.name, "contract", symbol, row.symbol_coinapi)


def _sight_position(
    book: Book, account: Account, held: Held, values: tuple[Decimal, ...], rows: list[PositionRow], at: LogTime
) -> None:
    unit = held.unit
    if len(rows) == 1:
        unit.reported_avg_entry_price = rows[0].avg_entry_price
        unit.liquidation_price = rows[0].liquidation_price or unit.liquidation_price
    book.changes.units[held.key] = held
    if not values:
        return
    if any(values):
        terms = book.rules_of(account.name).contracts.get(unit.code)
        if terms is None or not terms.modelled:
            mark_touched(book, account, held, terms)
    _observe(book, held, values, at, inferred=False, price=unit.reported_avg_entry_price)
