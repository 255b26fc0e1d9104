"""`recon order settle` and `recon rules`: decisions of people that are about no single break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.choosing import SHORT
from recon.cli.deciding import (
    NOT_FOLDED,
    Answering,
    Decision,
    Reason,
    Text,
    answering,
    check_digest,
    folded,
    found,
    raise_refusals,
    record,
)
from recon.cli.options import Config, GatewayFilter, Json, settings_of, sharing
from recon.cli.people import deciding
from recon.cli.reading import gateway_names, reading, rows_of
from recon.cli.ruled import WAITING, document_of, rules_of
from recon.cli.show import Column, Row, note, print_json, print_table
from recon.errors import ConfigError

order_app = typer.Typer(no_args_is_help=True, help="Decide on orders that are not accounted for.")
rules_app = typer.Typer(no_args_is_help=True, help="See and decide which rules are in force.")

RulesDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The rules' digest, or the beginning of it.")]

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
        str, typer.Option(metavar="ID", help="The order: recon's order_key, the client's id or the exchange's.")
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
        _decide(connection, given, Decision(where, payload, account), shown, _ORDER)


def _decide(
    connection: Connection, given: Answering, decision: Decision, shown: Row, columns: Sequence[Column]
) -> None:
    """Record one decision and print what came of it. Errors: DecisionRefused, where the fold refused it too."""
    recorded = record(connection, [decision], given.name)
    passed = folded(connection, recorded, wait=given.wait)
    findings = found(connection, recorded) if passed else []
    outcome = "; ".join(str(row["message"]) for row in findings) if passed else NOT_FOLDED
    row = {**shown, "seq": recorded[0].last_seq, "outcome": outcome}
    if given.json:
        print_json({**row, "folded": passed})
    else:
        print_table([row], columns)
    raise_refusals(findings)


def _order(connection: Connection, gateway: str | None, account: str, order: str) -> Row:
    """Return the order that is meant. Errors: ConfigError where there is none, or more than one."""
    rows = rows_of(
        connection,
        "SELECT gateway, order_key FROM recon.orders WHERE account = :account"
        " AND (CAST(:gateway AS text) IS NULL OR gateway = :gateway)"
        " AND :order IN (order_key, client_order_id, exchange_order_id) ORDER BY gateway, order_key LIMIT 6",
        {"gateway": gateway, "account": account, "order": order},
    )
    if not rows:
        raise ConfigError(f"account {account!r} has no order {order!r}")
    if len(rows) > 1:
        keys = ", ".join(f"{row['order_key']} of {row['gateway']}" for row in rows[:5])
        raise ConfigError(f"{order!r} means several orders: {keys}; name one by its order_key")
    return rows[0]


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
        _decide(connection, given, Decision(where, payload), {"gateway": where, "rules": whole}, _DECIDED)


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
