"""`recon coverage`: what each account was truly observed in, what its gaps came to, and what is still open.

1. A stretch counts as far as it lies in the time asked for; one that is going on lasts until now while its log is
   written, else until the end of the log: nobody watched after it.
2. A share of time is rounded down: 100 % means all of it.
3. An open question about an order that is still unaccounted for is shown however old it is, with the command that
   settles it; what cannot be recovered belongs to its stretch.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Final

import typer
from sqlalchemy import Connection

from recon.cli import reading
from recon.cli.options import AccountFilter, Config, GatewayFilter, Json, moment_of, settings_of
from recon.cli.reading import SIGN_OF_LIFE, rows_of
from recon.cli.show import Column, Row, note, print_json, print_table, text_of

#: What is looked at where nothing is said.
DEFAULT_SINCE: Final = "1d"

ACCOUNTS: Final = [
    *(Column(key) for key in ("gateway", "account", "state", "since")),
    Column("covered", "covered %"),
    Column("observed", "observed %"),
    *(Column(key) for key in ("catch_up", "clock_skew")),
    Column("reason"),
]
STRETCHES: Final = [
    *(Column(key) for key in ("gateway", "account", "from_time", "until_time", "lasted", "state", "reason")),
    Column("recovery"),
]
QUESTIONS: Final = [*(Column(key) for key in ("gateway", "account", "from_time")), Column("question")]

#: The last question of a catch-up that has more than it keeps in words: each order is known beside it.
_AND_MORE: Final = re.compile(r"and \d+ more")
#: How a question about an order begins.
_OF_ORDER: Final = "order "
_NOT_TOLD: Final = "it was open before a gap, and what became of it is not known"

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
    SELECT s.gateway, s.account,
           extract(epoch FROM :now - greatest(min(s.from_time), :since)) AS asked,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (WHERE s.state = 'covered')), 0) AS covered,
           coalesce(extract(epoch FROM sum(s.over - s.begun) FILTER (
               WHERE s.state IN ('covered', 'unresolved'))), 0) AS observed
    FROM ({stretches}) AS s GROUP BY s.gateway, s.account
"""


def coverage(
    *,
    config: Config = None,
    gateway: GatewayFilter = None,
    account: AccountFilter = None,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="From a time (2026-01-05T09:00:00Z) or an age (2h, 7d) on.")
    ] = DEFAULT_SINCE,
    every: Annotated[bool, typer.Option("--all", help="Also the stretches that were covered.")] = False,
    json: Json = False,
) -> None:
    """Show what was observed, what was missed, and what is open.

    Covered: all of it was seen. Observed: seen, but orders of a gap are not accounted for.
    """
    now = datetime.now(UTC)
    start = moment_of(since, now)
    if start is None or start > now:
        raise typer.BadParameter("must be a time that is over (2026-01-05T09:00:00Z) or an age (2h, 7d)")
    with reading.reading(settings_of(config), "coverage") as connection:
        if gateway is not None:
            reading.gateway_names(connection, gateway)
        found = gather(connection, gateway=gateway, account=account, since=start, now=now, every=every)
    if json:
        print_json(found)
    else:
        _print(found, since=start, every=every)


def gather(
    connection: Connection, *, gateway: str | None, account: str | None, since: datetime, now: datetime, every: bool
) -> dict[str, Sequence[Row]]:
    """Return gateways, accounts, stretches from a time on (without `every` only those not covered), open questions."""
    wanted = {"gateway": gateway, "account": account}
    accounts = reading.select(connection, "accounts", "gateway, account", wanted)
    given = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"v.{column} = :{column}" for column in given) or "true"
    times = {"since": since, "now": now, "sign_of_life": SIGN_OF_LIFE}
    stretches = _STRETCHES.format(where=where)
    shares = rows_of(connection, _SHARES.format(stretches=stretches), {**given, **times})
    by_account = {(row["gateway"], row["account"]): row for row in shares}
    shown = "true" if every else "s.state <> 'covered'"
    lines = rows_of(
        connection,
        f"SELECT s.gateway, s.account, s.from_seq, s.until_seq, s.from_time, s.until_time,"  # noqa: S608 - our own
        f" s.over - s.from_time AS lasted, s.state, s.reason, s.recovery FROM ({stretches}) AS s WHERE {shown}"
        " ORDER BY s.from_time, s.gateway, s.account, s.from_seq",
        {**given, **times},
    )
    gateways = reading.select(connection, "gateways", "name", {"name": gateway})
    return {
        "gateways": [{key: row[key] for key in ("name", "state", "last_event_at")} for row in gateways],
        "accounts": [_with_shares(row, by_account.get((row["gateway"], row["account"]), {})) for row in accounts],
        "stretches": lines,
        "open_questions": open_questions(accounts, _open(connection, wanted), since=since),
    }


