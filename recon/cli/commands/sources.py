"""`recon sources`: what venues, custodians and chains said was held, and whether the books of that time agree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final

from recon.cli.listing import Limit, Listing, Since, UnitFilter, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column, Row
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import NextStep
from recon.cli.tables.table import Note
from recon.display.ids import short_id
from recon.reads.sources import SOURCES

#: Most breaks that are named below the list.
MAX_STEPS: Final = 3


def _notes(row: Row, shown: Collection[str]) -> Sequence[Note]:
    return [Note("why", str(row["reason"]))] if row["reason"] is not None and "reason" not in shown else []


def _steps(rows: Sequence[Row]) -> Sequence[NextStep]:
    """Return how to look at the breaks of what differs, the latest first."""
    breaks = dict.fromkeys(str(row["break_id"]) for row in rows if row["break_id"] is not None)
    return [NextStep(f"recon break show {short_id(each)}") for each in islice(breaks, MAX_STEPS)]


LISTING: Final = Listing(
    read=SOURCES,
    columns=[
        Column("at", kind="time"),
        Column("gateway", rank=2),
        Column("account", rank=1),
        Column("unit"),
        Column("source"),
        Column("reported", kind="figure", rank=1),
        Column("expected", kind="figure", rank=2),
        Column("drift", kind="figure"),
        Column("verdict"),
        Column("reason", prose=True, wide=True),
        Column("break_id", "break", wide=True),
        Column("seq", "event", kind="count", wide=True),
    ],
    noun="check",
    units=[("reported", "expected", "drift")],
    notes=_notes,
    notes_under="unit",
    steps=_steps,
    if_empty="tell what one says was held with `recon import FILE --as-balances --at TIME --source custodian`,"
    " or have recon ask a venue: `recon docs operator`",
)


@with_options(table_options)
def sources(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    unit: UnitFilter = None,
    since: Since = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Show what independent sources said was held.

    Each is held against the books of its time.
    `recon import FILE --as-balances` tells it. Filters are gateway, account, unit, kind (the source), verdict, since
    and until.
    """
    show_listing(LISTING, options, Wanted(config, gateway, account, unit, since, limit), json=json)
