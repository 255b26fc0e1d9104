"""`recon status`: the state of the service, gateways, accounts, units, breaks and alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.break_list import BREAKS
from recon.cli.connection import connect_reader, existing_database
from recon.cli.currency import Currency, RequireCurrent, read_currency, say_currency
from recon.cli.options import Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, columns, print_json
from recon.cli.queries import refused_events, sees_service, select_view, service_parts
from recon.cli.status_screen import StatusView, status_lines
from recon.cli.table import print_table
from recon.cli.tables import terminal
from recon.cli.tables.look import Look
from recon.cli.tables.options import WATCH_SECONDS
from recon.cli.tables.watch import watch as watching
from recon.cli.waiting_facts import approval_command, waiting_groups
from recon.db.source import Source, query_rows
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.reads.needs import read_needs
from recon.reads.standing import read_standing

#: Width of the screen in a pipe, in characters.
PIPE_WIDTH: Final = 120

GATEWAYS: Final = [
    *columns("name", "state", "connected_at", "last_event_at", "head_seq", "projected_seq", "lag_events", "recorder"),
    Column("reason"),
]
ACCOUNTS: Final = [*columns("gateway", "account", "state", "last_alive_at"), Column("reason")]
INCOMPLETE: Final = [*columns("gateway", "account", "state", "since", "catch_up"), Column("outcome")]
PARTS: Final = [*columns("instance", "gateway", "part", "state", "since"), Column("detail")]
VERDICTS: Final = columns("gateway", "verdict", "units")
WAITING_FACTS: Final = [
    *columns("gateway", "account", "facts", "what", "usd", "told_by", "told_at"),
    Column("look", "what a second person runs"),
]
REFUSED: Final = [*columns("gateway", "refused", "first_seq", "last_seq"), Column("look", "what to do")]
ALERTS: Final = [*columns("gateway", "channel", "state", "messages"), Column("last_error")]

_VERDICTS: Final = """
    SELECT gateway, verdict, count(*) AS units FROM (
        SELECT gateway, verdict FROM recon_exact.positions UNION ALL SELECT gateway, verdict FROM recon_exact.balances
    ) AS u{where} GROUP BY gateway, verdict ORDER BY gateway, verdict
"""
_ALERTS: Final = """
    SELECT gateway, channel, state, count(*) AS messages, max(last_error) AS last_error FROM recon.deliveries{where}
    GROUP BY gateway, channel, state ORDER BY gateway, channel, state
"""
_INCOMPLETE: Final = """
    SELECT a.gateway, a.account, a.state, a.reason, a.since, a.catch_up, a.open_orders_unaccounted,
           concat_ws('; ', a.reason, nullif(k.outcome, 'whole')) AS outcome
    FROM recon.accounts AS a LEFT JOIN LATERAL (
        SELECT c.outcome FROM recon.catch_ups AS c WHERE (c.gateway, c.account) = (a.gateway, a.account)
        ORDER BY c.from_seq DESC LIMIT 1
    ) AS k ON true
    WHERE (a.state <> 'covered' OR coalesce(a.catch_up, 'whole') <> 'whole'){where}
    ORDER BY a.gateway, a.account
"""


def status(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also the parts of the service, gateways, accounts, breaks and messages.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until q or Ctrl-C.")] = False,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show what needs somebody, what is in work, and the rest.

    What stops recon from seeing is said first. Exit status 11: the state is shown, but recon does not see everything
    now.
    """
    settings = settings_of(config)
    last: list[Currency] = []
    with existing_database(settings) as handle:

        def read(look: Look) -> list[str]:
            with connect_reader(handle.service_url, "status") as connection:
                if gateway is not None:
                    check_filter(connection, Filter(gateway=(gateway,)), settings.gateways)
                # A screen says itself what is not current.
                quiet = terminal.is_terminal() and not (json or every or require_current)
                currency = (
                    read_currency(connection, settings, gateway)
                    if quiet
                    else say_currency(connection, settings, gateway=gateway, required=require_current)
                )
                last[:] = [currency]
                if json:
                    print_json(
                        {
                            **currency.document(),
                            **status_document(connection, gateway),
                            **_needs(connection, currency, look, gateway),
                        }
                    )
                    return []
                view = _view(connection, currency, look, gateway)
                if every:
                    document = status_document(connection, gateway)
                    _print({name: [_without_empty(row) for row in rows] for name, rows in document.items()}, currency)
                    return []
            return status_lines(view, look, whole=not terminal.is_terminal())

        if watch:
            watching(read, terminal.look, WATCH_SECONDS)
        else:
            look = terminal.look()
            if not terminal.is_terminal():
                look = Look(PIPE_WIDTH, look.height, colour=False, glyphs=False, now=look.now)
            lines = read(look)
            if lines:
                terminal.write_lines(lines, look.height, paged=False)
    last[0].end()