def _with_shares(row: Row, share: Row) -> Row:
    return {**row, "covered": _percent(share, "covered"), "observed": _percent(share, "observed")}


def _percent(share: Row, part: str) -> Decimal | None:
    """Return a part of the time asked for, in per cent, rounded down; None where there was no time."""
    asked, seen = share.get("asked"), share.get(part)
    if not isinstance(asked, Decimal) or not isinstance(seen, Decimal) or asked <= 0:
        return None
    return min(100 * seen / asked, Decimal(100)).quantize(Decimal("0.01"), ROUND_FLOOR)


def _open(connection: Connection, wanted: Mapping[str, object]) -> list[Row]:
    rows = reading.select(connection, "catch_ups", "gateway, account, from_seq DESC", {**wanted, "state": "open"})
    return list(rows)


def open_questions(accounts: Sequence[Row], catch_ups: Sequence[Row], *, since: datetime) -> list[Row]:
    """Return what is not accounted for: of each account its orders first; `catch_ups` are the open ones, latest first.

    Each question is told once, with the latest stretch that it is of.
    """
    found: list[Row] = []
    for account in accounts:
        own = [row for row in catch_ups if (row["gateway"], row["account"]) == (account["gateway"], account["account"])]
        orders = _texts(account["unaccounted_orders"])
        found += [_of_order(account, order, own) for order in orders]
        begins = tuple(_begin(order) for order in orders)
        told: set[str] = set()
        for row in own:
            if row is not own[0] and _before(row["until_time"], since):
                continue
            for question in _texts(row["open_questions"]):
                stale = row is not own[0] and question.startswith(_OF_ORDER)
                if stale or question in told or question.startswith(begins) or _AND_MORE.fullmatch(question):
                    continue
                told.add(question)
                found.append(_question(account, row, question))
    return found


def _of_order(account: Row, order: str, catch_ups: Sequence[Row]) -> Row:
    asked = (
        (row, question)
        for row in catch_ups
        for question in _texts(row["open_questions"])
        if question.startswith(_begin(order))
    )
    row, question = next(asked, ({}, f"{_begin(order)}{_NOT_TOLD}"))
    words = ["recon", "order", "settle", "--gateway", account["gateway"], "--account", account["account"]]
    command = shlex.join([*(text_of(word) for word in words), "--order", order, "--text", "TEXT"])
    return _question(account, row, question, order=order, command=command)


def _question(account: Row, row: Row, question: str, *, order: str | None = None, command: str | None = None) -> Row:
    return {
        "gateway": account["gateway"],
        "account": account["account"],
        "from_seq": row.get("from_seq"),
        "from_time": row.get("from_time"),
        "question": question,
        "order": order,
        "command": command,
    }


def _begin(order: str) -> str:
    return f"{_OF_ORDER}{order}: "


def _before(at: object, since: datetime) -> bool:
    return isinstance(at, datetime) and at < since


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _print(found: Mapping[str, Sequence[Row]], *, since: datetime, every: bool) -> None:
    accounts, shown = found["accounts"], text_of(since)
    if not accounts:
        note("no accounts yet")
        return
    print_table([{**row, "clock_skew": _signed(row["clock_skew"])} for row in accounts], ACCOUNTS, title="accounts")
    for row in found["gateways"]:
        if row["state"] == "silent":
            note(f"nothing of {row['name']} was logged since {text_of(row['last_event_at'])}: is the service running?")
    title = f"{'all stretches' if every else 'not covered'} since {shown}"
    print_table(found["stretches"], STRETCHES, title=title, empty=f"every account was covered since {shown}")
    questions = found["open_questions"]
    print_table(questions, QUESTIONS, title="open questions", empty="no open questions")
    commands = [str(row["command"]) for row in questions if row["command"] is not None]
    if commands:
        note("a person who knows what became of an order settles it, TEXT saying how that is known:")
        for command in commands:
            note(f"  {command}")


def _signed(skew: object) -> str | None:
    """Write by how much the EMS's clock seems ahead, with its sign."""
    return None if not isinstance(skew, timedelta) else f"{'+' if skew > timedelta() else ''}{text_of(skew)}"
