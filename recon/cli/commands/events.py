"""`recon events`: events of the log, from a position or time on, or the latest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer

from recon.cli.answer import Answer, answer
from recon.cli.archived_events import archived_rows
from recon.cli.archives import ArchiveOption
from recon.cli.connection import reader_connection
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, note
from recon.cli.queries import MAX_EVENTS, check_account, gateway_names, refused_events, select_view
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.cli.tables.terminal import is_terminal
from recon.clock import utc_now
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.log.events import CATCH_UP_BEGUN, CATCH_UP_ENDED, REST_ANSWER
from recon.reads.archived import archived_ends, archived_words
from recon.reads.known_names import check_kind
from recon.times import parse_time

#: Beyond any log position.
MAX_POSITION: Final = 2**62
EVENTS: Final = [
    Column("gateway", rank=1),
    Column("seq", "event", kind="count"),
    Column("recorded_at", "at", kind="exact_time"),
    Column("kind"),
    Column("account", rank=2),
    Column("shown", "payload", prose=True),
]
#: Most characters of a payload in a table; `--wide`, a pipe and --json show all of it.
MOST_SHOWN: Final = 160
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
    Column("gateway", rank=1),
    Column("seq", "event", kind="count"),
    Column("recorded_at", "at", kind="exact_time", rank=2),
    Column("kind"),
    Column("account"),
    Column("fold_version", wide=True),
    Column("in_force", "in force", rank=3),
    Column("reason", prose=True),
]


@with_options(table_options)
def events(
    options: TableOptions,
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
    archive: ArchiveOption = None,
    json: Json = False,
) -> None:
    """Show events of the log, oldest first.

    An event that is not JSON is shown in base64. Events of an account are those that name it, catch-ups that include
    it, and order histories, which cover all accounts. Filters are gateway, account, kind and since.
    """
    if (until is not None or keep) and case is None:
        raise typer.BadParameter("goes with --case only", param_hint="--keep" if keep else "--until")
    if since is not None:
        _when(since, utc_now(), "--since")
    of = options.narrowed(gateway=gateway, account=account, kind=kind, since=since)
    asked = of.singles("events", "gateway", "account", "kind", "since")
    gateway, account, kind, since = (asked[name] for name in ("gateway", "account", "kind", "since"))
    if kind is not None:
        check_kind(kind)
    if case is not None:
        if gateway is None or account is None or refused or kind is not None or json or archive is not None:
            wanted = "needs --gateway and --account, and goes with --since, --until and --keep only"
            raise typer.BadParameter(wanted, param_hint="--case")
        _write_case(config, Place(gateway, account, since, until), case, keep=keep)
    elif refused:
        if kind is not None or since is not None or archive is not None:
            raise typer.BadParameter("goes with --gateway, --account and --limit only", param_hint="--refused")
        _show_refused(config, options, asked, limit=limit, json=json)
    else:
        _show(config, options, gateway, Wanted(account, kind, since, limit, archive), json=json)


def _show_refused(
    config: Path | None, options: TableOptions, asked: Mapping[str, str | None], *, limit: int, json: bool
) -> None:
    gateway, account = asked["gateway"], asked["account"]

    def read(connection: Source) -> Answer:
        gateway_names(connection, gateway)
        if account is not None:
            check_account(connection, gateway, account)
        found = refused_events(connection, gateway=gateway, account=account)[-limit:]
        lacking = sum(row["in_force"] is True for row in found)
        if lacking and not json:
            note("the books lack what is in force; please report the reason")
            note("see `recon coverage` for the accounts that are not whole, and the commands that settle them")
        said = f"{counted(len(found), 'event')} refused, {lacking} in force"
        return Answer(
            Screen(tables=[Table(columns=REFUSED, rows=found)], sums=[said], empty="no event is refused"), found
        )

    answer(settings_of(config), "events", options, read, json=json)


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
    archive: Path | None


def _show(config: Path | None, options: TableOptions, gateway: str | None, wanted: Wanted, *, json: bool) -> None:
    account, kind, since, limit, archive = wanted

    def read(connection: Source) -> Answer:
        start = None if since is None else _when(since, utc_now(), "--since")
        names = gateway_names(connection, gateway)
        if account is not None and select_view(connection, "accounts", "account", {}):
            check_account(connection, gateway, account)  # before the books hold any, the log may
        rows = read_events(
            connection,
            gateways=names,
            account=account,
            kind=kind,
            since=start,
            limit=limit if start is None else limit + 1,
            archive=archive,
        )
        more = len(rows) > limit
        rows = rows[:limit]
        if archive is None:
            _note_archived(connection, names, rows, start)
        if more:
            last = rows[-1]
            place = f"event {last['seq']} of {last['gateway']}"
            note(f"more events follow {place}: use --limit for more, --since for later ones")
        whole = options.wide or options.raw or not is_terminal()
        shown = [{**row, "shown": _payload(row, whole=whole)} for row in rows]
        said = counted(len(rows), "event") + ("" if start is not None else ", the latest")
        screen = Screen(tables=[Table(columns=EVENTS, rows=shown)], sums=[said], empty="no events")
        return Answer(screen, [{**row, "payload": _raw(row["payload"])} for row in rows])

    answer(settings_of(config), "events", options, read, json=json)


def _note_archived(
    connection: Source, gateways: Sequence[str], rows: Sequence[Row], start: int | datetime | None
) -> None:
    """Say what is archived of the stretch that a person asked for: of it only kept events are shown."""
    if isinstance(start, datetime):
        told = [end.words for end in archived_ends(connection).values() if start <= end.last_at]
    else:
        first = min((int(str(row["seq"])) for row in rows), default=1) if start is None else start
        told = archived_words(connection, gateways, first)
    for words in told:
        note(words)


def _payload(row: Row, *, whole: bool) -> str:
    """Return a payload as far as a table has room for it, cut between two of its values."""
    text = str(row["payload"] or row["raw_base64"] or "")
    if whole or len(text) <= MOST_SHOWN:
        return text
    start = text[:MOST_SHOWN]
    return f"{start[: max(start.rfind(','), start.rfind('{'), start.rfind('[')) + 1] or start}…"


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
    archive: Path | None = None,
) -> list[Row]:
    """Return events in the order of time: from a log position or time on, or else the latest.

    An account has the events that name it, catch-ups that include it, and answers about all accounts. With an archive
    the events that are archived are its own, and the database has the others.
    """
    rows: list[Row] = []
    filters = {key: value for key, value in {"account": account, "kind": kind}.items() if value is not None}
    where = "".join(f" AND {_FILTERS[key]}" for key in filters)
    order = "DESC" if since is None else "ASC"
    for gateway in gateways:
        archived = archived_rows(connection, archive, gateway)
        first = _position(connection, gateway, since) if isinstance(since, datetime) else since or 0
        statement = (
            f"SELECT {_EVENT_COLUMNS} FROM recon.events WHERE gateway = :gateway AND seq >= :first{where}"  # noqa: S608
            f" ORDER BY seq {order} LIMIT :limit"
        )
        given = {"gateway": gateway, "first": max(first, archived.end + 1), "limit": limit, **filters}
        live = query_rows(connection, statement, given)
        more = limit if since is not None else limit - len(live)
        rows += [*archived.rows(account, kind, since, more), *live]
    rows.sort(key=lambda row: (row["recorded_at"], row["gateway"], row["seq"]))
    return rows[-limit:] if since is None else rows[:limit]


def _position(connection: Source, gateway: str, since: datetime) -> int:
    """Return the first log position at or after a time: log time never goes back, so a binary search finds it."""
    # Of archived events the database has only some.
    find = "SELECT recorded_at FROM recon.events WHERE gateway = :gateway AND seq <= :seq ORDER BY seq DESC LIMIT 1"
    heads = query_rows(connection, "SELECT head_seq FROM recon.gateways WHERE name = :gateway", {"gateway": gateway})
    low, high = 1, int(str(heads[0]["head_seq"] or 0) if heads else 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = query_rows(connection, find, {"gateway": gateway, "seq": middle})
        at = found[0]["recorded_at"] if found else None
        if at is None or (isinstance(at, datetime) and at < since):
            low = middle + 1
        else:
            high = middle
    return low
