"""`recon coverage`: how much of the time each account was covered, its gaps, and their open questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from recon.cli.answer import Answer, answer
from recon.cli.as_of import KnownAt, ValidAt, past_of, say_times, title_of
from recon.cli.connection import operator_connection
from recon.cli.coverage_screen import coverage_screen
from recon.cli.currency import Currency, RequireCurrent, with_currency
from recon.cli.fact_recording import check_accounts, one_gateway
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, settings_of, with_options
from recon.cli.output import Row, columns, note, text_of
from recon.cli.queries import check_account, gateway_names, select_view
from recon.cli.recording import DecisionOptions, decide_one, decision_options
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.terminal import is_terminal
from recon.clock import utc_now
from recon.db.source import Source
from recon.deciding.recording import Decision
from recon.errors import ConfigError, DecisionRefused
from recon.reads import gaps
from recon.reads.as_of import AsOf
from recon.reads.coverage import read_coverage, read_strips
from recon.reads.gaps import HISTORY, short
from recon.reads.past_coverage import read_past_coverage
from recon.times import parse_time

app = typer.Typer(invoke_without_command=True)

#: The time that is shown by default.
DEFAULT_SINCE: Final = "1d"
#: Most gaps that an error names.
MAX_NAMED: Final = 5

_SETTLED: Final = columns("gateway", "account", "from_seq", "seq", "outcome")


@app.callback()
@with_options(table_options)
def coverage(
    options: TableOptions,
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
    as_of: ValidAt = None,
    known_at: KnownAt = None,
    json: Json = False,
) -> None:
    """Show how much was covered, the gaps, and what is open.

    The share is of the time since WHEN, or since the account's first event, in which every report was seen. `observed`
    also counts time in which orders of an earlier gap are not accounted for. Time after the last event counts for
    neither. Filters are gateway and account. Of a past time WHEN counts back from it, and gaps are listed by their
    stretches: what was found of them later is known of now alone.
    """
    if context.invoked_subcommand is not None:
        return
    past = past_of(as_of, known_at)
    _start(since, past)
    settings = settings_of(config)
    place = options.narrowed(gateway=gateway, account=account).singles("coverage", "gateway", "account")

    def read(connection: Source) -> Answer:
        now, start = past.horizon(utc_now()), _start(since, past)
        if place["gateway"] is not None:
            gateway_names(connection, place["gateway"])
        if place["account"] is not None:
            check_account(connection, place["gateway"], place["account"])
        currency = say_times(connection, settings, past, **place, required=require_current)
        if past.is_past:
            then = read_past_coverage(connection, past, **place, since=start, until=now, every=every)
            title = title_of(currency, now, past)
            screen = coverage_screen(*then, since=start, now=now, every=every, moment=title, past=True)
            unknown = {"gateways": None, "open_questions": None}  # of a past time, which is not none
            return Answer(screen, {**currency.document(), **past.document(), **then.document, **unknown}, currency)
        document = read_coverage(connection, **place, since=start, now=now, every=every)
        strips = read_strips(connection, gateway=place["gateway"], account=place["account"], since=start, now=now)
        moment = title_of(currency, now, past)
        shown = {**document, "accounts": [with_currency(row, currency) for row in document["accounts"]]}
        screen = coverage_screen(shown, strips, since=start, now=now, every=every, moment=moment)
        if not json and not is_terminal():
            _say(document, currency, since=start, every=every)
        return Answer(screen, {**currency.document(), **document}, currency)

    answer(settings, "coverage", options, read, json=json)


def _start(since: str, past: AsOf) -> datetime:
    """Return from when on. Errors: BadParameter for what is no time before the one that is asked for."""
    now = past.horizon(utc_now())
    start = parse_time(since, now)
    if start is None or start > now:
        raise typer.BadParameter(
            "must be a time in the past (2026-01-05T09:00:00Z) or an age (2h, 7d)", param_hint="--since"
        )
    return start


def _say(document: Mapping[str, Sequence[Row]], currency: Currency, *, since: datetime, every: bool) -> None:
    """Say beside a pipe's tables what they lack: that there are no gaps, and how questions are settled."""
    if not document["accounts"]:
        return
    throughout = all(row["covered_throughout"] for row in document["accounts"])
    no_gaps = "all accounts covered" if throughout else "no gap; see covered %"
    if not every and not document["gaps"]:
        note(f"{no_gaps} since {text_of(since)}{'' if currency.current else ', as far as was seen'}")
    questions = document["open_questions"]
    if not questions:
        note("no open questions")
        return
    for sentence in dict.fromkeys(str(row["question"]) for row in questions if short(str(row["question"])) == HISTORY):
        note(f"{HISTORY}: {sentence}")
    note("to settle a question, say what happened and how you know (TEXT):")
    for command in dict.fromkeys(str(row["command"]) for row in questions):
        note(f"  {command}")


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
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed if no account tells it.")
    ] = None,
) -> None:
    """Document a gap that cannot be recovered.

    For example, orders that began and ended in it where the gateway keeps no order history. Missing orders that are
    named stay open: `recon order settle`.
    """
    with operator_connection(options.settings, "coverage settle") as connection:
        where = one_gateway(connection, gateway, [account])
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
