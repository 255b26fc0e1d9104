"""`recon balances`: expected and reported, for each asset, and the verdict."""

from __future__ import annotations

from typing import Final

from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import FIGURES, columns
from recon.cli.queries import select_view
from recon.cli.table import print_rows

BALANCES: Final = columns("gateway", "account", "asset", "balance", *FIGURES, "verdict", "observed_at")


def balances(
    *, config: Config = None, gateway: GatewayFilter = None, account: AccountFilter = None, json: Json = False
) -> None:
    """Show balances: expected, reported, and whether they agree."""
    with reader_connection(settings_of(config), "balances") as connection:
        rows = select_view(connection, "balances", "gateway, account, asset", {"gateway": gateway, "account": account})
    print_rows(rows, BALANCES, as_json=json, empty="no balances")
