"""Which balance row an asset's entries belong to. Pure (semantics 3.3).

1. Order: configured alias; equal code; the only row with the same CoinAPI code; else unmapped.
2. Two rows of one asset are never merged by guessing: that asset is unmapped and says so.
3. A pool is reconciled as the sum of its members, under the code of its first.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recon.ledger.rules import AccountRules


class AssetMapping(msgspec.Struct, frozen=True):
    """Where an asset's entries go. `mapped` is False while no balance row is known to be that asset's."""

    unit: str
    mapped: bool
    reason: str | None = None


def resolve_asset(
    asset: str, asset_coinapi: str | None, rows: Mapping[str, str | None], rules: AccountRules
) -> AssetMapping:
    """Resolve an asset's code, as symbols write it, to the unit it is kept under.

    `rows` are the balance rows seen so far: code to CoinAPI code. An unmapped asset is kept under its own code until
    a row tells better, and is re-homed then.
    """
    alias = rules.assets.get(asset)
    if alias is not None:
        return AssetMapping(rules.pool_of(alias), mapped=True)
    if asset in rows:
        return AssetMapping(rules.pool_of(asset), mapped=True)
    same = sorted({rules.pool_of(code) for code, coinapi in rows.items() if coinapi and coinapi == asset_coinapi})
    if len(same) == 1:
        return AssetMapping(same[0], mapped=True)
    if same:
        return AssetMapping(
            asset, mapped=False, reason=f"rows {', '.join(same)} are all {asset_coinapi}; name one in `assets`"
        )
    return AssetMapping(rules.pool_of(asset), mapped=False, reason="no balance row is known to be this asset")
