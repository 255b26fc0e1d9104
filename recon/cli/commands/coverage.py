"""`recon coverage`: how much of the time each account was covered, its gaps, and their open questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from recon.cli.connection import operator_connection, reader_connection
from recon.cli.currency import Currency, RequireCurrent, say_currency
from recon.cli.fact_recording import check_accounts, one_gateway
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Column, Row, columns, note, print_json, text_of
from recon.cli.queries import check_account, gateway_names, select_view
from recon.cli.recording import DecisionOptions, decide_one, decision_options
from recon.cli.table import print_table
from recon.clock import utc_now
from recon.deciding.recording import Decision
from recon.errors import ConfigError, DecisionRefused
from recon.reads import gaps
from recon.reads.coverage import read_coverage
from recon.reads.gaps import HISTORY, short
from recon.times import parse_time

app = typer.Typer(invoke_without_command=True)

#: The time that is shown by default.
DEFAULT_SINCE: Final = "1d"
#: Most gaps that an error names.
MAX_NAMED: Final = 5

ACCOUNTS: Final = [
    *columns("gateway", "account", "state", "since"),
    Column("covered", "covered %"),
    Column("observed", "observed %"),
    *columns("catch_up", "clock_skew"),
    Column("reason"),
]
GAPS: Final = [
    *columns("gateway", "account"),
    Column("from_seq", "event"),
    Column("from_time", "from"),
    Column("back_at"),
    Column("complete", "complete at"),
    Column("reasons", "reason"),
    *columns("lasted", "orders_found"),
    Column("fills_found", "fills booked"),
    Column("requests", "REST requests"),
]
STRETCHES: Final = [
    *columns("gateway", "account", "from_time", "until_time", "lasted", "state", "reason"),
    Column("recovery"),
]
QUESTIONS: Final = [
    *columns("gateway", "account"),
    Column("from_seq", "event"),
    Column("from_time", "from"),
    Column("until_time", "until"),
    Column("shown", "question"),
]
_SETTLED: Final = columns("gateway", "account", "from_seq", "seq", "outcome")


@app.callback()
def coverage(
    context: typer.Context,
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="From a time (2026-01-05T09:00:00Z) or an age (2h, 7d) on.")
    ] = DEFAULT_SINCE,
    every: Annotated[
        bool, typer.Option("--all", help="Every stretch of time, also covered ones, instead of one row a gap.")
    ] = False,
    require_current: RequireCurrent = False,
    json: Json = False,
) -> None:
    """Show how much was covered, the gaps, and what is open.

    covered % is the share of the time since WHEN, or since the account's first event, in which every report was seen.
    observed % also counts time in which orders of an earlier gap are not accounted for. Time after the last event
    counts for neither.
    """
    if context.invoked_subcommand is not None:
        return
    now = utc_now()
    start = parse_time(since, now)
    if start is None or start > now:
        raise typer.BadParameter("must be a time in the past (2026-01-05T09:00:00Z) or an age (2h, 7d)")
    settings = settings_of(config)
    with reader_connection(settings, "coverage") as connection:
        if gateway is not None:
            gateway_names(connection, gateway)
        if account is not None:
            check_account(connection, gateway, account)
        currency = say_currency(connection, settings, gateway=gateway, account=account, required=require_current)
        document = read_coverage(connection, gateway=gateway, account=account, since=start, now=now, every=every)
    if json:
        print_json({**currency.document(), **document})
    else:
        _print(document, currency, since=start, every=every)


def _print(document: Mapping[str, Sequence[Row]], currency: Currency, *, since: datetime, every: bool) -> None:
    accounts, shown = document["accounts"], text_of(since)
    if not accounts:
        note("no accounts yet")
        return
    rows = [{**row, "clock_skew": _signed(row["clock_skew"])} for row in accounts]
    print_table(rows, ACCOUNTS, title=f"accounts, in % of the time since {shown}")
    throughout = all(row["covered_throughout"] for row in accounts)
    no_gaps = "all accounts covered" if throughout else "no gap; see covered %"
    so_far = "" if currency.current else ", as far as was seen"
    if every:
        print_table(document["stretches"], STRETCHES, title=f"all stretches since {shown}", empty="no stretches")
    else:
        rows = [{**row, "complete": row["open"] or row["whole_at"]} for row in document["gaps"]]
        title = f"gaps since {shown}, and older ones with open questions"
        print_table(rows, GAPS, title=title, empty=f"{no_gaps} since {shown}{so_far}")
    _print_questions(document["open_questions"])


def _print_questions(questions: Sequence[Row]) -> None:
    rows = [{**row, "shown": short(str(row["question"]))} for row in questions]
    print_table(rows, QUESTIONS, title="open questions", empty="no open questions")
    for sentence in dict.fromkeys(str(row["question"]) for row in rows if row["shown"] == HISTORY):
        note(f"{HISTORY}: {sentence}")
    commands = list(dict.fromkeys(str(row["command"]) for row in rows))
    if commands:
        note("to settle a question, say what happened and how you know (TEXT):")
        for command in commands:
            note(f"  {command}")


def _signed(skew: object) -> str | None:
    """Return with its sign by how much the EMS's clock seems ahead."""
    return None if not isinstance(skew, timedelta) else f"{'+' if skew > timedelta() else ''}{text_of(skew)}"


@app.command()
@with_options(decision_options)
def settle(
    options: DecisionOptions,
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    from_seq: Annotated[int, typer.Option("--from", metavar="EVENT", min=1, help="The event at which the gap begins.")],
    text: Annotated[
        str, typer.Option(metavar="TEXT", help="What happened in the gap and how you know, kept in the history.")
    ],
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
) -> None:
    """Document a gap that cannot be recovered.

    For example, orders that began and ended in it where the gateway keeps no order history. Missing orders that are
    named stay open: `recon order settle`.
    """
    with operator_connection(options.settings, "coverage settle") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, [account])
        _check_open(connection, where, account, from_seq)
        payload = {"action": "settle_gap", "account": account, "from_seq": from_seq, "outcome": text}
        shown = {"gateway": where, "account": account, "from_seq": from_seq}
        decide_one(connection, options, Decision(where, payload, account), shown, _SETTLED)


def _check_open(connection: Connection, gateway: str, account: str, from_seq: int) -> None:
    """Refuse a gap without open questions. Errors: ConfigError where there is no such gap, DecisionRefused."""
    wanted = {"gateway": gateway, "account": account}
    rows = select_view(connection, "catch_ups", "from_seq DESC", wanted)
    gap = next((row for row in rows if row["from_seq"] == from_seq), None)
    if gap is not None and gaps.is_open(gap):
        return
    open_gaps = [str(row["from_seq"]) for row in rows if gaps.is_open(row)]
    more = f" and {len(open_gaps) - MAX_NAMED} more" if len(open_gaps) > MAX_NAMED else ""
    others = f"open gaps: {', '.join(open_gaps[:MAX_NAMED])}{more}" if open_gaps else "no gap is open"
    if gap is None:
        raise ConfigError(f"account {account!r} has no gap that begins at event {from_seq}; {others}")
    raise DecisionRefused(f"the gap at event {from_seq} has no open questions: {gap['outcome']}; {others}")
