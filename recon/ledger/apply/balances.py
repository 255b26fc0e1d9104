"""What the EMS says it sees: balances, positions and symbols, turned into observations of units. Pure.

1. Only authoritative rows are observations; all rows are shown (semantics 4.1).
2. A complete snapshot speaks of every unit of its kind: absence is zero, inferred (semantics 4.3). One without any list
   (null or missing `data`) has come, but missing is not zero.
3. When a balance row appears, legs that waited for it under their own code are re-homed, visibly (semantics 3.3).
4. What was held before a gap and is not told of after it is not known to be held still: it is not agreed until it is.
"""

from __future__ import annotations

from decimal import Decimal

from recon.ems.protocol.messages import BalanceRow, Balances
from recon.exact import ZERO, scale
from recon.ledger.account import Account
from recon.ledger.apply.observe import _observe, _observed_again
from recon.ledger.asset_mapping import home_of
from recon.ledger.evidence import with_lock
from recon.ledger.ledger import Book, quantum_of
from recon.ledger.observations import is_authoritative
from recon.ledger.units import REHOMED, post
from recon.times import LogTime


def take_balances(book: Book, message: Balances, account: Account, at: LogTime) -> None:
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


def _take_balance(book: Book, account: Account, row: BalanceRow, at: LogTime) -> str | None:
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


def rehome(book: Book, account: Account, at: LogTime) -> None:
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
