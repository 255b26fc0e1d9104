"""The balance row that an asset's entries belong to. Pure (semantics 3.3).

1. Order: configured alias; equal code; the only row with the same CoinAPI code; else unmapped.
2. Two rows of the same asset are never merged by guessing: the asset is unmapped, with a reason.
3. A pool is reconciled as the sum of its members, under the code of the first member.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from recon.ledger.rules import AccountRules


class AssetMapping(msgspec.Struct, frozen=True):
    """The unit of an asset's entries; `mapped` is False while no balance row is the asset's."""

    unit: str
    mapped: bool
    reason: str | None = None


def resolve_asset(
    asset: str, asset_coinapi: str | None, rows: Mapping[str, str | None], rules: AccountRules
) -> AssetMapping:
    """Return the unit for an asset's code, as symbols write the code.

    `rows` are the balance rows seen so far: code to CoinAPI code. An unmapped asset is kept under its own code. When
    a row of the asset comes, the entries are re-homed.
    """
    alias = rules.assets.get(asset)
    if alias is not None:
        return AssetMapping(rules.pool_of(alias), mapped=True)
    if asset in rows:
        return AssetMapping(rules.pool_of(asset), mapped=True)
    matching = sorted({rules.pool_of(code) for code, coinapi in rows.items() if coinapi and coinapi == asset_coinapi})
    if len(matching) == 1:
        return AssetMapping(matching[0], mapped=True)
    if matching:
        return AssetMapping(
            asset, mapped=False, reason=f"rows {', '.join(matching)} are all {asset_coinapi}; name one in `assets`"
        )
    return AssetMapping(rules.pool_of(asset), mapped=False, reason="no balance row is known to be this asset")
