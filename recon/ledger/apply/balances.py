"""Reported balances become observations of assets. Pure.

1. Only authoritative rows are observations; all rows are shown (semantics 4.1).
2. A complete snapshot covers every asset: absence is zero, inferred (semantics 4.3). A snapshot without any list
   (null or missing `data`) counts as received, but proves no zero.
3. What a complete snapshot lacked opened at zero: its first row is an observation, no opening.
4. When a balance row appears, entries kept under the asset's own code are re-homed, visibly (semantics 3.3).
5. After a gap, `agreed` is withheld from a non-zero unit until the unit is reported again.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import msgspec

from recon.ems.protocol.messages import BalanceRow, Balances
from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.apply.assumptions import settle_by_coinapi
from recon.ledger.apply.empty_lists import doubt_empty_list, end_empty_list
from recon.ledger.apply.observe import observe, reassess_after_snapshot
from recon.ledger.asset_mapping import rows_of_coinapi
from recon.ledger.ledger import Ledger
from recon.ledger.observations import is_authoritative
from recon.ledger.posting.assumed_rows import assume_row_of
from recon.ledger.posting.openings import open_if_absent
from recon.ledger.posting.rehoming import rehome
from recon.ledger.rules import AccountRules
from recon.times import LogTime


def apply_balances(ledger: Ledger, message: Balances, account: Account, at: LogTime) -> None:
    """Apply balance rows."""
    empty = message.complete and not message.nothing and _is_empty(message)
    if empty and doubt_empty_list(ledger, account, "asset", at):
        account.snapshots.note_balances(ledger.clock.session, complete=True)
        reassess_after_snapshot(ledger, account, at)
        return
    present: set[str] = set()
    listed = {row.asset for row in message.rows} if len(message.rows) > 1 else ()
    for row in message.rows:
        unit = _apply_balance(ledger, account, _as_known(ledger, account, row, listed, at), at)
        if unit is not None:
            present.add(unit)
    if message.nothing:
        account.snapshots.note_balances(ledger.clock.session, complete=False)
        reassess_after_snapshot(ledger, account, at)
    if not empty and message.rows:
        end_empty_list(ledger, account, "asset", complete=message.complete)
    if not message.complete:
        return
    account.snapshots.note_balances(ledger.clock.session, complete=True)
    for state in ledger.units_of(account.name):
        if state.unit.kind == "asset" and state.unit.code not in present:
            _clear_members(account, ledger.rules_of(account.name).members_of(state.unit.code))
            observe(ledger, state, (ZERO,), at, inferred=True, emptied=empty)
    reassess_after_snapshot(ledger, account, at)


def _is_empty(message: Balances) -> bool:
    """True if a list has no row, or zeros only."""
    return all(row.balance is not None and not row.balance for row in message.rows)


def _as_known(
    ledger: Ledger, account: Account, row: BalanceRow, listed: Collection[str | None], at: LogTime
) -> BalanceRow:
    """Return a row under the code that it is known by: a venue's capitals that change make no second asset.

    A list that has both spellings tells two assets.
    """
    asset, snapshots = row.asset, account.snapshots
    if asset is None or asset in snapshots.balance_rows:
        return row
    known = snapshots.spellings.get(asset) or snapshots.spelled_like(asset, row.asset_coinapi)
    if known is None or known in listed:
        return row
    if asset not in snapshots.spellings:
        snapshots.note_spelling(asset, known)
        ledger.mark_changed(account)
        message = f"{asset} is {known}, because both are {row.asset_coinapi}; it is kept under {known}"
        ledger.note_finding(account.name, at, "asset_spelled", known, message)
    return msgspec.structs.replace(row, asset=known)


def _apply_balance(ledger: Ledger, account: Account, row: BalanceRow, at: LogTime) -> str | None:
    if row.asset is None:
        ledger.note_finding(
            account.name, at, "row_without_asset", row.asset_coinapi or "", "a balance row names no asset"
        )
        return None
    rules = ledger.rules_of(account.name)
    code = rules.pool_of(row.asset)
    before = account.snapshots.balance_rows.get(row.asset)
    state = ledger.unit(account.name, "asset", code, row.asset_coinapi)
    open_if_absent(ledger, account, state, at)
    if account.snapshots.add_row(row.asset, row.asset_coinapi):
        ledger.mark_changed(account)
        settle_by_coinapi(ledger, account, row.asset, row.asset_coinapi, at)
        found = _mappable(account, rules, row.asset, {before, row.asset_coinapi})
        rehome(ledger, account, [*found, *assume_row_of(ledger, account, row.asset, at)], at)
    unit = state.unit
    unit.reported.note_balance(row, seq=at.seq, us=at.us)
    ledger.changes.units[state.key] = state
    if row.balance is None:
        return code
    unit.reported.note_amount(row.balance)
    if not is_authoritative(row.last_updated_by, trust_balance_manager=rules.trust_balance_manager):
        return code
    members = rules.members_of(code)
    value = row.balance if members == [row.asset] else _pool_total(account, members, row.asset, row.balance)
    if value is not None:
        observe(ledger, state, (value,), at, inferred=False)
    return code


def _pool_total(account: Account, members: list[str], asset: str, amount: Decimal) -> Decimal | None:
    """Return the sum of a pool's rows; None while a member's row is missing and no complete snapshot came."""
    account.snapshots.set_row_amount(asset, amount)
    total = ZERO
    for member in members:
        reported = account.snapshots.balance_row_amounts.get(member)
        if reported is None and not account.snapshots.balances_complete:
            return None
        total += Decimal(reported) if reported is not None else ZERO
    return total


def _clear_members(account: Account, members: list[str]) -> None:
    if len(members) > 1:
        account.snapshots.clear_row_amounts(members)


def _mappable(account: Account, rules: AccountRules, row: str, coinapis: Collection[str | None]) -> list[str]:
    """Return the unmapped assets that a new row may map: of its code, of its CoinAPI code, or with an alias."""
    mappings = account.mappings
    found = [row, *(asset for asset in rules.assets if asset in mappings.unmapped)]
    for coinapi in coinapis:
        # Of several rows of one asset none is chosen, and one more row cannot change that.
        if len(rows_of_coinapi(coinapi, account.snapshots, rules)) == 1:
            found += mappings.unmapped_assets.of(coinapi)
    return mappings.unmapped_assets.in_order(found)
