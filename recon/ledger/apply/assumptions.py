"""Assumed rows that turn out to be the asset's, or another's. Pure (semantics 3.3)."""

from __future__ import annotations

from recon.ledger.account import Account
from recon.ledger.ledger import Ledger
from recon.ledger.posting.assumed_rows import end_assumption
from recon.ledger.posting.openings import open_if_absent
from recon.ledger.posting.rehoming import move_entries
from recon.times import LogTime


def settle_by_rules(ledger: Ledger, account: Account, at: LogTime) -> None:
    """Let new rules say whose the assumed rows are; what was booked in another row moves."""
    rules = ledger.rules_of(account.name)
    for asset in [asset for asset in account.snapshots.assumed if asset in rules.assets]:
        row = end_assumption(ledger, account, asset)
        named = rules.pool_of(rules.assets[asset])
        if named != rules.pool_of(row.row):
            _move(ledger, account, row.row, named, row.coinapi, at)


def settle_by_coinapi(ledger: Ledger, account: Account, row: str, coinapi: str | None, at: LogTime) -> None:
    """Let the CoinAPI code of a row say whether it is the asset's that it is taken for."""
    for asset in account.snapshots.taken_for.of(row) if coinapi else ():
        known = account.snapshots.assumed[asset].coinapi
        if known is None:
            continue
        end_assumption(ledger, account, asset)
        if known == coinapi:
            account.snapshots.note_home(coinapi, row)
        else:
            account.mappings.add_unmapped(asset, known)
            _move(ledger, account, row, asset, known, at)


def _move(ledger: Ledger, account: Account, row: str, unit: str, coinapi: str | None, at: LogTime) -> None:
    source = ledger.unit(account.name, "asset", ledger.rules_of(account.name).pool_of(row))
    target = ledger.unit(account.name, "asset", unit, coinapi)
    open_if_absent(ledger, account, target, at)
    move_entries(ledger, account, source, target, source.unit.balance.fills, at)
