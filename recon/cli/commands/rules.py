"""`recon order settle` and `recon rules`: decisions of people that are about no single break."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.break_selection import SHORT
from recon.cli.connection import deciding
from recon.cli.options import Config, GatewayFilter, Json, settings_of, sharing
from recon.cli.output import Column, Row, note, print_json, print_table
from recon.cli.queries import check_account, gateway_names, reading, rows_of
from recon.cli.recording import Answering, Decision, Reason, Text, answering, check_digest, decide_one
from recon.cli.rules_in_force import WAITING, document_of, rules_of
from recon.errors import ConfigError, DecisionRefused

order_app = typer.Typer(no_args_is_help=True, help="Decide on orders that are not accounted for.")
rules_app = typer.Typer(no_args_is_help=True, help="See and decide which rules are in force.")

RulesDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The rules' digest, or the beginning of it.")]

#: Most orders that a word with several meanings names.
_MOST: Final = 5
# Ids come before beginnings of order keys, and orders that are not accounted for before others.
_MEANT: Final = """
    SELECT o.gateway, o.order_key, o.status, n.named, coalesce(jsonb_exists(a.unaccounted_orders, o.order_key), false)
           AS missing
    FROM recon.orders AS o
    CROSS JOIN LATERAL (
        SELECT :order IN (o.order_key, o.client_order_id, o.exchange_order_id) IS TRUE AS named
    ) AS n
    LEFT JOIN recon.accounts AS a ON (a.gateway, a.account) = (o.gateway, o.account)
    WHERE o.account = :account AND (CAST(:gateway AS text) IS NULL OR o.gateway = :gateway)
      AND (n.named OR (:order <> '' AND starts_with(o.order_key, :order)))
    ORDER BY n.named DESC, missing DESC, o.gateway, o.order_key LIMIT :most
"""
_ORDER: Final = [Column(key) for key in ("gateway", "account", "order", "seq", "outcome")]
_DECIDED: Final = [Column(key) for key in ("gateway", "rules", "seq", "outcome")]
_RULES: Final = [Column(key) for key in ("gateway", "state", "seq", "at", "digest", "looser")]


@order_app.command()
@sharing(answering)
def settle(
    given: Answering,
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    order: Annotated[
        str,
        typer.Option(
            metavar="ID", help="The order: recon's order_key or its beginning, or the client's or the exchange's id."
        ),
    ],
    text: Annotated[
        str, typer.Option(metavar="TEXT", help="What became of it and how that is known, for the history.")
    ],
    gateway: GatewayFilter = None,
) -> None:
    """Say what became of an order that was open before a gap and was not seen since.

    The units that it touches may agree again. What it filled in the gap is no part of this: that is a break.
    """
    with deciding(given.settings, "order settle") as connection:
        known = _order(connection, gateway, account, order)
        where, key = str(known["gateway"]), str(known["order_key"])
        payload = {"action": "settle_order", "account": account, "order": key, "outcome": text}
        shown = {"gateway": where, "account": account, "order": key}
        decide_one(connection, given, Decision(where, payload, account), shown, _ORDER)


def _order(connection: Connection, gateway: str | None, account: str, order: str) -> Row:
    """Return the order that is meant: of those it may mean, the one that is not accounted for.

    Errors: ConfigError where there is none, or more than one; DecisionRefused where it is accounted for.
    """
    gateway_names(connection, gateway)
    rows = rows_of(connection, _MEANT, {"gateway": gateway, "account": account, "order": order, "most": _MOST + 1})
    rows = [row for row in rows if row["named"] == rows[0]["named"]]
    if not rows:
        check_account(connection, gateway, account)
        raise ConfigError(f"account {account!r} has no order {order!r}")
    meant = [row for row in rows if row["missing"]] or rows
    if len(meant) > 1:
        keys = ", ".join(f"{row['order_key']} of {row['gateway']}" for row in meant[:_MOST])
        raise ConfigError(f"{order!r} means several orders: {keys}; name one by its order_key")
    if not meant[0]["missing"]:
        status = meant[0]["status"] or "not told"
        raise DecisionRefused(f"order {meant[0]['order_key']} is accounted for (status {status}): nothing is to settle")
    return meant[0]


@rules_app.command("show")
def show_rules(*, gateway: GatewayFilter = None, config: Config = None, json: Json = False) -> None:
    """Show which rules are in force, and which wait because they loosen something."""
    with reading(settings_of(config), "rules show") as connection:
        rows = [row for name in gateway_names(connection, gateway) for row in rules_of(connection, name)]
        if json:
            rows = [{**row, "rules": msgspec.Raw(document_of(connection, row))} for row in rows]
    if json:
        print_json(rows)
        return
    print_table(rows, _RULES, empty="no gateway has rules yet")
    for row in rows:
        if row["state"] == WAITING:
            note(f"a second person puts them in force by: recon rules approve {str(row['digest'])[:SHORT]}")


@rules_app.command("approve")
@sharing(answering)
def approve_rules(given: Answering, digest: RulesDigest, *, gateway: GatewayFilter = None, text: Text = None) -> None:
    """Put rules in force that loosen something; it takes a login of your own."""
    _decide_rules(given, "approve_rules", digest, gateway, text)


@rules_app.command("reject")
@sharing(answering)
def reject_rules(given: Answering, digest: RulesDigest, *, text: Reason, gateway: GatewayFilter = None) -> None:
    """Refuse rules that loosen something: the old ones stay in force."""
    _decide_rules(given, "reject_rules", digest, gateway, text)


def _decide_rules(given: Answering, action: str, digest: str, gateway: str | None, text: str | None) -> None:
    with deciding(given.settings, action.replace("_", " ")) as connection:
        known = _waiting(connection, check_digest(digest), gateway)
        where, whole = str(known["gateway"]), str(known["digest"])
        payload = {"action": action, "rules_digest": whole} | ({} if text is None else {"text": text})
        decide_one(connection, given, Decision(where, payload), {"gateway": where, "rules": whole}, _DECIDED)


def _waiting(connection: Connection, start: str, gateway: str | None) -> Row:
    """Return the waiting rules whose digest begins so. Errors: ConfigError where there are none, or several."""
    rows = [row for name in gateway_names(connection, gateway) for row in rules_of(connection, name)]
    waiting = [row for row in rows if row["state"] == WAITING and str(row["digest"]).startswith(start)]
    if not waiting:
        raise ConfigError(f"no rules that wait have a digest that begins with {start!r}; see `recon rules show`")
    if len(waiting) > 1:
        where = ", ".join(f"{row['digest']} of {row['gateway']}" for row in waiting)
        raise ConfigError(f"rules of several gateways wait by that digest: {where}; say --gateway")
    return waiting[0]
