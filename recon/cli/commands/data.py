"""The commands that print data: status, positions, balances, breaks, events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer

from recon.cli import queries
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, moment_of, settings_of
from recon.cli.output import Column, Row, note, print_json, print_table
from recon.cli.queries import MAX_EVENTS
from recon.clock import utc_now

_NUMBERS: Final = ("reported", "expected", "drift", "explained", "unexplained", "in_flight")


def _columns(*keys: str) -> list[Column]:
    return [Column(key) for key in keys]


POSITIONS: Final = _columns("gateway", "account", "symbol", "quantity", *_NUMBERS, "verdict", "observed_at")
BALANCES: Final = _columns("gateway", "account", "asset", "balance", *_NUMBERS, "verdict", "observed_at")
BREAKS: Final = [
    *_columns("id", "case_id", "gateway", "account", "unit", "state", "cause", "amount", "amount_usd", "opened_at"),
    *_columns("severity", "assignee", "closed_at", "after_seq", "until_seq"),
    Column("note"),
]
EVENTS: Final = [*_columns("gateway", "seq", "recorded_at", "kind", "account"), Column("shown", "payload", cut=True)]
GATEWAYS: Final = [
    *_columns("name", "state", "connected_at", "last_event_at", "head_seq", "projected_seq", "lag_events"),
    Column("reason"),
]
ACCOUNTS: Final = [*_columns("gateway", "account", "state", "last_alive_at"), Column("reason")]
NOT_WHOLE: Final = [*_columns("gateway", "account", "state", "since", "catch_up"), Column("outcome")]
PARTS: Final = [*_columns("instance", "gateway", "part", "state", "since"), Column("detail")]
ALERTS: Final = [*_columns("gateway", "channel", "state", "alerts"), Column("last_error")]


def positions(
    *, config: Config = None, gateway: GatewayFilter = None, account: AccountFilter = None, json: Json = False
) -> None:
    """Show positions: booked, reported, and whether they agree."""
    _print_units("positions", "symbol", POSITIONS, config=config, gateway=gateway, account=account, as_json=json)


def balances(
    *, config: Config = None, gateway: GatewayFilter = None, account: AccountFilter = None, json: Json = False
) -> None:
    """Show balances: booked, reported, and whether they agree."""
    _print_units("balances", "asset", BALANCES, config=config, gateway=gateway, account=account, as_json=json)


def _print_units(
    view: str,
    unit: str,
    columns: list[Column],
    *,
    config: Config,
    gateway: str | None,
    account: str | None,
    as_json: bool,
) -> None:
    with queries.reading(settings_of(config), view) as connection:
        order = f"gateway, account, {unit}"
        rows = queries.select(connection, view, order, {"gateway": gateway, "account": account})
    _print(rows, columns, as_json=as_json, empty=f"no {view}")


def breaks(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    every: Annotated[bool, typer.Option("--all", help="Also those pending, cleared and dismissed.")] = False,
    json: Json = False,
) -> None:
    """Show the breaks that are open, or all of them.

    A break is drift (reported minus expected) that no report, cut or race explains.
    """
    view = "breaks" if every else "open_breaks"
    with queries.reading(settings_of(config), "breaks") as connection:
        rows = queries.select(connection, view, "opened_at, gateway, id", {"gateway": gateway, "account": account})
    _print(rows, BREAKS, as_json=json, empty="no breaks" if every else "no open breaks")


def events(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", "-k", metavar="KIND", help="Only this kind, such as BALANCE_UPDATE or session.opened."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="From here on: a log position (1234), a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d). "
            "The first ones from there are shown, and whether there are more. Without it: the latest.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_EVENTS, help="At most this many.")] = 50,
    json: Json = False,
) -> None:
    """Show events of the log, oldest first. Those that are not readable as JSON are shown in base64.

    Events of an account are those that name it, catch-ups that it was part of, and order histories, which are of all
    accounts.
    """
    start = None if since is None else _since(since, utc_now())
    with queries.reading(settings_of(config), "events") as connection:
        rows = queries.events(
            connection,
            gateways=queries.gateway_names(connection, gateway),
            account=account,
            kind=kind,
            since=start,
            limit=limit if start is None else limit + 1,
        )
    if len(rows) > limit:
        rows = rows[:limit]
        last = rows[-1]
        note(f"there are more after event {last['seq']} of {last['gateway']}: --limit shows more, --since later ones")
    if json:
        print_json([row | {"payload": _raw(row["payload"])} for row in rows if isinstance(row, dict)])
        return
    shown = [row | {"shown": row["payload"] or row["raw_base64"]} for row in rows if isinstance(row, dict)]
    print_table(shown, EVENTS, empty="no events")


def _since(given: str, now: datetime) -> int | datetime:
    """Read a log position, a time or an age."""
    if given.isascii() and given.isdigit() and len(given) < 19:
        return int(given)
    at = moment_of(given, now)
    if at is None:
        raise typer.BadParameter(
            "must be a log position (1234), a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d)",
            param_hint="--since",
        )
    return at


def _raw(payload: object) -> msgspec.Raw | None:
    """Pass a payload on exactly as it is: its numbers are nobody's to round."""
    return None if payload is None else msgspec.Raw(str(payload).encode())


def status(config: Config = None, gateway: GatewayFilter = None, json: Json = False) -> None:
    """Show the service, gateways, accounts, verdicts and breaks."""
    with (
        queries.existing_database(settings_of(config)) as handle,
        queries.connected(handle.service_url, "status") as connection,
    ):
        if gateway is not None:
            queries.gateway_names(connection, gateway)
        found = queries.status(connection, gateway)
    if json:
        print_json(found)
        return
    found = {name: [_without_empty(row) for row in rows] for name, rows in found.items()}
    running = [part for part in found["service"] if part["state"] not in {"gone", "stopped"}]
    print_table(running, PARTS, title="service", empty="no service is running, or this login may not see it")
    print_table(found["gateways"], GATEWAYS, title="gateways", empty="no gateway has a log yet")
    if found["gateways"]:
        print_table(found["accounts"], ACCOUNTS, title="accounts", empty="no accounts yet")
        print_table(found["not_whole"], NOT_WHOLE, title="accounts that are not whole", empty="every account is whole")
        print_table(found["verdicts"], _columns("gateway", "verdict", "units"), title="verdicts", empty="no units yet")
        print_table(found["open_breaks"], BREAKS[2:10], title="open breaks", empty="no open breaks")
        print_table(found["alerts"], ALERTS, title="alerts", empty="no alerts yet")


def _without_empty(row: Row) -> Row:
    """Take empty text for nothing: no cell of these tables can hold it and mean it."""
    return {key: None if value == "" else value for key, value in row.items()}


def _print(rows: list[Row], columns: list[Column], *, as_json: bool, empty: str) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(rows, columns, empty=empty)
