"""`recon firm`: the firm's totals, with an account that two gateways show counted once."""

from __future__ import annotations

from typing import Final

from recon.cli.answer import Answer, answer
from recon.cli.currency import RequireCurrent, moment_of, say_currency
from recon.cli.options import Config, Json, settings_of, with_options
from recon.cli.output import Column, note
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.clock import utc_now
from recon.db.source import Source
from recon.display.words import counted
from recon.reads.firm import FIRM_BALANCES, FIRM_POSITIONS

#: Figures of one unit, which have one scale.
_ONE_UNIT: Final = ("balance", "quantity", "expected", "reported", "drift", "unexplained")
_REST: Final = [
    Column("expected", kind="figure", rank=3),
    Column("reported", kind="figure", rank=3),
    Column("drift", kind="signed"),
    Column("unexplained", kind="signed", wide=True),
    Column("accounts", kind="count", rank=4),
    Column("same_account", "left out", kind="count", rank=5),
    Column("verdict", kind="state"),
    Column("open_breaks", "breaks", kind="count", rank=1),
]
BALANCES: Final = [
    Column("asset"),
    Column("balance", kind="figure"),
    Column("balance_usd", "usd", kind="worth", rank=2),
    *_REST,
]
POSITIONS: Final = [
    Column("symbol", "contract"),
    Column("exchange"),
    Column("quantity", kind="figure"),
    *_REST,
]


@with_options(table_options)
def firm(
    options: TableOptions, *, config: Config = None, require_current: RequireCurrent = False, json: Json = False
) -> None:
    """Show the firm's totals over all gateways and accounts.

    Accounts with the same venue_account in the settings count once; same_account is the number of rows left out.
    Filters are unit and verdict.
    """
    settings = settings_of(config)

    def read(connection: Source) -> Answer:
        currency, now = say_currency(connection, settings, required=require_current), utc_now()
        balances = FIRM_BALANCES.query(options.filter, now).rows(connection)
        positions = FIRM_POSITIONS.query(options.filter, now).rows(connection)
        tables = [
            Table(columns=BALANCES, rows=balances, units=[_ONE_UNIT], title="balances"),
            Table(columns=POSITIONS, rows=positions, units=[_ONE_UNIT], title="positions"),
        ]
        if not json:
            for table in tables:
                if not table.rows and any(each.rows for each in tables):
                    note(currency.empty(f"no {table.title}"))
        screen = Screen(
            tables=tables,
            sums=[f"{counted(len(balances), 'asset')}, {counted(len(positions), 'contract')}"],
            moment=moment_of(currency, now),
            legend=["left out: rows of an account that is counted already   drift = reported - expected"],
            empty="\n".join(currency.empty(f"no {table.title}") for table in tables),
        )
        return Answer(screen, {**currency.document(), "balances": balances, "positions": positions}, currency)

    answer(settings, "firm", options, read, json=json)
