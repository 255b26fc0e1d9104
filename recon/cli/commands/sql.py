"""`recon sql`: ask the database of the settings in SQL, as somebody who only reads."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from recon.cli.connection import connect_reader, existing_database
from recon.cli.listing import MAX_ROWS
from recon.cli.options import CONFIG_VARIABLE, settings_of
from recon.cli.output import Column, note, print_json, write
from recon.cli.result_output import Format, plain_rows, print_csv, table_of
from recon.cli.sql_prompt import run_prompt
from recon.cli.table import print_table, print_tables
from recon.db.analyst import AnalystSession, analyst_session, session_parameters
from recon.db.resolve import DatabaseHandle
from recon.errors import ConfigError, EmbeddedPostgresError
from recon.nearest import hint
from recon.reads.sql_catalogue import CatalogueObject, as_dbt, as_markdown, read_catalogue

#: Rows that a statement shows where nobody says how many.
USUAL_ROWS: Final = 1000
#: Tells psql's password to psql alone: no command line holds it.
PASSWORD: Final = "PGPASSWORD"  # noqa: S105 - the name of a variable


class PrintFormat(StrEnum):
    """How rows, or the catalogue, are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    DBT = "dbt"


ConfigHere = Annotated[
    Path | None,
    typer.Option("--config", envvar=CONFIG_VARIABLE, metavar="FILE", help="Settings file (TOML)."),
]


def sql(
    *,
    config: ConfigHere = None,
    command: Annotated[
        str | None, typer.Option("--command", "-c", metavar="QUERY", help="Run one statement, and print its rows.")
    ] = None,
    catalogue: Annotated[bool, typer.Option("--catalogue", help="Print every view, function and column.")] = False,
    format_: Annotated[
        PrintFormat, typer.Option("--format", help="How it is printed; markdown and dbt are of the catalogue.")
    ] = PrintFormat.TABLE,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MAX_ROWS, help="Print at most so many rows.")
    ] = USUAL_ROWS,
    psql: Annotated[bool, typer.Option("--psql/--no-psql", help="Open psql where there is one.")] = True,
) -> None:
    """Ask in SQL: open psql or a prompt, or run one statement.

    The session only reads, as the analyst where the login may. A statement runs 60 seconds at most.
    """
    with existing_database(settings_of(config)) as handle:
        if catalogue:
            _print_catalogue(handle, format_)
            return
        rows = _row_format(format_)
        with connect_reader(handle.analyst_url, "sql"):
            pass  # a database without our schema is told of before any prompt opens
        found = _psql(packed=handle.owner_url is not None) if psql and command is None and sys.stdin.isatty() else None
        if found is not None:
            raise typer.Exit(_open_psql(found, handle.analyst_url))
        with analyst_session(handle.analyst_url, "recon sql") as session:
            if command is not None:
                _print_rows(session, command, limit, rows)
            else:
                _prompt(handle, session, limit, rows)


def _row_format(format_: PrintFormat) -> Format:
    if format_ in {PrintFormat.MARKDOWN, PrintFormat.DBT}:
        raise ConfigError(f"--format {format_} is of the catalogue; rows are printed as table, json or csv")
    return Format(format_.value)


def _print_rows(session: AnalystSession, statement: str, limit: int, format_: Format) -> None:
    answered = session.ask(statement, limit)
    rows = plain_rows(answered.columns, answered.rows)
    if format_ is Format.JSON:
        print_json(rows)
    elif format_ is Format.CSV:
        print_csv(answered.columns, rows)
    elif rows:
        print_tables([table_of(answered.columns, rows)])
    else:
        note("no rows")
    if answered.more:
        note(f"the first {limit}; there are more: --limit")


def _prompt(handle: DatabaseHandle, session: AnalystSession, limit: int, format_: Format) -> None:
    def describe(name: str | None) -> None:
        with connect_reader(handle.analyst_url, "sql") as reader:
            found = read_catalogue(reader)
        if name is None:
            print_table([{"name": each.name, "about": each.about} for each in found], _ABOUT)
            return
        _describe(found, name)

    run_prompt(input, lambda statement: _print_rows(session, statement, limit, format_), describe)


_ABOUT: Final = [Column("name"), Column("about", prose=True)]


def _describe(found: list[CatalogueObject], name: str) -> None:
    named = [each for each in found if each.name == name]
    if not named:
        raise ConfigError(f"there is no recon.{name}; {hint(name, {each.name for each in found})}")
    for each in named:
        write(f"{each.kind} recon.{each.name}: {each.about}\n")
        rows = [{"column": c.name, "type": c.type, "meaning": c.meaning or ""} for c in each.columns]
        print_table(rows, [Column("column"), Column("type"), Column("meaning", prose=True)])


def _print_catalogue(handle: DatabaseHandle, format_: PrintFormat) -> None:
    with connect_reader(handle.analyst_url, "sql") as reader:
        found = read_catalogue(reader)
    if format_ is PrintFormat.MARKDOWN:
        write(as_markdown(found))
    elif format_ is PrintFormat.DBT:
        write(as_dbt(found))
    elif format_ is PrintFormat.TABLE:
        print_table([{"name": each.name, "about": each.about} for each in found], _ABOUT)
    else:
        rows = [
            {
                "kind": each.kind, "object": each.name, "arguments": each.arguments, "about": each.about,
                "column": column.name, "type": column.type, "meaning": column.meaning,
            }
            for each in found
            for column in each.columns
        ]  # fmt: skip
        if format_ is PrintFormat.JSON:
            print_json(rows)
        else:
            print_csv(list(rows[0]), rows)


def _psql(*, packed: bool) -> str | None:
    """Return the psql to open: that of the system, or else the `packed` one of the embedded server; None: neither."""
    return shutil.which("psql") or (_packed_psql() if packed else None)


def _packed_psql() -> str | None:
    from recon.db.embedded.binaries import packed_binaries  # noqa: PLC0415 - a named database needs no programs

    try:
        program = packed_binaries() / "psql"
    except EmbeddedPostgresError:
        return None
    return str(program) if os.access(program, os.X_OK) else None


def _open_psql(program: str, url: str) -> int:
    """Run psql on the terminal and return its status; Ctrl-C is psql's own, to cancel a query."""
    parameters = session_parameters(url, "recon sql")
    password = parameters.pop("password", None)
    environment = dict(os.environ) | ({} if password is None else {PASSWORD: password})
    conninfo = " ".join(f"{name}='{_quoted(value)}'" for name, value in parameters.items())
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run([program, "--no-psqlrc", conninfo], env=environment, check=False).returncode  # noqa: S603 - psql
    finally:
        signal.signal(signal.SIGINT, former)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
