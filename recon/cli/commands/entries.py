"""`recon entries`: every change to every unit, with its cause."""

from __future__ import annotations

from typing import Final

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.listing import Limit, Listing, Since, UnitFilter, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column
from recon.cli.tables.options import TableOptions, table_options
from recon.reads.activity import ENTRIES

LISTING: Final = Listing(
    read=ENTRIES,
    columns=[
        Column("recorded_at", "known at", kind="time"),
        Column("account"),
        Column("unit"),
        Column("amount", kind="signed"),
        Column("running", "sum", kind="figure", rank=1),
        Column("cause"),
        Column("certainty", rank=4),
        Column("order_key", "order", kind="id", rank=2),
        Column("seq", "event", kind="count", rank=3),
        Column("gateway", rank=5),
        Column("occurred_at", kind="time", wide=True),
        *(Column(key, wide=True) for key in ("unit_kind", "entry_no", "ordinal", "replaces", "fact")),
        Column("break_id", "break", kind="id", wide=True),
    ],
    noun="entry",
    plural="entries",
    units=[("amount", "running")],
)


@with_options(table_options)
def entries(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    unit: UnitFilter = None,
    since: Since = None,
    limit: Limit = 50,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Show entries of the ledger, the latest first.

    Filters are gateway, account, unit, cause, certainty, order, since and until.
    """
    past = past_of(as_of, known_at)
    show_listing(LISTING, options, Wanted(config, gateway, account, unit, since, limit, past), json=json)
