"""`recon fees`: the fee rates of each account, told and learned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Annotated, Final

import typer

from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, columns, note, print_json
from recon.cli.queries import check_account, gateway_names, select_view
from recon.cli.table import print_table

_ORDER: Final = "gateway, account, market, fee_asset, order_class, side, since NULLS FIRST, rate"

RATES: Final = [
    *columns("market"),
    Column("order_class", "orders"),
    Column("taken_in", "taken in"),
    *columns("rate", "since"),
    *columns("evidence", "bits"),
]


def fees(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    every: Annotated[bool, typer.Option("--all", help="Also rates that a later one replaced.")] = False,
    json: Json = False,
) -> None:
    """Show the fee rates of each account, told or learned.

    A rate is a share of turnover, a rebate is negative. Evidence is the number of pairs of reports that paid the rate,
    and the bits for it. A line of the schedule in the settings (`fees`) fixes the rates of the fills that it selects.
    """
    with reader_connection(settings_of(config), "fees") as connection:
        if gateway is not None:
            gateway_names(connection, gateway)
        if account is not None:
            check_account(connection, gateway, account)
        rows = select_view(connection, "fees_learned", _ORDER, {"gateway": gateway, "account": account})
    rows = [row for row in rows if every or row["until"] is None]
    if json:
        print_json(rows)
    else:
        _print(rows)


def _print(rows: Sequence[Row]) -> None:
    """Print a table for each account: so its columns have room in 80 characters."""
    if not rows:
        note("no fee rates are known")
    for (gateway, account), members in groupby(rows, key=lambda row: (row["gateway"], row["account"])):
        print_table([_shown(row) for row in members], RATES, title=f"{gateway} {account}")


def _shown(row: Row) -> Row:
    edges, bits, side = row["edges"], row["bits"], row["side"]
    paid_by = row["source"] if edges is None else f"{edges} edges"
    return {
        **row,
        "taken_in": row["fee_asset"] if side in {None, row["fee_asset"]} else f"{row['fee_asset']} {side}",
        "since": _day(row["since"]),
        "evidence": f"{paid_by} mixed" if row["source"] == "mixed" and edges is not None else paid_by,
        "bits": int(bits) if isinstance(bits, Decimal) else None,
    }


def _day(value: object) -> str | None:
    """Return the day of a time, in UTC: the table has no room for more, and JSON tells it whole."""
    return value.astimezone(UTC).date().isoformat() if isinstance(value, datetime) else None
