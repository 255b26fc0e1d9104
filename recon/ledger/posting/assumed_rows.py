"""Balance rows that are taken for an asset's until the settings say: by how they are spelled, or moved. Pure.

1. A row is assumed to be an unmapped asset's if it alone is spelled like it, no CoinAPI code contradicts, and nothing
   claims the row: no setting, no traded pair, no fill (semantics 3.3).
2. A row that moved just as the asset's fills did is assumed too, whatever it is called, and before one that is spelled
   like it.
3. Fills are booked there. The unit is compared, and it is shown as not judged, with the line that the settings lack.
"""

from __future__ import annotations

from recon.ledger.account import Account
from recon.ledger.account_mappings import AssumedRow
from recon.ledger.asset_mapping import rows_of_coinapi
from recon.ledger.ledger import Ledger
from recon.ledger.posting.rehoming import kept_amount, move_entries
from recon.ledger.units import UnitState
from recon.times import LogTime


def assume_by_spelling(ledger: Ledger, account: Account, asset: str, coinapi: str | None, at: LogTime) -> bool:
    """Take the one row that is spelled like an asset for the asset's; return False if there is none, or several."""
    snapshots = account.snapshots
    rows = [row for row in snapshots.row_spellings.like(asset, coinapi) if not is_claimed(ledger, account, row)]
    if len(rows) != 1 or rows_of_coinapi(coinapi, snapshots, ledger.rules_of(account.name)):
        return False
    _assume(ledger, account, asset, AssumedRow(rows[0], coinapi), "is spelled like it", at)
    return True


def assume_row_of(ledger: Ledger, account: Account, row: str, at: LogTime) -> list[str]:
    """Return the unmapped assets that a row, which is new or learnt its CoinAPI code, is taken for."""
    mappings, coinapi = account.mappings, account.snapshots.balance_rows[row]
    like = mappings.unmapped_spellings.like(row, coinapi)
    return [asset for asset in like if assume_by_spelling(ledger, account, asset, mappings.unmapped[asset], at)]


def assume_by_movement(
    ledger: Ledger, account: Account, asset: str, target: UnitState, at: LogTime, since_us: int
) -> None:
    """Take a row for an asset's that moved as its fills did since a log time, in microseconds."""
    snapshots, rules = account.snapshots, ledger.rules_of(account.name)
    before = snapshots.assumed.get(asset)
    if before is None:
        source = ledger.unit(account.name, "asset", asset)
        coinapi, amount = account.mappings.unmapped[asset], kept_amount(source)
        account.mappings.remove_unmapped(asset)
    else:
        source = ledger.unit(account.name, "asset", rules.pool_of(before.row))
        coinapi, amount = before.coinapi, source.unit.balance.fills
        end_assumption(ledger, account, asset)
    _assume(ledger, account, asset, AssumedRow(target.unit.code, coinapi), "moved as its fills did", at)
    move_entries(ledger, account, source, target, amount, at, since_us=since_us)


def is_claimed(ledger: Ledger, account: Account, row: str) -> bool:
    """True if it is known which fills move a row."""
    rules = ledger.rules_of(account.name)
    unit = rules.pool_of(row)
    if any(rules.pool_of(named) == unit for named in rules.assets.values()):
        return True
    if account.snapshots.taken_for.of(row):
        return False
    state = ledger.units.get((account.name, "asset", unit))
    moved = state is not None and bool(state.unit.balance.fills)
    return moved or any(account.mappings.pairs_by_asset.of(unit))


def end_assumption(ledger: Ledger, account: Account, asset: str) -> AssumedRow:
    """End an assumption: the asset's row is known, or is another one."""
    row = account.snapshots.assumed[asset]
    account.snapshots.end_assumption(asset)
    _flag(ledger, account, row.row)
    return row


def _assume(ledger: Ledger, account: Account, asset: str, row: AssumedRow, why: str, at: LogTime) -> None:
    account.snapshots.assume(asset, row)
    _flag(ledger, account, row.row)
    message = f"{asset}: no balance row is known to be this asset; {row.row} {why}"
    ledger.note_finding(account.name, at, "unmapped", asset, f"{message}, and is taken for it until `assets` says")


def _flag(ledger: Ledger, account: Account, row: str) -> None:
    """Say in the unit of a row which assets it is taken for."""
    assets = account.snapshots.taken_for.of(row)
    state = ledger.unit(account.name, "asset", ledger.rules_of(account.name).pool_of(row))
    state.unit.assumed = f"unmapped: taken for {', '.join(assets)}, which no setting says" if assets else None
    ledger.changes.units[state.key] = state
    ledger.mark_changed(account)
