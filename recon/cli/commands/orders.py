"""`recon orders`: orders as the gateways last told of them."""

from __future__ import annotations

from typing import Final

from recon.cli.as_of import KnownAt, ValidAt, past_of
from recon.cli.listing import Limit, Listing, Since, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, with_options
from recon.cli.output import Column
from recon.cli.tables.options import TableOptions, table_options
from recon.reads.activity import ORDERS

LISTING: Final = Listing(
    read=ORDERS,
    columns=[
        Column("updated_at", "at", kind="time"),
        Column("account"),
        Column("order_key", "order", kind="id"),
        Column("side"),
        Column("amount_order", "amount", kind="figure"),
        Column("amount_filled", "filled", kind="figure"),
        Column("symbol"),
        Column("price", kind="figure", rank=2),
        Column("avg_px", "average", kind="figure", rank=3),
        Column("status", rank=1),
        Column("gateway", rank=4),
        Column("amount_open", "open amount", kind="figure", wide=True),
        *(Column(key, wide=True) for key in ("open", "client_order_id", "exchange_order_id", "symbol_coinapi")),
        *(Column(key, kind="count", wide=True) for key in ("first_seq", "last_seq")),
    ],
    noun="order",
    units=[("amount_order", "amount_filled", "amount_open"), ("price", "avg_px")],
)


@with_options(table_options)
def orders(
    options: TableOptions,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    since: Since = None,
    limit: Limit = 50,
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Show orders, the latest first.

    Of a past time what only a report told is not known where a later one changed it: status, average, open amount.
    Filters are gateway, account, symbol, side, status, state (open or over), order, since and until.
    """
    past = past_of(as_of, known_at)
    show_listing(LISTING, options, Wanted(config, gateway, account, None, since, limit, past), json=json)
