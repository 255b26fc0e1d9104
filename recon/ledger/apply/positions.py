"""Reported positions become observations of contracts. Pure (semantics 3.4)."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from recon.ems.protocol.messages import PositionRow, Positions
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.empty_lists import doubt_empty_list, end_empty_list
from recon.ledger.apply.observe import observe
from recon.ledger.ledger import Ledger
from recon.ledger.observations import read_position, read_positions
from recon.ledger.posting.derivatives import contract_of, mark_unmodelled, note_closing, realise_trades
from recon.ledger.units import UnitState
from recon.times import LogTime


def apply_positions(ledger: Ledger, message: Positions, account: Account, at: LogTime) -> None:
    """Apply position rows."""
    mode = ledger.rules_of(account.name).position_mode
    if not message.snapshot:
        for row in message.rows:
            state = _position_unit(ledger, account, row, at)
            if state is not None:
                _observe_position(ledger, account, state, read_position(state.unit, row, mode), [row], at)
        end_empty_list(ledger, account, "contract", complete=False)
        return
    empty = message.complete and all(row.quantity is not None and not row.quantity for row in message.rows)
    if empty and doubt_empty_list(ledger, account, "contract", at):
        account.snapshots.note_positions()
        ledger.mark_changed(account)
        return
    rows: dict[str, list[PositionRow]] = {}
    for row in message.rows:
        state = _position_unit(ledger, account, row, at)
        if state is not None:
            rows.setdefault(state.unit.code, []).append(row)
    for code, listed in rows.items():
        state, contract_rows = ledger.unit(account.name, "contract", code), _of_one_spelling(listed, code)
        _observe_position(ledger, account, state, read_positions(state.unit, contract_rows, mode), contract_rows, at)
    if not empty and message.rows:
        end_empty_list(ledger, account, "contract", complete=message.complete)
    if message.complete:
        _observe_absent(ledger, account, rows, at, empty=empty)


def _of_one_spelling(rows: list[PositionRow], code: str) -> list[PositionRow]:
    """Return the rows of a contract under one spelling of its symbol: a list that has two tells one position twice."""
    spellings = list(dict.fromkeys(row.symbol or row.symbol_coinapi for row in rows))
    if len(spellings) == 1:
        return rows
    told = code if code in spellings else spellings[0]
    return [row for row in rows if (row.symbol or row.symbol_coinapi) == told]


def _observe_absent(ledger: Ledger, account: Account, rows: Collection[str], at: LogTime, *, empty: bool) -> None:
    """Observe zero of every contract that a complete snapshot lacks; `empty`: it lacks all."""
    account.snapshots.note_positions()
    ledger.mark_changed(account)
    for state in ledger.units_of(account.name):
        if state.unit.kind == "contract" and state.unit.code not in rows and state.unit.contract.same_as is None:
            state.unit.contract.set_sides({})
            note_closing(ledger, account, state, at)
            observe(ledger, state, (ZERO,), at, inferred=True, emptied=empty)


def _position_unit(ledger: Ledger, account: Account, row: PositionRow, at: LogTime) -> UnitState | None:
    symbol = row.symbol or row.symbol_coinapi
    if symbol is None:
        ledger.note_finding(account.name, at, "row_without_symbol", "", "a position row names no symbol")
        return None
    return contract_of(ledger, account, symbol, row.symbol_coinapi, at)


def _observe_position(
    ledger: Ledger,
    account: Account,
    state: UnitState,
    values: tuple[Decimal, ...],
    rows: list[PositionRow],
    at: LogTime,
) -> None:
    unit = state.unit
    if len(rows) == 1:
        unit.reported.note_position(rows[0])
    ledger.changes.units[state.key] = state
    if not values:
        return
    if any(values):
        terms = ledger.rules_of(account.name).terms_of(unit.names)
        if terms is None or not terms.modelled:
            mark_unmodelled(ledger, account, state, terms)
    else:
        note_closing(ledger, account, state, at)
    if unit.contract.cost_basis is None:
        realise_trades(ledger, account, state, at)
    observe(ledger, state, values, at, inferred=False, price=unit.reported.avg_entry_price)