def _view(connection: Source, currency: Currency, look: Look, gateway: str | None) -> StatusView:
    parts = service_parts(connection)
    running = any(part["state"] not in {"gone", "stopped"} for part in parts) if sees_service(connection) else None
    return StatusView(
        needs=read_needs(connection, look.now, currency.stale, gateway),
        standing=read_standing(connection, look.now, gateway),
        stale=currency.stale,
        running=running,
    )


def _needs(connection: Source, currency: Currency, look: Look, gateway: str | None) -> dict[str, Sequence[Row]]:
    """Return what needs somebody, for a program."""
    found = read_needs(connection, look.now, currency.stale, gateway)
    return {
        "needs": [msgspec.structs.asdict(need) for need in found.needs],
        "in_work": [msgspec.structs.asdict(need) for need in found.in_work],
    }


def _print(document: Mapping[str, Sequence[Row]], currency: Currency) -> None:
    running = [part for part in document["service"] if part["state"] not in {"gone", "stopped"}]
    print_table(running, PARTS, title="service", empty="no service is running, or this login may not see it")
    print_table(document["gateways"], GATEWAYS, title="gateways", empty="no gateway has a log yet")
    if not document["gateways"]:
        return
    print_table(document["accounts"], ACCOUNTS, title="accounts", empty="no accounts yet")
    complete = currency.empty("all accounts complete" if currency.current else "no incomplete accounts")
    print_table(document["not_whole"], INCOMPLETE, title="incomplete accounts", empty=complete)
    print_table(document["verdicts"], VERDICTS, title="verdicts", empty="no units yet")
    if document["refused"]:
        print_table(document["refused"], REFUSED, title="refused events")
    print_table(document["open_breaks"], BREAKS[2:10], title="open breaks", empty=currency.empty("no open breaks"))
    if document["waiting_facts"]:
        waiting = [{**row, "look": approval_command(str(row["digest"]))} for row in document["waiting_facts"]]
        print_table(waiting, WAITING_FACTS, title="facts that wait for a second person")
    print_table(document["alerts"], ALERTS, title="alerts", empty="no alerts yet")


def _without_empty(row: Row) -> Row:
    """Return the row with empty text as not known: in these tables it means the same."""
    return {key: None if value == "" else value for key, value in row.items()}


def status_document(connection: Source, gateway: str | None) -> dict[str, Sequence[Row]]:
    """Return the state of the service, gateways, accounts, units, open breaks and alerts."""
    filters = {} if gateway is None else {"gateway": gateway}
    where = "" if gateway is None else " WHERE gateway = :gateway"
    return {
        "service": service_parts(connection),
        "gateways": select_view(connection, "gateways", "name", {"name": gateway}),
        "accounts": select_view(connection, "accounts", "gateway, account", filters),
        "not_whole": incomplete_accounts(connection, gateway),
        "verdicts": query_rows(connection, _VERDICTS.format(where=where), filters),
        "open_breaks": select_view(connection, "open_breaks", "opened_at, id", filters, numbers=True),
        "waiting_facts": [group.shown for group in waiting_groups(connection, gateway)],
        "refused": refused_counts(connection, gateway),
        "alerts": query_rows(connection, _ALERTS.format(where=where), filters),
    }


def incomplete_accounts(connection: Source, gateway: str | None) -> list[Row]:
    """Return the accounts that are not covered now, or whose last gap is not accounted for, and why."""
    where = "" if gateway is None else " AND a.gateway = :gateway"
    filters = {} if gateway is None else {"gateway": gateway}
    return query_rows(connection, _INCOMPLETE.format(where=where), filters)


def refused_counts(connection: Source, gateway: str | None) -> list[Row]:
    """Return by gateway how many refused events the books lack, and the command that shows them."""
    by_gateway: dict[str, list[Row]] = {}
    for row in refused_events(connection, gateway=gateway):
        if row["in_force"]:
            by_gateway.setdefault(str(row["gateway"]), []).append(row)
    return [
        {
            "gateway": name,
            "refused": len(rows),
            "first_seq": rows[0]["seq"],
            "last_seq": rows[-1]["seq"],
            "look": f"recon events --gateway {quote(name)} --refused",
        }
        for name, rows in by_gateway.items()
    ]
