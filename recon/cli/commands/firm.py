"""`recon firm`: the firm's totals, with an account that two gateways show counted once."""

from __future__ import annotations

from typing import Final

from recon.cli.connection import reader_connection
from recon.cli.currency import RequireCurrent, say_currency
from recon.cli.options import Config, Json, settings_of
from recon.cli.output import Column, print_json
from recon.cli.queries import select_view
from recon.cli.table import print_table

_REST: Final = ("reported", "drift", "unexplained", "accounts", "same_account", "verdict", "open_breaks")
BALANCES: Final = [Column(key) for key in ("asset", "balance", "balance_usd", *_REST)]
POSITIONS: Final = [Column(key) for key in ("symbol", "exchange", "quantity", *_REST)]


def firm(*, config: Config = None, require_current: RequireCurrent = False, json: Json = False) -> None:
    """Show the firm's totals over all gateways and accounts.

    Accounts with the same venue_account in the settings count once; same_account is the number of rows left out.
    """
    settings = settings_of(config)
    with reader_connection(settings, "firm") as connection:
        currency = say_currency(connection, settings, required=require_current)
        balances = select_view(connection, "firm_balances", "asset, asset_coinapi", {})
        positions = select_view(connection, "firm_positions", "symbol, symbol_coinapi, exchange", {})
    if json:
        print_json({**currency.document(), "balances": balances, "positions": positions})
        return
    print_table(balances, BALANCES, title="balances", empty=currency.empty("no balances"))
    print_table(positions, POSITIONS, title="positions", empty=currency.empty("no positions"))
