"""`recon close`: an account's business day at its cut-off, its sign-off by two logins, and what changed since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Final

import typer

from recon.cli.answer import Answer, answer
from recon.cli.close_screen import (
    DIFFERENCES,
    SIGNED,
    UNIT_FILTERS,
    check_units,
    close_screen,
    difference_rows,
    document_of,
    next_steps,
    signed_rows,
    signed_steps,
)
from recon.cli.connection import operator_connection, reader_connection
from recon.cli.options import AccountsFilter, Config, GatewayFilter, Json, day_of, settings_of, with_options
from recon.cli.output import columns, print_json
from recon.cli.queries import gateway_names
from recon.cli.recording import record
from recon.cli.table import print_table
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.clock import utc_now
from recon.config import Settings
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.errors import ConfigError, IntegrityError
from recon.reads.close import AccountClose, read_closes, signed_closes, verify
from recon.reads.close_days import check_day
from recon.reads.filter import Filter
from recon.reads.known_names import check_filter
from recon.reads.signing import signatures

#: The exit status of a day that is not clean.
NOT_CLEAN: Final = 1
_WRITTEN: Final = columns("gateway", "account", "day", "signature", "seq", "digest")
_VERIFIED: Final = columns("business_day", "gateway", "account", "seq", "digest", "verdict")

Day = Annotated[
    str | None, typer.Option("--date", metavar="DAY", help="The business day. [default: the last one that is over]")
]


@with_options(table_options)
def close(
    options: TableOptions,
    *,
    day: Day = None,
    account: AccountsFilter = None,
    gateway: GatewayFilter = None,
    every: Annotated[bool, typer.Option("--all", help="Every unit, not only those that do not agree.")] = False,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign these days, with --text; a second login signs too.")
    ] = False,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The reason, for whoever reads it in a year.")
    ] = None,
    accept_gaps: Annotated[
        bool, typer.Option("--accept-gaps", help="Sign although coverage is not whole; both logins say so.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="The days that were signed.")] = False,
    show: Annotated[bool, typer.Option("--show", help="What was signed, as it was signed.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="What changed since it was signed.")] = False,
    verified: Annotated[bool, typer.Option("--verify", help="Compute what was signed again from the log.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Close business days, and sign them with two logins.

    Every unit of every account has its opening, movements, what is expected and reported, drift, and open breaks with
    their age in business days. A day is clean if it was covered throughout, each unit agrees, and no break is open.
    Exit status: 0 clean, or done; 1 not clean, or something changed; 4 what was signed cannot be borne out.
    """
    asked = [name for name, wanted in _modes(sign, listed, show, diff, verified) if wanted]
    if len(asked) > 1:
        raise ConfigError(f"give one of {' and '.join(asked)}: each is a question of its own")
    if (text is not None or accept_gaps) and not sign:
        raise ConfigError("--text and --accept-gaps are for --sign")
    only = _narrowed(options.filter, units=not (sign or listed or verified), json=json and not diff)
    gateway, account = _one_gateway(gateway, only), [*(account or ()), *only.account]
    on, settings = None if day is None else day_of(day), settings_of(config)
    if sign:
        _sign(settings, on, gateway, account, text, accept_gaps=accept_gaps, json=json)
    elif listed or show:
        _show_signed(settings, options, on, gateway, account, whole=show, every=every, json=json)
    elif verified:
        _verify(settings, on, gateway, account, json=json)
    else:
        status = [0]
        read = (
            _diff(on, gateway, account, status, only)
            if diff
            else _closes(on, gateway, account, status, only, every=every)
        )
        answer(settings, "close", options, read, json=json)
        if status[0]:
            raise typer.Exit(status[0])


def _modes(sign: bool, listed: bool, show: bool, diff: bool, verified: bool) -> list[tuple[str, bool]]:
    return [("--sign", sign), ("--list", listed), ("--show", show), ("--diff", diff), ("--verify", verified)]


def _narrowed(asked: Filter, *, units: bool, json: bool) -> Filter:
    """Return the filter; a day is signed, listed and verified whole. Errors: ConfigError for what it cannot narrow."""
    names = {"gateway", "account", *(UNIT_FILTERS if units else ())}
    asked.check_names(names, "closings" if units else "what is signed whole")
    asked.check_words()
    if json and UNIT_FILTERS & set(asked.given):
        raise ConfigError("--json has a closing whole, as it is signed: leave out the filter of its units")
    return asked


def _one_gateway(gateway: str | None, only: Filter) -> str | None:
    names = dict.fromkeys([*([gateway] if gateway else []), *only.gateway])
    if len(names) > 1:
        raise ConfigError(f"closings can be of one gateway, or of all; {len(names)} are given")
    return next(iter(names), None)


def _read(source: Source, on: date | None, gateway: str | None, accounts: Sequence[str] | None) -> list[AccountClose]:
    if gateway is not None:
        gateway_names(source, gateway)
    check_filter(source, Filter(gateway=(gateway,) if gateway else (), account=tuple(accounts or ())))
    now = utc_now()
    closes = read_closes(source, now, day=on, gateway=gateway, accounts=accounts or None)
    check_day(closes, now)
    return closes


