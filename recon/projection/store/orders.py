"""Loading and writing orders. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order
from recon.projection.store import order_schema
from recon.projection.store.folded_table import EditionKey

_unpack: Final = msgspec.msgpack.Decoder(Order).decode

# One index lookup per id: a plain join gets a bad plan on a growing table (architecture 3).
_ORDERS_BY: Final = {
    column: f"""
SELECT o.data FROM unnest(%s::text[], %s::text[]) AS k(account, id)
CROSS JOIN LATERAL (
    SELECT t.data FROM recon_store.orders AS t
    WHERE t.gateway = %s AND t.edition = %s AND t.account = k.account AND t.{column} = k.id OFFSET 0
) AS o"""  # noqa: S608 - the two column names below
    for column in ("client_order_id", "exchange_order_id")
}


def load_orders(
    connection: Connection,
    ledger: Ledger,
    edition: int,
    *,
    client_ids: Collection[tuple[str, str]],
    exchange_ids: Collection[tuple[str, str]],
) -> None:
    """Load the orders that have these ids (account, id)."""
    for column, wanted in (("client_order_id", client_ids), ("exchange_order_id", exchange_ids)):
        if not wanted:
            continue
        accounts, ids = [account for account, _ in wanted], [id_ for _, id_ in wanted]
        with cursor_of(connection, binary=True) as cursor:
            cursor.execute(_ORDERS_BY[column], (accounts, ids, ledger.gateway, edition))
            _add_orders(ledger, [data for (data,) in cursor])


def load_open_orders(connection: Connection, ledger: Ledger, edition: int, account: str) -> None:
    """Load an account's open orders, and those whose fills wait for their instrument."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT data FROM recon_store.orders WHERE gateway = %s AND edition = %s AND account = %s AND open",
            (ledger.gateway, edition, account),
        )
        _add_orders(ledger, [data for (data,) in cursor])


def save_orders(connection: Connection, edition: EditionKey, changed: Iterable[Order]) -> None:
    """Add the orders that are new and replace those that are stored already."""
    fresh: list[Order] = []
    stored: list[Order] = []
    for order in changed:
        (fresh if order.mark_stored() else stored).append(order)
    order_schema.orders.add(connection, edition, fresh)
    order_schema.orders.replace(connection, edition, stored)


def _add_orders(ledger: Ledger, packed: list[bytes]) -> None:
    """Add the orders that the ledger does not hold yet, in the order in which they were first reported."""
    for order in sorted(map(_unpack, packed), key=lambda order: (order.reported.first_seq, order.key)):
        if (order.account, order.key) not in ledger.orders:
            ledger.add_order(order)
