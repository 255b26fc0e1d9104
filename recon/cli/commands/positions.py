"""`recon positions`: expected and reported, for each contract, and the verdict."""

from __future__ import annotations

from typing import Final

from recon.cli.connection import reader_connection
from recon.cli.currency import RequireCurrent, say_currency
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import FIGURES, columns, print_json
from recon.cli.queries import select_view
from recon.cli.table import print_table

POSITIONS: Final = columns("gateway", "account", "symbol", "quantity", *FIGURES, "verdict", "observed_at")


def positions(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show positions: expected, reported, and whether they agree."""
    settings = settings_of(config)
    with reader_connection(settings, "positions") as connection:
        currency = say_currency(connection, settings, gateway=gateway, account=account, required=require_current)
        rows = select_view(
            connection, "positions", "gateway, account, symbol", {"gateway": gateway, "account": account}
        )
    if json:
        print_json({**currency.document(), "positions": rows})
    else:
        print_table(rows, POSITIONS, empty=currency.empty("no positions"))