def _closes(
    on: date | None,
    gateway: str | None,
    accounts: Sequence[str] | None,
    status: list[int],
    only: Filter,
    *,
    every: bool,
) -> Callable[[Source], Answer]:
    def read(source: Source) -> Answer:
        closes = _read(source, on, gateway, accounts)
        check_units([each.shown for each in closes], only)
        chosen = [
            *(["--gateway", gateway] if gateway else []),
            *(part for each in accounts or () for part in ("--account", each)),
        ]
        clean = all(each.shown.clean and not each.differs for each in closes)
        status[0] = 0 if clean else NOT_CLEAN
        now = utc_now()
        screen = close_screen(closes, every=every, now=now, steps=next_steps(closes, chosen, now), only=only)
        return Answer(screen, {"clean": clean, "accounts": [document_of(each) for each in closes]})

    return read


def _diff(
    on: date | None, gateway: str | None, accounts: Sequence[str] | None, status: list[int], only: Filter
) -> Callable[[Source], Answer]:
    def read(source: Source) -> Answer:
        closes = [each for each in _read(source, on, gateway, accounts) if each.signed is not None]
        check_units([each.now for each in closes], only)
        rows = [row for each in closes for row in difference_rows(each.now, each.differs) if only.keeps(row, {"unit"})]
        status[0] = NOT_CLEAN if rows else 0
        empty = "nothing changed since it was signed" if closes else "nothing was signed"
        return Answer(Screen(tables=[Table(columns=DIFFERENCES, rows=rows)], empty=empty), rows)

    return read


def _show_signed(
    settings: Settings,
    options: TableOptions,
    on: date | None,
    gateway: str | None,
    accounts: Sequence[str] | None,
    *,
    whole: bool,
    every: bool,
    json: bool,
) -> None:
    def read(source: Source) -> Answer:
        found = signed_closes(source, gateway=gateway, accounts=accounts or None, day=on)
        if not whole:
            table = Table(columns=SIGNED, rows=signed_rows(found))
            return Answer(
                Screen(tables=[table], steps=signed_steps(found), empty="nothing was signed"), signed_rows(found)
            )
        standing = [
            each for each in found if each.state != "restated" and (on or each.closing.day == found[0].closing.day)
        ]
        closes = [AccountClose(each.closing, each, []) for each in standing]
        if not closes:
            return Answer(Screen(tables=[], empty="nothing was signed"), [])
        check_units([each.shown for each in closes], options.filter)
        screen = close_screen(closes, every=every, now=utc_now(), only=options.filter)
        return Answer(screen, [document_of(each) for each in closes])

    answer(settings, "close", options, read, json=json)


def _sign(
    settings: Settings,
    on: date | None,
    gateway: str | None,
    accounts: Sequence[str] | None,
    text: str | None,
    *,
    accept_gaps: bool,
    json: bool,
) -> None:
    if text is None:
        raise ConfigError("a signature says why: give --text, for whoever reads it in a year")
    with operator_connection(settings, "close") as connection:
        closes = _read(connection, on, gateway, accounts)
        (who,) = query_rows(connection, "SELECT session_user AS login", {})
        decisions = signatures(closes, text.strip(), utc_now(), login=str(who["login"]), accept_gaps=accept_gaps)
        recorded = record(connection, decisions, None)
    events = {each.gateway: iter(range(each.first_seq, each.last_seq + 1)) for each in recorded}
    rows = [
        {
            "gateway": each.gateway,
            "account": each.account,
            "day": each.payload["day"],
            "signature": _signature(each.payload),
            "seq": next(events[each.gateway]),
            "digest": each.payload["digest"],
        }
        for each in sorted(decisions, key=lambda each: each.gateway)
    ]
    if json:
        print_json(rows)
    else:
        print_table(rows, _WRITTEN)


def _signature(payload: object) -> str:
    keys = payload if isinstance(payload, dict) else {}
    if keys.get("action") == "countersign_close":
        return "second"
    return f"first, restates {keys['restates']}" if "restates" in keys else "first"


def _verify(
    settings: Settings, on: date | None, gateway: str | None, accounts: Sequence[str] | None, *, json: bool
) -> None:
    with reader_connection(settings, "close") as connection:
        found = signed_closes(connection, gateway=gateway, accounts=accounts or None, day=on)
        rows = [
            {
                **{key: each.row[key] for key in ("business_day", "gateway", "account", "seq", "digest")},
                "verdict": verify(connection, each) or "verified",
            }
            for each in found
        ]
    if json:
        print_json(rows)
    else:
        print_table(rows, _VERIFIED)
    wrong = [row for row in rows if row["verdict"] != "verified"]
    if wrong:
        raise IntegrityError(
            f"{len(wrong)} of {counted(len(rows), 'closing')} cannot be borne out: {wrong[0]['account']} on "
            f"{wrong[0]['business_day']}: {wrong[0]['verdict']}"
        )
