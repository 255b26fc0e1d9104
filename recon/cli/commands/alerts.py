"""`recon alerts`: who was told of what, and why; what waits; silences; sending again and trying a receiver."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from recon.cli.alert_actions import ask_for_silence, check_channel, end_silence, send_again, try_channel
from recon.cli.alert_why import waiting_lines, why_text
from recon.cli.connection import operator_connection, reader_connection
from recon.cli.currency import say_currency
from recon.cli.listing import Limit, Listing, Wanted, show_listing
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, columns, note, print_json, write
from recon.cli.recording import Name
from recon.cli.table import print_rows, print_table
from recon.cli.tables.options import TableOptions, one_look_options, table_options
from recon.clock import utc_now
from recon.db.source import Source, query_rows
from recon.display.figures import amount
from recon.display.words import counted
from recon.errors import ConfigError
from recon.reads.alert_pending import pending_document
from recon.reads.alert_why import case_named, why_document
from recon.reads.alerts import ALERTS, NEWS
from recon.reads.known_names import check_scope
from recon.times import parse_time

app = typer.Typer(no_args_is_help=True, help="Show who was told of what and why; silence, retry, test.")

_ONE_SIGNAL: Final = "SELECT * FROM recon_exact.alerts WHERE starts_with(id, :id) ORDER BY id, gateway LIMIT 2"
_MESSAGES: Final = "SELECT * FROM recon.deliveries WHERE starts_with(id, :id) ORDER BY id, channel LIMIT 50"
_MESSAGES_OF: Final = "SELECT * FROM recon.deliveries WHERE signals @> ARRAY[:id] ORDER BY at, channel"
_DELIVERY: Final = [
    *columns("channel", "kind"),
    Column("state", kind="state"),
    Column("attempts", rank=3),
    Column("at", kind="time"),
    Column("delivered_at", "delivered", kind="time", rank=2),
    Column("id", "message", kind="id", rank=1),
    Column("last_error", prose=True, blank=True),
]
_PENDING: Final = [
    Column("channel"),
    Column("state", kind="state"),
    Column("messages"),
    Column("oldest", kind="age"),
    Column("next_attempt_at", "next attempt", kind="time", rank=1),
    Column("last_error", prose=True, blank=True),
]
_HELD: Final = [*columns("channel", "waits_for"), Column("due", kind="time"), *columns("alerts", "cases")]
_WEEKS: Final = columns("channel", "week", "pages", "cases", "acted_on", "share")
_SILENCES: Final = [
    Column("id", kind="id"),
    Column("until", kind="time"),
    Column("of", prose=True),
    Column("by"),
    Column("reason", prose=True, rank=1),
]
_WHAT_IF: Final = columns("day", "channel", "kind", "sent", "would_be")

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="A time, or a span before now (1h, 30d).")]
Channel = Annotated[
    str | None, typer.Option("--channel", metavar="CHANNEL", help="Only this channel, as `recon status` names it.")
]


def _since(text: str, now: datetime) -> datetime:
    at = parse_time(text, now)
    if at is None:
        raise ConfigError(f"--since {text!r} is neither a time nor a span such as 1h or 30d")
    return at


def _with_what(row: Row) -> Row:
    """Return a signal with what it is of, its amount as every figure is written."""
    moved = row["amount"]
    if not isinstance(moved, Decimal):
        return row
    parts = (row["account"], amount(moved, str(row["unit"])), row["cause"])
    return {**row, "what": " ".join(str(part) for part in parts if part)}


_LISTING: Final = Listing(
    read=ALERTS,
    columns=[
        Column("at", kind="time"),
        Column("event"),
        Column("gateway", rank=3),
        Column("what", prose=True),
        Column("state", rank=1),
        Column("channels", rank=2, blank=True),
        Column("case_id", "case", kind="id"),
        *(Column(key, wide=True) for key in ("account", "unit", "cause", "severity", "kind", "id")),
    ],
    noun="alert",
    more=_with_what,
)


@app.command("list")
@with_options(table_options)
def list_alerts(
    options: TableOptions,
    *,
    since: Since = "7d",
    every: Annotated[bool, typer.Option("--all", help="Also that somebody took a break up.")] = False,
    limit: Limit = 50,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show what happened to cases and to recon's sight.

    The latest come first. Filters are gateway, account, unit, cause, severity, case, kind, since and until.
    """
    listing = _LISTING if every else msgspec.structs.replace(_LISTING, read=NEWS)
    from_ = None if options.filter.since else since
    show_listing(listing, options, Wanted(config, gateway, account, None, from_, limit), json=json)


