"""`recon fills`: what was booked of each order."""

from __future__ import annotations

from typing import Final

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.listing import Limit, Listing, Since, UnitFilter, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column
from recon.cli.tables.options import TableOptions, table_options
from recon.reads.activity import FILLS

LISTING: Final = Listing(
    read=FILLS,
    columns=[
        Column("filled_at", "at", kind="time"),
        Column("account"),
        Column("side"),
        Column("amount", kind="figure"),
        Column("symbol"),
        Column("price", kind="figure", rank=1),
        Column("cash", kind="signed", rank=2),
        Column("cash_asset", "of", rank=2),
        Column("order_key", "order", kind="id", rank=3),
        Column("seq", "event", kind="count", rank=4),
        Column("gateway", rank=5),
        *(Column(key, wide=True) for key in ("ordinal", "price_known", "source")),
    ],
    noun="fill",
)


@with_options(table_options)
def fills(
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
    """Show fills, the latest first.

    Filters are gateway, account, unit, symbol, side, order, since and until.
    """
    past = past_of(as_of, known_at)
    show_listing(LISTING, options, Wanted(config, gateway, account, unit, since, limit, past), json=json)
