"""`recon order settle`: what became of an order that was open before a gap and was not seen since."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from recon.cli.connection import operator_connection
from recon.cli.options import GatewayFilter, with_options
from recon.cli.output import Row, columns
from recon.cli.queries import check_account, gateway_names
from recon.cli.recording import DecisionOptions, decide_one, decision_options
from recon.db.source import query_rows
from recon.deciding.recording import Decision
from recon.errors import ConfigError, DecisionRefused

app = typer.Typer(no_args_is_help=True, help="Decide on orders that are not accounted for.")

#: Most orders that an ambiguous id is reported with.
MAX_NAMED: Final = 5
# Ids come before beginnings of order keys, and orders that are not accounted for before others.
_MATCHES: Final = """
    SELECT o.gateway, o.order_key, o.status, n.named, coalesce(jsonb_exists(a.unaccounted_orders, o.order_key), false)
           AS missing
    FROM recon_exact.orders AS o
    CROSS JOIN LATERAL (
        SELECT :order IN (o.order_key, o.client_order_id, o.exchange_order_id) IS TRUE AS named
    ) AS n
    LEFT JOIN recon.accounts AS a ON (a.gateway, a.account) = (o.gateway, o.account)
    WHERE o.account = :account AND (CAST(:gateway AS text) IS NULL OR o.gateway = :gateway)
      AND (n.named OR (:order <> '' AND starts_with(o.order_key, :order)))
    ORDER BY n.named DESC, missing DESC, o.gateway, o.order_key LIMIT :most
"""
_SETTLED: Final = columns("gateway", "account", "order", "seq", "outcome")


@app.command()
@with_options(decision_options)
def settle(
    options: DecisionOptions,
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    order: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The order: its order_key or the start of it, or the client's or exchange's id."
        ),
    ],
    text: Annotated[
        str, typer.Option(metavar="TEXT", help="What happened to the order and how you know, kept in the history.")
    ],
    gateway: GatewayFilter = None,
) -> None:
    """Document what happened to an order that was open before a gap and was not reported since.

    Its units may agree again. Fills of the order in the gap are not covered by this: they show as a break.
    """
    with operator_connection(options.settings, "order settle") as connection:
        row = _order(connection, gateway, account, order)
        where, key = str(row["gateway"]), str(row["order_key"])
        payload = {"action": "settle_order", "account": account, "order": key, "outcome": text}
        shown = {"gateway": where, "account": account, "order": key}
        decide_one(connection, options, Decision(where, payload, account), shown, _SETTLED)


def _order(connection: Connection, gateway: str | None, account: str, order: str) -> Row:
    """Return the order with this id; of several, the one that is not accounted for.

    Errors: ConfigError where there is none, or more than one; DecisionRefused where it is accounted for.
    """
    gateway_names(connection, gateway)
    rows = query_rows(
        connection, _MATCHES, {"gateway": gateway, "account": account, "order": order, "most": MAX_NAMED + 1}
    )
    rows = [row for row in rows if row["named"] == rows[0]["named"]]
    if not rows:
        check_account(connection, gateway, account)
        raise ConfigError(f"account {account!r} has no order {order!r}")
    matches = [row for row in rows if row["missing"]] or rows
    if len(matches) > 1:
        keys = ", ".join(f"{row['order_key']} of {row['gateway']}" for row in matches[:MAX_NAMED])
        raise ConfigError(f"{order!r} matches several orders: {keys}; give the order_key")
    if not matches[0]["missing"]:
        status = matches[0]["status"] or "not reported"
        raise DecisionRefused(
            f"order {matches[0]['order_key']} is accounted for (status {status}); there is nothing to settle"
        )
    return matches[0]
