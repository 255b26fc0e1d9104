"""`recon limits`: which logins are limited to some accounts; the owner limits one, or lifts its limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from sqlalchemy import Engine

from recon.cli.answer import Answer, answer
from recon.cli.connection import log_warnings_only
from recon.cli.options import Config, Json, settings_of, with_options
from recon.cli.output import Column, note, write
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.cli.tables.table import Table
from recon.config.tables import Settings
from recon.db.engine import create_engine
from recon.db.limits import Pattern
from recon.db.limits import lift as lift_limit
from recon.db.limits import limit as limit_login
from recon.db.resolve import resolve_database
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Show and set which accounts a login is limited to.")

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The login in the database.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the change.")]

_LIMITS: Final = [
    Column("login"),
    Column("gateway"),
    Column("account"),
    Column("since", kind="time"),
]
_CHANGES: Final = [
    Column("at", kind="time"),
    Column("by"),
    Column("change"),
    Column("login"),
    Column("gateway"),
    Column("account"),
    Column("reason", prose=True, blank=True),
]
_LIMITS_OF: Final = "SELECT login, gateway, account, since FROM recon.limits ORDER BY login, gateway, account"
_CHANGES_OF: Final = (
    "SELECT at, by, change, login, gateway, account, reason FROM recon.limit_changes ORDER BY number DESC LIMIT 1000"
)


@app.command("show")
@with_options(table_options)
def show(
    options: TableOptions,
    *,
    history: Annotated[bool, typer.Option("--history", help="The last 1000 changes, the latest first.")] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show who is limited to which accounts."""

    def read(connection: Source) -> Answer:
        rows = query_rows(connection, _CHANGES_OF if history else _LIMITS_OF, {})
        logins = len({row["login"] for row in rows})
        screen = Screen(
            tables=[Table(columns=_CHANGES if history else _LIMITS, rows=rows)],
            sums=[f"{counted(logins, 'login')}, {counted(len(rows), 'change' if history else 'pattern')}"],
            empty="no limit was ever changed" if history else "no login is limited: each sees all accounts",
        )
        return Answer(screen, rows)

    answer(settings_of(config), "limits show", options, read, json=json)


@app.command("set")
def set_limit(
    login: Login,
    patterns: Annotated[
        list[str],
        typer.Argument(metavar="GATEWAY:ACCOUNT…", help="What it may see; * stands for any text: 'main:KRAKEN/*'."),
    ],
    *,
    reason: Why,
    config: Config = None,
) -> None:
    """Limit a login to some accounts, in the place of its former limit; this needs the owner's login."""
    wanted = [_pattern(each) for each in dict.fromkeys(patterns)]
    with _owner(settings_of(config)) as engine:
        limit_login(engine, login, wanted, reason)
    write(f"{login} sees {counted(len(wanted), 'pattern')} of accounts and nothing else\n")
    note("a session of theirs that is open now sees no more than that either, from its next query on")


@app.command("lift")
def lift(login: Login, *, reason: Why, config: Config = None) -> None:
    """Let a login see all accounts again; this needs the owner's login."""
    with _owner(settings_of(config)) as engine:
        lift_limit(engine, login, reason)
    write(f"{login} sees all accounts\n")


def _pattern(given: str) -> Pattern:
    gateway, colon, account = given.partition(":")
    if not (colon and gateway and account):
        raise ConfigError(f"{given!r} is no GATEWAY:ACCOUNT; * stands for any text, as in 'main:KRAKEN/*' or '*:DESK1'")
    return Pattern(gateway, account)


@contextmanager
def _owner(settings: Settings) -> Iterator[Engine]:
    log_warnings_only()
    with resolve_database(settings) as handle:
        engine = create_engine(handle.require_owner_url("limits are set and lifted"), "recon limits", pooled=False)
        try:
            yield engine
        finally:
            engine.dispose()
