"""`recon coverage`: what each account was truly observed in, what its gaps came to, and what is still open.

1. A stretch counts as far as it lies in the time asked for; one that is going on lasts until now while its log is
   written, else until the end of the log: nobody watched after it.
2. A share of time is rounded down: 100 % means all of it.
3. What was asked and answered of a gap is told in one row; the stretches as they are by `--all`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from recon.cli import gap_report, queries
from recon.cli.connection import deciding
from recon.cli.fact_recording import check_accounts, one_gateway
from recon.cli.gap_report import HISTORY, Seen, short
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, moment_of, settings_of, sharing
from recon.cli.output import Column, Row, note, print_json, print_table, text_of
from recon.cli.queries import SIGN_OF_LIFE, rows_of
from recon.cli.recording import Answering, Decision, answering, decide_one
from recon.clock import utc_now
from recon.errors import ConfigError, DecisionRefused

app = typer.Typer(invoke_without_command=True)

#: What is looked at where nothing is said.
DEFAULT_SINCE: Final = "1d"
#: Most stretches that a refusal names.
MAX_NAMED: Final = 5

ACCOUNTS: Final = [
    *(Column(key) for key in ("gateway", "account", "state", "since")),
    Column("covered", "covered %"),
    Column("observed", "observed %"),
    *(Column(key) for key in ("catch_up", "clock_skew")),
    Column("reason"),
]
GAPS: Final = [
    *(Column(key) for key in ("gateway", "account")),
    Column("from_seq", "event"),
    Column("from_time", "from"),
    Column("back_at"),
    Column("whole", "whole at"),
    Column("reasons", "reason"),
    *(Column(key) for key in ("lasted", "orders_found")),
    Column("fills_found", "fills booked"),
    Column("requests", "questions asked"),
]
STRETCHES: Final = [
    *(Column(key) for key in ("gateway", "account", "from_time", "until_time", "lasted", "state", "reason")),
    Column("recovery"),
]
QUESTIONS: Final = [
    *(Column(key) for key in ("gateway", "account")),
    Column("from_seq", "event"),
    Column("from_time", "from"),
    Column("until_time", "until"),
    Column("shown", "question"),
]
_SETTLED: Final = [Column(key) for key in ("gateway", "account", "from_seq", "seq", "outcome")]

# What lies in the time asked for, of each stretch; a log that is no longer written covers nothing more.
_STRETCHES: Final = """
    SELECT v.*, greatest(v.from_time, :since) AS begun,
           greatest(least(coalesce(v.until_time, w.horizon), w.horizon), v.from_time, :since) AS over
    FROM recon.coverage AS v JOIN (
        SELECT g.name, g.last_event_at,
               CASE WHEN g.last_event_at > :now - :sign_of_life THEN :now ELSE g.last_event_at END AS horizon
        FROM recon.gateways AS g
    ) AS w ON w.name = v.gateway
    WHERE coalesce(v.until_time, :now) > :since AND {where}
"""
_SHARES: Final = """
    SELECT s.gateway, s.account, min(s.from_time) <= :since AS known,
           extract(epoch FROM :now - greatest(min(s.from_time), :since)) AS asked,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (WHERE s.state = 'covered')), 0) AS covered,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (
               WHERE s.state IN ('covered', 'unresolved'))), 0) AS observed
    FROM ({stretches}) AS s GROUP BY s.gateway, s.account
"""
# Whatever may be open, and the last of each account.
_CATCH_UPS: Final = """
    SELECT k.* FROM (
        SELECT v.*, v.from_seq = max(v.from_seq) OVER (PARTITION BY v.gateway, v.account) AS is_last
        FROM recon.catch_ups AS v WHERE {where}
    ) AS k
    WHERE k.is_last OR k.state <> 'whole' OR k.ended_at > :since
    ORDER BY k.gateway, k.account, k.from_seq
