"""`recon breaks`: open breaks, or all breaks."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from recon.cli.connection import reader_connection
from recon.cli.currency import RequireCurrent, say_currency
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, columns, print_json
from recon.cli.queries import select_view
from recon.cli.table import print_table

BREAKS: Final = [
    *columns("id", "case_id", "gateway", "account", "unit", "state", "cause", "amount", "amount_usd", "opened_at"),
    *columns("severity", "assignee", "closed_at", "after_seq", "until_seq"),
    Column("note"),
]


def breaks(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show open breaks, or all breaks.

    A break is drift (reported minus expected) that neither timing nor a later report explains.
    Exit status 11: the breaks are shown, but recon does not see everything now.
    """
    view = "breaks" if every else "open_breaks"
    settings = settings_of(config)
    with reader_connection(settings, "breaks") as connection:
        currency = say_currency(connection, settings, gateway=gateway, account=account, required=require_current)
        rows = select_view(connection, view, "opened_at, gateway, id", {"gateway": gateway, "account": account})
    if json:
        print_json({**currency.document(), "breaks": rows})
    else:
        print_table(rows, BREAKS, empty=currency.empty("no breaks" if every else "no open breaks"))
    currency.end()
