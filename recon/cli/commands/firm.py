"""`recon firm`: what the firm holds over all gateways, an account that two gateways show counted once."""

from __future__ import annotations

from typing import Final

from recon.cli import queries
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, print_json, print_table

_REST: Final = ("reported", "drift", "unexplained", "accounts", "same_account", "verdict", "open_breaks")
BALANCES: Final = [Column(key) for key in ("asset", "balance", "balance_usd", *_REST)]
POSITIONS: Final = [Column(key) for key in ("symbol", "exchange", "quantity", *_REST)]


def firm(*, config: Config = None, json: Json = False) -> None:
    """Show the firm's totals over all gateways and accounts.

    Accounts that the settings give the same venue_account count once; same_account says how many rows were left out.
    """
    with queries.reading(settings_of(config), "firm") as connection:
        balances = queries.select(connection, "firm_balances", "asset, asset_coinapi", {})
        positions = queries.select(connection, "firm_positions", "symbol, symbol_coinapi, exchange", {})
    if json:
        print_json({"balances": balances, "positions": positions})
        return
    print_table(balances, BALANCES, title="balances", empty="no balances")
    print_table(positions, POSITIONS, title="positions", empty="no positions")
