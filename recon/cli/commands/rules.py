"""`recon rules`: the rules in force, and decisions on rules that wait for a second person."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import typer
from sqlalchemy import Connection

from recon.cli.answer import Answer, answer
from recon.cli.connection import operator_connection
from recon.cli.options import Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, columns, note
from recon.cli.queries import gateway_names
from recon.cli.recording import DecisionOptions, Reason, Text, check_digest, decide_one, decision_options
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import NextStep, Screen
from recon.cli.tables.table import Table
from recon.cli.tables.terminal import is_terminal
from recon.db.source import Source
from recon.deciding.recording import Decision
from recon.deciding.selection import SHORT
from recon.display.words import counted
from recon.errors import ConfigError
from recon.reads.rules_in_force import WAITING, document_of, rules_of

app = typer.Typer(no_args_is_help=True, help="Show the rules in force, and decide on proposed ones.")

RulesDigest = Annotated[str, typer.Argument(metavar="DIGEST", help="The rules' digest, or its first characters.")]

_DECIDED: Final = columns("gateway", "rules", "seq", "outcome")
_RULES: Final = [
    Column("gateway"),
    Column("state", kind="state"),
    Column("seq", "event", kind="count", rank=2),
    Column("at", "since", kind="time", rank=1),
    Column("digest", kind="id"),
    Column("looser", "more permissive", prose=True),
]


@app.command("show")
@with_options(table_options)
def show_rules(
    options: TableOptions, *, gateway: GatewayFilter = None, config: Config = None, json: Json = False
) -> None:
    """Show the rules in force, and rules that wait because they are more permissive."""
    place = options.narrowed(gateway=gateway).singles("rules", "gateway")

    def read(connection: Source) -> Answer:
        rows = [row for name in gateway_names(connection, place["gateway"]) for row in rules_of(connection, name)]
        approve = [f"recon rules approve {str(row['digest'])[:SHORT]}" for row in rows if row["state"] == WAITING]
        if json:
            rows = [{**row, "rules": msgspec.Raw(document_of(connection, row))} for row in rows]
        elif not is_terminal():
            for command in approve:
                note(f"to put them in force, a second person runs: {command}")
        screen = Screen(
            tables=[Table(columns=_RULES, rows=rows)],
            sums=[f"{counted(len(rows) - len(approve), 'set')} of rules in force, {len(approve)} waiting"],
            steps=[NextStep(command, "a second person puts them in force") for command in approve],
            empty="no gateway has rules yet",
        )
        return Answer(screen, rows)

    answer(settings_of(config), "rules show", options, read, json=json)


@app.command("approve")
@with_options(decision_options)
def approve_rules(
    options: DecisionOptions, digest: RulesDigest, *, gateway: GatewayFilter = None, text: Text = None
) -> None:
    """Put more permissive rules in force; this needs a login of your own."""
    _decide_rules(options, "approve_rules", digest, gateway, text)


@app.command("reject")
@with_options(decision_options)
def reject_rules(options: DecisionOptions, digest: RulesDigest, *, text: Reason, gateway: GatewayFilter = None) -> None:
    """Reject more permissive rules; the old ones stay in force."""
    _decide_rules(options, "reject_rules", digest, gateway, text)


def _decide_rules(options: DecisionOptions, action: str, digest: str, gateway: str | None, text: str | None) -> None:
    with operator_connection(options.settings, action.replace("_", " ")) as connection:
        row = _waiting(connection, check_digest(digest), gateway)
        name, rules = str(row["gateway"]), str(row["digest"])
        payload = {"action": action, "rules_digest": rules} | ({} if text is None else {"text": text})
        decide_one(connection, options, Decision(name, payload), {"gateway": name, "rules": rules}, _DECIDED)


def _waiting(connection: Connection, start: str, gateway: str | None) -> Row:
    """Return the waiting rules whose digest starts so. Errors: ConfigError where there are none, or several."""
    rows = [row for name in gateway_names(connection, gateway) for row in rules_of(connection, name)]
    waiting = [row for row in rows if row["state"] == WAITING and str(row["digest"]).startswith(start)]
    if not waiting:
        raise ConfigError(f"no waiting rules have a digest that starts with {start!r}; see `recon rules show`")
    if len(waiting) > 1:
        where = ", ".join(f"{row['digest']} of {row['gateway']}" for row in waiting)
        raise ConfigError(f"rules of several gateways have that digest: {where}; give --gateway")
    return waiting[0]
