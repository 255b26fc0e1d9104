"""The balance row that an asset's entries belong to. Pure (semantics 3.3).

1. Order: configured alias; the row that is assumed; equal code; the home row, or the only row, with the same CoinAPI
   code; else unmapped.
2. Two rows of the same asset are never merged by guessing: the asset is unmapped, with a reason.
3. A pool is reconciled as the sum of its members, under the code of the first member.
"""

from __future__ import annotations

from typing import Final

import msgspec

from recon.ledger.account import Snapshots
from recon.ledger.rules import AccountRules

#: Most rows of one asset that are looked at and named, where an asset is unmapped because it has several.
MAX_ROWS_NAMED: Final = 16


class AssetMapping(msgspec.Struct, frozen=True):
    """The unit of an asset's entries; `mapped` is False while no balance row is the asset's."""

    unit: str
    mapped: bool
    reason: str | None = None


def resolve_asset(asset: str, asset_coinapi: str | None, seen: Snapshots, rules: AccountRules) -> AssetMapping:
    """Return the unit for an asset's code, as symbols write the code, by the balance rows seen so far.

    An unmapped asset is kept under its own code. When a row of the asset comes, the entries are re-homed.
    """
    alias = rules.assets.get(asset)
    if alias is not None:
        return AssetMapping(rules.pool_of(alias), mapped=True)
    assumed = seen.assumed.get(asset)
    if assumed is not None:
        return AssetMapping(rules.pool_of(assumed.row), mapped=True)
    if asset in seen.balance_rows:
        return AssetMapping(rules.pool_of(asset), mapped=True)
    home = seen.home_rows.get(asset_coinapi or "")
    if home is not None:
        return AssetMapping(rules.pool_of(home), mapped=True)
    matching = rows_of_coinapi(asset_coinapi, seen, rules)
    if len(matching) == 1:
        return AssetMapping(matching[0], mapped=True)
    if matching:
        return AssetMapping(
            asset, mapped=False, reason=f"rows {', '.join(matching)} are all {asset_coinapi}; name one in `assets`"
        )
    return AssetMapping(rules.pool_of(asset), mapped=False, reason="no balance row is known to be this asset")


def rows_of_coinapi(coinapi: str | None, seen: Snapshots, rules: AccountRules) -> list[str]:
    """Return the units of the balance rows with a CoinAPI code, in alphabetical order, and not more than are named."""
    units: set[str] = set()
    for code in seen.rows_by_coinapi.of(coinapi):
        units.add(rules.pool_of(code))
        if len(units) == MAX_ROWS_NAMED:
            break
    return sorted(units)
