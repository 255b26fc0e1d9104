"""`recon fees`: the fee rates of each account, told and learned."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.answer import Answer, answer
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.clock import utc_now
from recon.db.source import Source
from recon.display.words import counted
from recon.reads.fees import FEES
from recon.reads.known_names import check_filter

RATES: Final = [
    Column("gateway"),
    Column("account"),
    Column("market"),
    Column("order_class", "orders"),
    Column("taken_in", "taken in"),
    Column("rate", kind="signed"),
    Column("since", rank=1),
    Column("until", wide=True, blank=True),
    Column("evidence", rank=2),
    Column("bits", kind="count", rank=3),
]


@with_options(table_options)
def fees(
    options: TableOptions,
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
    Filters are gateway, account, unit (the asset that a fee is taken in), since and until.
    """
    settings = settings_of(config)
    asked = options.narrowed(gateway=gateway, account=account)

    def read(connection: Source) -> Answer:
        now = utc_now()
        check_filter(connection, msgspec.structs.replace(asked, unit=()), settings.gateways)
        rows = FEES.query(asked, now).rows(connection)
        rows = [row for row in rows if every or row["until"] is None]
        table = Table(columns=RATES, rows=[_shown(row) for row in rows], group=("account", "gateway"))
        said = f"{counted(len(rows), 'rate')} of {counted(len({row['account'] for row in rows}), 'account')}"
        return Answer(Screen(tables=[table], sums=[said], empty="no fee rates are known"), options.sorted(rows))

    answer(settings, "fees", options, read, json=json)


def _shown(row: Row) -> Row:
    edges, bits, side = row["edges"], row["bits"], row["side"]
    paid_by = row["source"] if edges is None else counted(int(str(edges)), "edge")
    return {
        **row,
        "taken_in": row["fee_asset"] if side in {None, row["fee_asset"]} else f"{row['fee_asset']} {side}",
        "since": _day(row["since"]),
        "until": _day(row["until"]),
        "evidence": f"{paid_by} mixed" if row["source"] == "mixed" and edges is not None else paid_by,
        "bits": int(bits) if isinstance(bits, Decimal) else None,
    }


def _day(value: object) -> str | None:
    """Return the day of a time, in UTC: the table has no room for more, and JSON tells it whole."""
    return value.astimezone(UTC).date().isoformat() if isinstance(value, datetime) else None
