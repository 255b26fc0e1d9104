"""Loading and writing orders. Synchronous, on a Connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from recon.db.raw import cursor_of
from recon.ledger.ledger import Ledger
from recon.ledger.orders import Order, age_of
from recon.projection.store import order_schema
from recon.projection.store.folded_table import EditionKey

_unpack: Final = msgspec.msgpack.Decoder(Order).decode

#: Finds the order `t` of an id `k` in the index of the id, whatever statistics say. A rebuild's edition is not in them
#: yet: equal columns would then look like one row, and the primary key reads every order of the account for each id. No
#: other index fits a comparison of rows. The arguments are named, since they come more than once.
OF_ID: Final = {
    column: f"""t.{column} = k.id AND (t.{column}, t.gateway, t.edition, t.account)
        BETWEEN (k.id, %(gateway)s::text, %(edition)s::integer, k.account)
            AND (k.id, %(gateway)s::text, %(edition)s::integer, k.account)"""
    for column in ("client_order_id", "exchange_order_id")
}
# One index lookup per id: a plain join gets a bad plan on a growing table (architecture 3).
_ORDERS_BY: Final = {
    column: f"""
SELECT o.data FROM unnest(%(accounts)s::text[], %(ids)s::text[]) AS k(account, id)
CROSS JOIN LATERAL (
    SELECT t.data FROM recon_store.orders AS t
    WHERE t.gateway = %(gateway)s AND {of_id} OFFSET 0
) AS o"""  # noqa: S608 - the two column names above
    for column, of_id in OF_ID.items()
}


def load_orders(
    connection: Connection,
    ledger: Ledger,
    edition: int,
    *,
    client_ids: Collection[tuple[str, str]],
    exchange_ids: Collection[tuple[str, str]],
) -> None:
    """Load the orders that have these ids (account, id), and all that share an id with those.

    So all orders of an id are in memory, or none, and a report finds the same order however the log is cut.
    """
    wanted = {"client_order_id": set(client_ids), "exchange_order_id": set(exchange_ids)}
    asked: dict[str, set[tuple[str, str]]] = {column: set() for column in wanted}
    while any(wanted.values()):
        packed: list[bytes] = []
        for column, ids in wanted.items():
            packed += _select(connection, ledger, edition, column, sorted(ids))
            asked[column] |= ids
        fresh = _add_orders(ledger, packed)
        wanted = {column: ids - asked[column] for column, ids in _ids_of(fresh).items()}


def load_open_orders(connection: Connection, ledger: Ledger, edition: int, account: str) -> None:
    """Load an account's open orders, and those whose fills wait for their instrument."""
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(
            "SELECT data FROM recon_store.orders WHERE gateway = %s AND edition = %s AND account = %s AND open",
            (ledger.gateway, edition, account),
        )
        fresh = _add_orders(ledger, [data for (data,) in cursor])
    ids = _ids_of(fresh)
    load_orders(connection, ledger, edition, client_ids=ids["client_order_id"], exchange_ids=ids["exchange_order_id"])


def save_orders(connection: Connection, edition: EditionKey, changed: Iterable[Order]) -> None:
    """Add the orders that are new and replace those that are stored already."""
    fresh: list[Order] = []
    stored: list[Order] = []
    for order in changed:
        (fresh if order.mark_stored() else stored).append(order)
    order_schema.orders.add(connection, edition, fresh)
    order_schema.orders.replace(connection, edition, stored)


def _select(
    connection: Connection, ledger: Ledger, edition: int, column: str, wanted: Sequence[tuple[str, str]]
) -> list[bytes]:
    if not wanted:
        return []
    arguments = {
        "accounts": [account for account, _ in wanted],
        "ids": [id_ for _, id_ in wanted],
        "gateway": ledger.gateway,
        "edition": edition,
    }
    with cursor_of(connection, binary=True) as cursor:
        cursor.execute(_ORDERS_BY[column], arguments)
        return [data for (data,) in cursor]


def _ids_of(orders: Iterable[Order]) -> dict[str, set[tuple[str, str]]]:
    """Return the ids (account, id) of orders, by column."""
    found: dict[str, set[tuple[str, str]]] = {"client_order_id": set(), "exchange_order_id": set()}
    for order in orders:
        if order.identity.client_order_id is not None:
            found["client_order_id"].add((order.account, order.identity.client_order_id))
        if order.identity.exchange_order_id is not None:
            found["exchange_order_id"].add((order.account, order.identity.exchange_order_id))
    return found


def _add_orders(ledger: Ledger, packed: list[bytes]) -> list[Order]:
    """Add the orders that the ledger does not hold yet, in the order in which they were first reported; return them."""
    fresh: list[Order] = []
    for order in sorted(map(_unpack, packed), key=age_of):
        if (order.account, order.key) not in ledger.orders:
            ledger.add_order(order)
            fresh.append(order)
    return fresh
