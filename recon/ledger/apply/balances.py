"""What the EMS says it sees: balances, positions and symbols, turned into observations of units. Pure.

1. Only authoritative rows are observations; all rows are shown (semantics 4.1).
2. A complete snapshot speaks of every unit of its kind: absence is zero, inferred (semantics 4.3). One without any list
   (null or missing `data`) has come, but missing is not zero.
3. When a balance row appears, legs that waited for it under their own code are re-homed, visibly (semantics 3.3).
4. What was held before a gap and is not told of after it is not known to be held still: it is not agreed until it is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from recon.ems.protocol.messages import BalanceRow, Balances, PositionRow, Positions, Symbols
from recon.exact import ZERO, scale
from recon.ledger.account import Account
from recon.ledger.apply.execution_reports import book_order, withhold
from recon.ledger.asset_mapping import home_of
from recon.ledger.coverage import settle
from recon.ledger.evidence import with_lock
from recon.ledger.instruments import from_row
from recon.ledger.ledger import Book, Moment, mark_modelled, quantum_of
from recon.ledger.observations import Observation, is_authoritative, read_position, read_positions
from recon.ledger.posting.derivatives import mark_touched
from recon.ledger.units import REHOMED, Held, post

#: Why `agreed` is withheld from a unit of which nothing was told since a gap; it stands beside the keys of orders.
UNTOLD: Final = "not told of since the gap"


def take_balances(book: Book, message: Balances, account: Account, at: Moment) -> None:
    """Take balance rows: what is seen of assets."""
    present: set[str] = set()
    for row in message.rows:
        unit = _take_balance(book, account, row, at)
        if unit is not None:
            present.add(unit)
    if message.nothing:
        account.balances_session = book.clock.session
        _observed_again(book, account, at)
    if not message.complete:
        return
    account.balances_complete = True
    account.balances_session = book.clock.session
    for held in book.units_of(account.name):
        if held.unit.kind == "asset" and held.unit.code not in present:
            _clear_members(account, book.rules_of(account.name).members_of(held.unit.code))
            _observe(book, held, (ZERO,), at, inferred=True)
    _observed_again(book, account, at)


def _take_balance(book: Book, account: Account, row: BalanceRow, at: Moment) -> str | None:
    if row.asset is None:
        book.find(account.name, at, "row_without_asset", row.asset_coinapi or "", "a balance row names no asset")
        return None
    rules = book.rules_of(account.name)
    code = rules.pool_of(row.asset)
    if row.asset not in account.rows or (row.asset_coinapi and account.rows[row.asset] != row.asset_coinapi):
        account.rows = {**account.rows, row.asset: row.asset_coinapi or account.rows.get(row.asset)}
        book.touch(account)
        rehome(book, account, at)
    held = book.unit(account.name, "asset", code, row.asset_coinapi)
    unit = held.unit
    unit.locks = with_lock(unit.locks, unit.locked, row.locked, at.seq, at.us)
    unit.available, unit.locked = row.available, row.locked
    unit.rate_usd = row.rate_usd if row.rate_usd is not None else unit.rate_usd
    book.changes.units[held.key] = held
    if row.balance is None:
        return code
    digits = scale(row.balance)
    if unit.scale is None or digits > unit.scale:
        unit.scale = digits
        held.timeline.quantum = quantum_of(book, unit)
    if not is_authoritative(row.last_updated_by, trust_balance_manager=rules.trust_balance_manager):
        return code
    members = rules.members_of(code)
    value = row.balance if members == [row.asset] else _pooled(account, members, row.asset, row.balance)
    if value is not None:
        _observe(book, held, (value,), at, inferred=False)
    return code


def _pooled(account: Account, members: list[str], asset: str, amount: Decimal) -> Decimal | None:
    """Return the sum of a pool's rows, None while one of them is neither seen nor known to be absent."""
    account.row_amounts = {**account.row_amounts, asset: str(amount)}
    total = ZERO
    for member in members:
        known = account.row_amounts.get(member)
        if known is None and not account.balances_complete:
            return None
        total += Decimal(known) if known is not None else ZERO
    return total


def _clear_members(account: Account, members: list[str]) -> None:
    if len(members) > 1:
        account.row_amounts = {code: amount for code, amount in account.row_amounts.items() if code not in members}


def rehome(book: Book, account: Account, at: Moment) -> None:
    """Move entries kept under an asset's own code to the balance row that turned out to be its."""
    rules = book.rules_of(account.name)
    for asset, coinapi in list(account.unmapped.items()):
        home = home_of(asset, coinapi, account.rows, rules)
        if not home.mapped:
            continue
        account.unmapped = {code: known for code, known in account.unmapped.items() if code != asset}
        source = book.units.get((account.name, "asset", asset))
        if source is None or home.unit == asset or not source.unit.fills:
            continue
        amount = source.unit.fills
        target = book.unit(account.name, "asset", home.unit, coinapi)
        book.find(account.name, at, "rehomed", asset, f"{amount} of {asset} is kept under {home.unit} from here on")
        for held, moved in ((source, -amount), (target, amount)):
            entry = post(
                held,
                moved,
                cause=REHOMED,
                certainty="exact",
                seq=at.seq,
                clock=at.clock,
                occurred_us=at.us,
                recorded_us=at.us,
            )
            book.entry(entry, held)


def take_positions(book: Book, message: Positions, account: Account, at: Moment) -> None:
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


def _position_unit(book: Book, account: Account, row: PositionRow, at: Moment) -> Held | None:
    symbol = row.symbol or row.symbol_coinapi
    if symbol is None:
        book.find(account.name, at, "row_without_symbol", "", "a position row names no symbol")
        return None
    return book.unit(account.name, "contract", symbol, row.symbol_coinapi)


def _sight_position(
    book: Book, account: Account, held: Held, values: tuple[Decimal, ...], rows: list[PositionRow], at: Moment
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


def _observe(
    book: Book, held: Held, values: tuple[Decimal, ...], at: Moment, *, inferred: bool, price: Decimal | None = None
) -> None:
    if UNTOLD in held.unit.withheld:
        withhold(book, held, UNTOLD, on=False)
    book.changes.units[held.key] = held
    book.observed.append((held, Observation(at.seq, at.clock, at.us, values, inferred, price)))


def forget_told(book: Book, account: Account) -> None:
    """Withhold `agreed` from what an account holds until it is told of again: whoever speaks for it is another now."""
    for held in book.units_of(account.name):
        if held.unit.value != ZERO:
            withhold(book, held, UNTOLD, on=True)


def take_symbols(book: Book, message: Symbols, account: Account, at: Moment) -> None:
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


def _observed_again(book: Book, account: Account, at: Moment) -> None:
    book.touch(account)
    if account.state != "gap":  # what is fetched is no sign of life
        book.changes.intervals += settle(account, seq=at.seq, us=at.us)


def remodel(book: Book, account: Account) -> None:
    """Forget what new terms make modelled, and mark every asset of the account anew."""
    rules = book.rules_of(account.name)
    kept = {}
    for symbol, touched in account.unmodelled.items():
        terms = rules.contracts.get(symbol)
        if terms is None or not terms.modelled:
            kept[symbol] = touched
    account.unmodelled = kept
    book.touch(account)
    for held in book.units_of(account.name):
        mark_modelled(book, account, held)
