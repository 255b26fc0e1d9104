"""`recon positions`: expected and reported, for each contract, and the verdict."""

from __future__ import annotations

from typing import Final

from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import FIGURES, columns
from recon.cli.queries import select_view
from recon.cli.table import print_rows

POSITIONS: Final = columns("gateway", "account", "symbol", "quantity", *FIGURES, "verdict", "observed_at")


def positions(
    *, config: Config = None, gateway: GatewayFilter = None, account: AccountFilter = None, json: Json = False
) -> None:
    """Show positions: expected, reported, and whether they agree."""
    with reader_connection(settings_of(config), "positions") as connection:
        rows = select_view(
            connection, "positions", "gateway, account, symbol", {"gateway": gateway, "account": account}
        )
    print_rows(rows, POSITIONS, as_json=json, empty="no positions")
