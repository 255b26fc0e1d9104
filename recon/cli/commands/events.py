"""`recon events`: events of the log, from a position or time on, or the latest ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of
from recon.cli.output import Column, Row, columns, note, print_json
from recon.cli.queries import MAX_EVENTS, gateway_names, refused_events
from recon.cli.table import print_rows, print_table
from recon.clock import utc_now
from recon.db.source import Source, query_rows
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER
from recon.times import parse_time

#: Beyond any log position.
MAX_POSITION: Final = 2**62
EVENTS: Final = [*columns("gateway", "seq", "recorded_at", "kind", "account"), Column("shown", "payload", prose=True)]
_EVENT_COLUMNS: Final = (
    "gateway, seq, recorded_at, received_at, kind, account, session, readable, payload::text AS payload,"
    " CASE WHEN NOT readable THEN encode(raw, 'base64') END AS raw_base64, redacted, digest"
)
# Only payloads of our own are searched.
_FILTERS: Final = {
    "kind": "kind = :kind",
    "account": f"""(account = :account OR CASE
        WHEN kind IN ('{CATCH_UP_BEGUN}', '{CATCH_UP_ENDED}')
        THEN jsonb_exists((payload -> 'accounts')::jsonb, CAST(:account AS text))
        WHEN kind = '{REST_ANSWER}' THEN account IS NULL AND payload #>> '{{ask,what}}' = 'history'
        ELSE false END)""",
}


REFUSED: Final = [
    *columns("gateway", "seq", "recorded_at", "kind", "account", "fold_version", "in_force"),
    Column("reason"),
]


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
            help="From a log position (1234), a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d) on, the first "
            "ones. [default: the latest]",
        ),
    ] = None,
    refused: Annotated[
        bool,
        typer.Option("--refused", help="Only refused events, with the reason: the books hold nothing of them."),
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MAX_EVENTS, help="At most this many.")] = 50,
    case: Annotated[
        Path | None,
        typer.Option(
            "--case",
            metavar="DIR",
            help="Write the events of one account as a case for `recon replay`, with names, ids and amounts replaced.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="With --case: up to here, as --since. [default: the latest]")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="With --case: leave names, ids and amounts as they are.")
    ] = False,
    json: Json = False,
) -> None:
    """Show events of the log, oldest first.

    An event that is not JSON is shown in base64. Events of an account are those that name it, catch-ups that include
    it, and order histories, which cover all accounts.
    """
    if (until is not None or keep) and case is None:
        raise typer.BadParameter("goes with --case only", param_hint="--keep" if keep else "--until")
    if case is not None:
        if gateway is None or account is None or refused or kind is not None or json:
            options = "needs --gateway and --account, and goes with --since, --until and --keep only"
            raise typer.BadParameter(options, param_hint="--case")
        _write_case(config, Place(gateway, account, since, until), case, keep=keep)
    elif refused:
        if kind is not None or since is not None:
            raise typer.BadParameter("goes with --gateway, --account and --limit only", param_hint="--refused")
        _show_refused(config, gateway, account, limit=limit, json=json)
    else:
        _show(config, gateway, Wanted(account, kind, since, limit), json=json)


def _show_refused(config: Path | None, gateway: str | None, account: str | None, *, limit: int, json: bool) -> None:
    with reader_connection(settings_of(config), "events") as connection:
        gateway_names(connection, gateway)
        found = refused_events(connection, gateway=gateway, account=account)[-limit:]
    print_rows(found, REFUSED, as_json=json, empty="no event is refused")
    if not json and any(row["in_force"] for row in found):
        note("the books lack what is in force; please report the reason")
        note("see `recon coverage` for the accounts that are not whole, and the commands that settle them")


class Place(NamedTuple):
    """What a case is cut out of, as it was asked for."""

    gateway: str
    account: str
    since: str | None
    until: str | None


def _write_case(config: Path | None, place: Place, directory: Path, *, keep: bool) -> None:
    from recon.cli.case_export import Stretch, export_case  # noqa: PLC0415 - brings the whole fold, which no list needs

    now = utc_now()
    with reader_connection(settings_of(config), "events") as connection:
        gateway_names(connection, place.gateway)
        first = _log_position(connection, place.gateway, place.since, now, "--since")
        if place.until is None:
            last = MAX_POSITION
        else:
            last = _log_position(connection, place.gateway, place.until, now, "--until")
            # An event at a time is the first one that is later; an event at a position is that one.
            last -= not _is_position(place.until)
        export_case(connection, Stretch(place.gateway, place.account, first, last), directory, keep=keep)


def _log_position(connection: Source, gateway: str, text: str | None, now: datetime, option: str) -> int:
    if text is None:
        return 1
    when = _when(text, now, option)
    return _position(connection, gateway, when) if isinstance(when, datetime) else when


class Wanted(NamedTuple):
    """Which events are shown, and how many at most."""

    account: str | None
    kind: str | None
    since: str | None
    limit: int


def _show(config: Path | None, gateway: str | None, wanted: Wanted, *, json: bool) -> None:
    account, kind, since, limit = wanted
    start = None if since is None else _when(since, utc_now(), "--since")
    with reader_connection(settings_of(config), "events") as connection:
        rows = read_events(
            connection,
            gateways=gateway_names(connection, gateway),
            account=account,
            kind=kind,
            since=start,
            limit=limit if start is None else limit + 1,
        )
    if len(rows) > limit:
        rows = rows[:limit]
        last = rows[-1]
        note(
            f"more events follow event {last['seq']} of {last['gateway']}: use --limit for more, --since for later ones"
        )
    if json:
        print_json([row | {"payload": _raw(row["payload"])} for row in rows if isinstance(row, dict)])
        return
    shown = [row | {"shown": row["payload"] or row["raw_base64"]} for row in rows if isinstance(row, dict)]
    print_table(shown, EVENTS, empty="no events")


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _when(text: str, now: datetime, option: str) -> int | datetime:
    """Return a log position or a time. Errors: BadParameter."""
    if _is_position(text):
        return int(text)
    at = parse_time(text, now)
    if at is None:
        raise typer.BadParameter(
            "must be a log position (1234), a time (2026-01-05T09:00:00Z) or an age (30s, 5m, 2h, 1d)",
            param_hint=option,
        )
    return at


def _raw(payload: object) -> msgspec.Raw | None:
    """Return a payload exactly as it is: its numbers must not be rounded."""
    return None if payload is None else msgspec.Raw(str(payload).encode())


def read_events(
    connection: Source,
    *,
    gateways: Sequence[str],
    account: str | None,
    kind: str | None,
    since: int | datetime | None,
    limit: int,
) -> list[Row]:
    """Return events in the order of time: from a log position or time on, or else the latest.

    An account has the events that name it, catch-ups that include it, and answers about all accounts.
    """
    rows: list[Row] = []
    filters = {key: value for key, value in {"account": account, "kind": kind}.items() if value is not None}
    where = "".join(f" AND {_FILTERS[key]}" for key in filters)
    order = "DESC" if since is None else "ASC"
    for gateway in gateways:
        first = _position(connection, gateway, since) if isinstance(since, datetime) else since or 0
        statement = (
            f"SELECT {_EVENT_COLUMNS} FROM recon.events WHERE gateway = :gateway AND seq >= :first{where}"  # noqa: S608
            f" ORDER BY seq {order} LIMIT :limit"
        )
        rows += query_rows(connection, statement, {"gateway": gateway, "first": first, "limit": limit, **filters})
    rows.sort(key=lambda row: (row["recorded_at"], row["gateway"], row["seq"]))
    return rows[-limit:] if since is None else rows[:limit]


def _position(connection: Source, gateway: str, since: datetime) -> int:
    """Return the first log position at or after a time: log time never goes back, so a binary search finds it."""
    find = "SELECT recorded_at FROM recon.events WHERE gateway = :gateway AND seq = :seq"
    heads = query_rows(connection, "SELECT head_seq FROM recon.gateways WHERE name = :gateway", {"gateway": gateway})
    low, high = 1, int(str(heads[0]["head_seq"] or 0) if heads else 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = query_rows(connection, find, {"gateway": gateway, "seq": middle})
        at = found[0]["recorded_at"] if found else None
        if isinstance(at, datetime) and at < since:
            low = middle + 1
        else:
            high = middle
    return low
