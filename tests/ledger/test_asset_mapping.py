"""Which balance row an asset's entries belong to (semantics 3.3; recon/ledger/asset_mapping.py, rules 1 to 3)."""

from __future__ import annotations

import pytest

from recon.ledger.account import Snapshots
from recon.ledger.asset_mapping import AssetMapping, resolve_asset
from recon.ledger.rules import AccountRules

NONE = AccountRules()
ALIAS = AccountRules(assets={"XBT": "XXBT"})
POOL = AccountRules(pools=[["XXBT", "XBT.F"]])
BOTH = AccountRules(assets={"XBT": "XBT.F"}, pools=[["XXBT", "XBT.F"]])
ROWS: dict[str, str | None] = {"XXBT": "BTC", "ZUSD": None, "ZEUR": "EUR"}
FLEXIBLE: dict[str, str | None] = {"XXBT": "BTC", "XBT.F": "BTC"}


@pytest.mark.parametrize(
    ("asset", "coinapi", "rows", "rules", "unit", "mapped"),
    [
        pytest.param("XBT", "BTC", {}, ALIAS, "XXBT", True, id="alias, before any row is seen"),
        pytest.param("XBT", "BTC", {"XBT": "BTC"}, ALIAS, "XXBT", True, id="alias before equal code"),
        pytest.param("ZUSD", "USD", ROWS, NONE, "ZUSD", True, id="equal code, whatever CoinAPI calls the row"),
        pytest.param("XXBT", "ETH", ROWS, NONE, "XXBT", True, id="equal code before CoinAPI code"),
        pytest.param("XBT", "BTC", ROWS, NONE, "XXBT", True, id="the only row of the same CoinAPI asset"),
        pytest.param("XBT", "BTC", FLEXIBLE, NONE, "XBT", False, id="two rows of one asset are not merged by guessing"),
        pytest.param("XBT", "BTC", FLEXIBLE, POOL, "XXBT", True, id="two rows that are one pool"),
        pytest.param("XBT", "BTC", FLEXIBLE, BOTH, "XXBT", True, id="an alias into a pool"),
        pytest.param("XBT.F", None, FLEXIBLE, POOL, "XXBT", True, id="a pool's member by its own code"),
        pytest.param("USD", "USD", ROWS, NONE, "USD", False, id="the row has no CoinAPI code"),
        pytest.param("SOL", "SOL", {}, NONE, "SOL", False, id="no row at all"),
        pytest.param("USD", None, {"ZUSD": None}, NONE, "USD", False, id="nobody's CoinAPI code is no match"),
        pytest.param("btc", "BTC", {"BTC": None}, NONE, "btc", False, id="codes are compared exactly"),
    ],
)
def test_semantics_3_3__resolution(
    asset: str, coinapi: str | None, rows: dict[str, str | None], rules: AccountRules, unit: str, mapped: bool
) -> None:
    mapping = resolve_asset(asset, coinapi, Snapshots(balance_rows=rows), rules)
    assert (mapping.unit, mapping.mapped) == (unit, mapped)
    assert mapped == (mapping.reason is None), "what is not mapped says why"


def test_semantics_3_3__an_ambiguity_names_the_rows_to_choose_from() -> None:
    assert resolve_asset("XBT", "BTC", Snapshots(balance_rows=FLEXIBLE), NONE) == AssetMapping(
        "XBT", mapped=False, reason="rows XBT.F, XXBT are all BTC; name one in `assets`"
    )