"""


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
        bool, typer.Option("--all", help="The stretches as they are, also those covered, instead of a row a gap.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what was observed, what was missed, and what is open.

    Of the time since WHEN, or since an account is known: covered % is the part in which all of it was seen; observed %
    also counts time in which it was seen, but orders of a gap are not accounted for. Time after the last event is
    neither.
    """
    if context.invoked_subcommand is not None:
        return
    now = utc_now()
    start = moment_of(since, now)
    if start is None or start > now:
        raise typer.BadParameter("must be a time that is over (2026-01-05T09:00:00Z) or an age (2h, 7d)")
    with queries.reading(settings_of(config), "coverage") as connection:
        if gateway is not None:
            queries.gateway_names(connection, gateway)
        if account is not None:
            queries.check_account(connection, gateway, account)
        found = gather(connection, gateway=gateway, account=account, since=start, now=now, every=every)
    if json:
        print_json(found)
    else:
        _print(found, since=start, now=now, every=every)


def gather(
    connection: Connection, *, gateway: str | None, account: str | None, since: datetime, now: datetime, every: bool
) -> dict[str, Sequence[Row]]:
    """Return gateways, accounts, gaps and stretches from a time on, and open questions.

    Without `every` the stretches are those not covered, and what is too short for anybody to mend is no gap.
    """
    wanted = {"gateway": gateway, "account": account}
    accounts = queries.select(connection, "accounts", "gateway, account", wanted)
    given = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"v.{column} = :{column}" for column in given) or "true"
    times = {"since": since, "now": now, "sign_of_life": SIGN_OF_LIFE}
    within = _STRETCHES.format(where=where)
    shares = rows_of(connection, _SHARES.format(stretches=within), {**given, **times})
    by_account = {(row["gateway"], row["account"]): row for row in shares}
    lines = rows_of(
        connection,
        f"SELECT s.gateway, s.account, s.from_seq, s.until_seq, s.from_time, s.until_time,"  # noqa: S608 - our own
        f" s.over - s.from_time AS lasted, s.state, s.reason, s.recovery FROM ({within}) AS s"
        " ORDER BY s.from_time, s.gateway, s.account, s.from_seq",
        {**given, **times},
    )
    missed = [row for row in lines if row["state"] != "covered"]
    catch_ups = rows_of(connection, _CATCH_UPS.format(where=where), {**given, "since": since})
    seen = Seen(accounts, missed, catch_ups)
    gateways = queries.select(connection, "gateways", "name", {"name": gateway})
    return {
        "gateways": [{key: row[key] for key in ("name", "state", "last_event_at")} for row in gateways],
        "accounts": [_with_shares(row, by_account.get((row["gateway"], row["account"]), {})) for row in accounts],
        "gaps": gap_report.gaps(seen, since=since, now=now, every=every),
        "stretches": lines if every else missed,
        "open_questions": gap_report.open_questions(seen),
    }


def _with_shares(row: Row, share: Row) -> Row:
    covered, observed = _percent(share, "covered"), _percent(share, "observed")
    throughout = covered == 100 and share.get("known") is True
    return {**row, "covered": covered, "observed": observed, "covered_throughout": throughout}


def _percent(share: Row, part: str) -> Decimal | None:
    """Return a part of the time asked for, in per cent, rounded down; None where there was no time."""
    asked, seen = share.get("asked"), share.get(part)
    if not isinstance(asked, Decimal) or not isinstance(seen, Decimal) or asked <= 0:
        return None
    return min(100 * seen / asked, Decimal(100)).quantize(Decimal("0.01"), ROUND_FLOOR)


def _print(found: Mapping[str, Sequence[Row]], *, since: datetime, now: datetime, every: bool) -> None:
    accounts, shown = found["accounts"], text_of(since)
    _print_silent(found["gateways"], now)
    if not accounts:
        note("no accounts yet")
        return
    rows = [{**row, "clock_skew": _signed(row["clock_skew"])} for row in accounts]
    print_table(rows, ACCOUNTS, title=f"accounts, with the % of the time since {shown}")
    whole = all(row["covered_throughout"] for row in accounts)
    words = "every account was covered" if whole else "no gap; covered % tells how much was covered"
    if every:
        print_table(found["stretches"], STRETCHES, title=f"all stretches since {shown}", empty="no stretches")
    else:
        rows = [{**row, "whole": row["open"] or row["whole_at"]} for row in found["gaps"]]
        print_table(
            rows, GAPS, title=f"gaps since {shown}, and those with open questions", empty=f"{words} since {shown}"
        )
    _print_questions(found["open_questions"])