@app.command("show")
def show_alert(
    start: Annotated[str, typer.Argument(metavar="ID", help="A signal or message, or its id's first characters.")],
    *,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show a signal with its messages, or a message with what it told."""
    with reader_connection(settings_of(config), "alerts show") as connection:
        document = _shown(connection, start)
    if json:
        print_json(document)
        return
    from recon.cli.alert_text import message_text, signal_text  # noqa: PLC0415 - other commands start without the words

    found = document["messages"]
    messages, signal = found if isinstance(found, list) else [], document.get("signal")
    width = shutil.get_terminal_size().columns
    write(signal_text(signal, width) if isinstance(signal, Mapping) else message_text(messages, width))
    write("\n")
    print_table(messages, _DELIVERY, title="messages", empty="no message: the policy had none sent")


def _shown(connection: Source, start: str) -> Row:
    """Return a signal or a message with its deliveries. Errors: ConfigError where nothing, or several, begin so."""
    signals = query_rows(connection, _ONE_SIGNAL, {"id": start})
    if len(signals) == 1:
        return {"signal": signals[0], "messages": query_rows(connection, _MESSAGES_OF, {"id": signals[0]["id"]})}
    messages = query_rows(connection, _MESSAGES, {"id": start})
    ids = {row["id"] for row in messages}
    if len(signals) + len(ids) > 1:
        raise ConfigError(f"several signals or messages begin with {start!r}; give more of the id")
    if not messages:
        raise ConfigError(f"no signal or message begins with {start!r}; see `recon alerts list`")
    return {"message": messages[0]["body"], "messages": messages}


@app.command("why")
def why_alert(
    start: Annotated[
        str, typer.Argument(metavar="BREAK", help="A break, case, condition or signal, or its id's first characters.")
    ],
    *,
    gateway: GatewayFilter = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show who was told of a case, step by step, and which rule decided."""
    settings = settings_of(config)
    with reader_connection(settings, "alerts why") as connection:
        named = case_named(connection, start, gateway)
        say_currency(connection, settings, gateway=named[0] or None)
        document = why_document(connection, *named, utc_now())
    if json:
        print_json(document)
    else:
        write(why_text(document))


@app.command("pending")
def show_pending(*, config: Config = None, json: Json = False) -> None:
    """Show what is not delivered yet, what the policy holds, the silences, and how many pages people acted on."""
    settings = settings_of(config)
    with reader_connection(settings, "alerts pending") as connection:
        currency = say_currency(connection, settings)
        document = pending_document(connection)
    if json:
        print_json(document)
        return
    for line in waiting_lines(document["unrouted"]):
        note(line)
    for key, shown, empty in (
        ("messages", _PENDING, "every message is delivered"),
        ("held", _HELD, "the policy holds nothing"),
        ("silences", _SILENCES, "no silence holds"),
        ("weeks", _WEEKS, "no channel was sent anything"),
    ):
        rows = document[key]
        print_table(rows if isinstance(rows, list) else [], shown, title=key, empty=currency.empty(empty))


@app.command("retry")
def retry_alerts(
    start: Annotated[str | None, typer.Argument(metavar="ID", help="One message, by its whole id.")] = None,
    *,
    channel: Channel = None,
    every: Annotated[bool, typer.Option("--all", help="All that were given up, on every channel.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Send now what was given up or waits for a later attempt, and ask receivers that are gone or rest."""
    if (start is not None) + (channel is not None) + every != 1:
        raise ConfigError("name one message by its id, or a channel by --channel, or give --all: exactly one of these")
    settings = settings_of(config)
    with operator_connection(settings, "alerts retry") as connection:
        if channel is not None:
            check_channel(connection, channel, settings)
        count = send_again(connection, channel, start)
    if json:
        print_json({"sent_again": count})
    else:
        note(f"{counted(count, 'message')} that failed before: sent now, under the same ids")


@app.command("test")
def send_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel, such as webhook:ops.")],
    *,
    config: Config = None,
    json: Json = False,
) -> None:
    """Send a test message to a receiver of the settings.

    Exit status 7: the receiver did not take it.
    """
    try_channel(settings_of(config), channel)
    if json:
        print_json({"channel": channel, "delivered": True})
    else:
        note(f"{channel} has taken the test message")


@app.command("silence")
def silence_alerts(
    *,
    until: Annotated[str, typer.Option(metavar="TIME", help="A time, or a span from now (30m, 2h, 1d).")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="The reason, kept with the silence.")],
    gateway: GatewayFilter = None,
    account: Annotated[str | None, typer.Option("--account", "-a", metavar="ID", help="Only this account.")] = None,
    unit: Annotated[str | None, typer.Option(metavar="UNIT", help="Only this asset or contract.")] = None,
    case: Annotated[str | None, typer.Option(metavar="BREAK", help="Only this case, by it or a break of it.")] = None,
    cause: Annotated[str | None, typer.Option(metavar="CAUSE", help="Only this cause.")] = None,
    name: Name = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Hold what would be told, until a time; then it is summed up."""
    at = parse_time(until, utc_now(), ahead=True)
    if at is None:
        raise ConfigError(f"--until {until!r} is neither a time nor a span such as 30m or 2h")
    of: dict[str, str | None] = {"gateway": gateway, "account": account, "unit": unit, "case": case, "cause": cause}
    settings = settings_of(config)
    with operator_connection(settings, "alerts silence") as connection:
        check_scope(connection, of, settings.gateways)
        if case is not None:
            of["gateway"], of["case"] = case_named(connection, case, gateway)
        id_ = ask_for_silence(connection, at, text, name, of)
    if json:
        print_json({"id": id_, "until": at, **of})
    else:
        note(f"silence {id_} holds until {at:%Y-%m-%d %H:%M:%S} UTC; to end it: recon alerts unsilence {id_}")


@app.command("unsilence")
def unsilence_alerts(
    start: Annotated[str, typer.Argument(metavar="ID", help="The silence, by the beginning of its id.")],
    *,
    config: Config = None,
    json: Json = False,
) -> None:
    """End a silence; what it held is told."""
    with operator_connection(settings_of(config), "alerts unsilence") as connection:
        id_ = end_silence(connection, start)
    if json:
        print_json({"id": id_, "ended": True})
    else:
        note(f"silence {id_} is over")


@app.command("what-if")
@with_options(one_look_options)
def what_if_alerts(
    options: TableOptions,
    *,
    rules: Annotated[
        Path, typer.Option("--rules", "-r", metavar="FILE", help="The other policy (TOML): [alerts] of the settings.")
    ],
    since: Since = "30d",
    config: Config = None,
    json: Json = False,
) -> None:
    """Compare messages under another policy.

    The policy is replayed over what happened; nothing is sent, and the service may run.
    """
    from recon.cli.alert_what_if import compared, other_policy  # noqa: PLC0415 - other commands start without it

    options.check_list("what-if", _WHAT_IF)
    settings, now = settings_of(config), utc_now()
    policy = other_policy(rules, settings)
    with reader_connection(settings, "alerts what-if") as connection:
        rows = compared(connection, policy, _since(since, now), now)
    print_rows(rows, _WHAT_IF, as_json=json, empty=f"nothing was signalled since {since}", options=options)
    if not json:
        sent, would = (sum(int(str(row[key])) for row in rows) for key in ("sent", "would_be"))
        note(f"{counted(sent, 'message')} under the policies in force, {would} under the other one")
