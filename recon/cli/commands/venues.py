"""`recon venues`: when each venue that recon asks itself answered last, and whether the books agreed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from recon.cli.listing import Limit, Listing, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column, Row
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.table import Note
from recon.reads.venues import VENUES


def _notes(row: Row, shown: Collection[str]) -> Sequence[Note]:
    return [Note("why", str(row["problem"]))] if row["problem"] is not None and "problem" not in shown else []


LISTING: Final = Listing(
    read=VENUES,
    columns=[
        Column("gateway", rank=2),
        Column("account"),
        Column("venue", rank=1),
        Column("question"),
        Column("answered_at", "answered", kind="age"),
        Column("amounts", kind="count", rank=3),
        Column("trades", kind="count", rank=3),
        Column("agreed", kind="count"),
        Column("pending", kind="count", rank=2),
        Column("differ", kind="count"),
        Column("not_judged", kind="count", rank=1),
        Column("problem", prose=True, wide=True),
        Column("at", kind="time", wide=True),
        Column("seq", "event", kind="count", wide=True),
    ],
    noun="answer",
    notes=_notes,
    notes_under="account",
)


@with_options(table_options)
def venues(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Show what venues that are asked themselves answered last.

    A row for each account and question of the last seven days: how old the last answer is, and how many of its amounts
    agreed with the books of their time. `recon sources` shows each amount.
    """
    show_listing(LISTING, options, Wanted(config, gateway, account, None, None, limit), json=json)
