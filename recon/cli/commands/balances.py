"""`recon balances`: expected and reported, for each asset, and the verdict."""

from __future__ import annotations

from typing import Final

from recon.cli.connection import reader_connection
from recon.cli.currency import RequireCurrent, say_currency
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import FIGURES, columns, print_json
from recon.cli.queries import select_view
from recon.cli.table import print_table

BALANCES: Final = columns("gateway", "account", "asset", "balance", *FIGURES, "verdict", "observed_at")


def balances(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show balances: expected, reported, and whether they agree."""
    settings = settings_of(config)
    with reader_connection(settings, "balances") as connection:
        currency = say_currency(connection, settings, gateway=gateway, account=account, required=require_current)
        rows = select_view(connection, "balances", "gateway, account, asset", {"gateway": gateway, "account": account})
    if json:
        print_json({**currency.document(), "balances": rows})
    else:
        print_table(rows, BALANCES, empty=currency.empty("no balances"))
