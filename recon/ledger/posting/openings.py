"""The unit of an asset, and the opening of a unit. Pure (semantics 3.3, 4.3)."""

from __future__ import annotations

from decimal import Decimal

from recon.exact import ZERO
from recon.ledger.account import Account
from recon.ledger.asset_mapping import resolve_asset
from recon.ledger.ledger import Ledger
from recon.ledger.posting.assumed_rows import assume_by_spelling
from recon.ledger.units import OPENING, Posting, Unit, UnitState, post
from recon.times import LogTime


def asset_unit(ledger: Ledger, account: Account, asset: str, coinapi: str | None, at: LogTime) -> UnitState:
    """Return the unit of an asset; note the asset as unmapped if no balance row is the asset's."""
    rules = ledger.rules_of(account.name)
    mapping = resolve_asset(asset, coinapi, account.snapshots, rules)
    fresh = not mapping.mapped and mapping.unit not in account.mappings.unmapped
    if fresh and assume_by_spelling(ledger, account, asset, coinapi, at):
        mapping = resolve_asset(asset, coinapi, account.snapshots, rules)
    elif fresh:
        account.mappings.add_unmapped(mapping.unit, coinapi)
        ledger.mark_changed(account)
        if account.snapshots.balances_complete:
            message = f"{asset}: {mapping.reason}; kept under its own code until one is"
            ledger.note_finding(account.name, at, "unmapped", mapping.unit, message)
    assumed = asset in account.snapshots.assumed
    if mapping.mapped and not assumed and asset not in rules.assets and asset not in account.snapshots.balance_rows:
        _note_home(ledger, account, coinapi)
    state = ledger.unit(account.name, "asset", mapping.unit, None if assumed else coinapi)
    open_if_absent(ledger, account, state, at)
    return state


def _note_home(ledger: Ledger, account: Account, coinapi: str | None) -> None:
    """Let the row that an asset was found at by its CoinAPI code stay the asset's, whatever rows come later."""
    snapshots = account.snapshots
    rows = list(snapshots.rows_by_coinapi.of(coinapi))
    if len(rows) == 1 and snapshots.note_home(coinapi, rows[0]):
        ledger.mark_changed(account)


def open_if_absent(ledger: Ledger, account: Account, state: UnitState, at: LogTime) -> bool:
    """Open a unit at zero if a complete snapshot lacked the unit; return True if opened (semantics 4.3)."""
    unit = state.unit
    complete = account.snapshots.balances_complete if unit.kind == "asset" else account.snapshots.positions_complete
    if not complete or not is_untouched(unit):
        return False
    if unit.kind == "asset" and unit.code in account.snapshots.balance_rows:
        return False
    post_opening(ledger, state, ZERO, "inferred", at)
    unit.balance.open_since(account.started_us)
    return True


def is_untouched(unit: Unit) -> bool:
    """True if a unit has no entries and was never reported."""
    booked = unit.balance.entry_count or unit.balance.opening is not None
    return not booked and unit.reported.scale is None and not unit.contract.sides


def post_opening(ledger: Ledger, state: UnitState, amount: Decimal, certainty: str, at: LogTime) -> None:
    """Post a unit's opening: once, visible as an entry, never moved (architecture 2.7)."""
    ledger.record_entry(post(state, Posting(amount, OPENING, at.us, certainty), at), state)