def _print_silent(gateways: Sequence[Row], now: datetime) -> None:
    """Say of which gateways nothing is recorded: whatever else is shown is as old as their last events."""
    for row in gateways:
        last = row["last_event_at"]
        if not isinstance(last, datetime):
            note(f"nothing was recorded of {row['name']} yet: is the service running?")
        elif now - last > SIGN_OF_LIFE:
            ago = text_of(now - last)
            note(f"nothing was recorded of {row['name']} since {text_of(last)} ({ago} ago): is the service running?")


def _print_questions(questions: Sequence[Row]) -> None:
    rows = [{**row, "shown": short(str(row["question"]))} for row in questions]
    print_table(rows, QUESTIONS, title="open questions", empty="no open questions")
    for sentence in dict.fromkeys(str(row["question"]) for row in rows if row["shown"] == HISTORY):
        note(f"{HISTORY}: {sentence}")
    commands = list(dict.fromkeys(str(row["command"]) for row in rows))
    if commands:
        note("a person who knows what became of it settles it, TEXT saying how that is known:")
        for command in commands:
            note(f"  {command}")


def _signed(skew: object) -> str | None:
    """Write by how much the EMS's clock seems ahead, with its sign."""
    return None if not isinstance(skew, timedelta) else f"{'+' if skew > timedelta() else ''}{text_of(skew)}"


@app.command()
@sharing(answering)
def settle(
    given: Answering,
    *,
    account: Annotated[str, typer.Option("--account", "-a", metavar="ID", help="The EMS exchange_id, exactly.")],
    from_seq: Annotated[
        int, typer.Option("--from", metavar="EVENT", min=1, help="The log position that the gap begins at.")
    ],
    text: Annotated[
        str, typer.Option(metavar="TEXT", help="What happened in the gap and how that is known, for the history.")
    ],
    gateway: Annotated[
        str | None, typer.Option("--gateway", "-g", metavar="NAME", help="The gateway; needed where there are several.")
    ] = None,
) -> None:
    """Say what happened in a gap that cannot be made up for.

    Such as orders born and finished in it where the gateway keeps no order history. Orders that are missing by name
    stay so: `recon order settle`.
    """
    with deciding(given.settings, "coverage settle") as connection:
        where = one_gateway(connection, gateway)
        check_accounts(connection, where, [account])
        _check_open(connection, where, account, from_seq)
        payload = {"action": "settle_gap", "account": account, "from_seq": from_seq, "outcome": text}
        shown = {"gateway": where, "account": account, "from_seq": from_seq}
        decide_one(connection, given, Decision(where, payload, account), shown, _SETTLED)


def _check_open(connection: Connection, gateway: str, account: str, from_seq: int) -> None:
    """Refuse a gap of which nothing is open. Errors: ConfigError where there is no such gap, DecisionRefused."""
    wanted = {"gateway": gateway, "account": account}
    rows = queries.select(connection, "catch_ups", "from_seq DESC", wanted)
    known = next((row for row in rows if row["from_seq"] == from_seq), None)
    if known is not None and gap_report.stands(known):
        return
    still = [str(row["from_seq"]) for row in rows if gap_report.stands(row)]
    more = f" and {len(still) - MAX_NAMED} more" if len(still) > MAX_NAMED else ""
    others = f"questions are open of {', '.join(still[:MAX_NAMED])}{more}" if still else "nothing is open of any"
    if known is None:
        raise ConfigError(f"account {account!r} has no gap that begins at event {from_seq}; {others}")
    raise DecisionRefused(f"nothing can be settled of the gap at event {from_seq}: {known['outcome']}; {others}")
