"""`recon breaks`: open breaks, or all breaks."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from recon.cli.connection import reader_connection
from recon.cli.currency import empty_text, not_current, require_current
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, columns
from recon.cli.queries import select_view
from recon.cli.table import print_rows

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
    json: Json = False,
) -> None:
    """Show open breaks, or all breaks.

    A break is drift (reported minus expected) that neither timing nor a later report explains.
    Exit status 11: the breaks are shown, but recon does not see every gateway now.
    """
    view = "breaks" if every else "open_breaks"
    settings = settings_of(config)
    with reader_connection(settings, "breaks") as connection:
        stale = not_current(connection, settings.gateways, gateway)
        rows = select_view(connection, view, "opened_at, gateway, id", {"gateway": gateway, "account": account})
    print_rows(rows, BREAKS, as_json=json, empty=empty_text("no breaks" if every else "no open breaks", stale))
    require_current(stale)
