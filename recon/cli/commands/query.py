"""`recon query`: questions of the cookbook, each with why it is asked and on how much coverage its answer rests."""

from __future__ import annotations

from typing import Annotated

import typer

from recon.cli.answer import Answer, answer
from recon.cli.connection import reader_connection
from recon.cli.currency import moment_of, say_currency
from recon.cli.options import Config, settings_of, with_options
from recon.cli.output import Column, Row, note, print_json, write
from recon.cli.result_output import Format, plain_rows, print_csv, table_of
from recon.cli.table import print_table
from recon.cli.tables.options import TableOptions, table_options
from recon.cli.tables.screen import Screen
from recon.clock import utc_now
from recon.config import Settings
from recon.db.source import Source, query_rows
from recon.display.words import counted
from recon.errors import ConfigError
from recon.reads.cookbook import Question, question_named, read_questions
from recon.times import parse_time


@with_options(table_options)
def query(
    options: TableOptions,
    *,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A question, as --list has it.")] = None,
    config: Config = None,
    list_: Annotated[bool, typer.Option("--list", help="List the questions, with why they are asked.")] = False,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="WHEN", help="What was true at a time, or so long ago.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="WHEN", help="As it was known at a time, or so long ago.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.TABLE,
    sql: Annotated[bool, typer.Option("--sql", help="Print the question's SQL instead of asking it.")] = False,
) -> None:
    """Ask a question of the cookbook, or list them all.

    Each answer has a column that tells on how much coverage it rests.
    """
    if list_ or name is None:
        _list(format_)
        return
    question = question_named(name)
    if sql:
        write(question.sql + "\n")
        return
    parameters = _times(question, as_of, known_at)
    _ask(settings_of(config), question, parameters, options, format_)


def _list(format_: Format) -> None:
    rows: list[Row] = [
        {"name": each.name, "question": each.title, "why": each.why, "of_past": each.of_past, "coverage": each.coverage}
        for each in read_questions().values()
    ]
    if format_ is Format.JSON:
        print_json(rows)
    elif format_ is Format.CSV:
        print_csv(list(rows[0]), rows)
    else:
        print_table(rows, [Column("name"), Column("question", prose=True)])


def _times(question: Question, as_of: str | None, known_at: str | None) -> dict[str, object]:
    if not question.of_past:
        if as_of is not None or known_at is not None:
            past = [each.name for each in read_questions().values() if each.of_past]
            raise ConfigError(f"{question.name} is a question of now; of a past time are {', '.join(past)}")
        return {}
    now = utc_now()
    times: dict[str, object] = {}
    for option, key, text in (("--as-of", "valid_at", as_of), ("--known-at", "known_at", known_at)):
        at = None if text is None else parse_time(text, now)
        if text is not None and at is None:
            raise ConfigError(f"{option} {text} is no time: give one such as 2026-01-05T17:00:00Z, or 30s, 5m, 2h, 1d")
        if at is not None and at > now:
            raise ConfigError(f"{option} {text} is ahead of now: only what was can be asked for")
        times[key] = at
    return times


def _ask(
    settings: Settings, question: Question, parameters: dict[str, object], options: TableOptions, format_: Format
) -> None:
    if format_ is Format.CSV:
        with reader_connection(settings, "query") as connection:
            rows = _rows(connection, question, parameters)
        print_csv(list(rows[0]) if rows else [], rows)
        return

    def read(connection: Source) -> Answer:
        currency, now = say_currency(connection, settings), utc_now()
        found = _rows(connection, question, parameters)
        names = list(found[0]) if found else []
        table = table_of(names, found, question.coverage_column)
        screen = Screen(
            tables=[table],
            sums=[question.title, counted(len(found), "row")],
            moment=moment_of(currency, now),
            legend=[question.why, f"{question.coverage_column}: {question.coverage}"],
            empty=currency.empty("no rows"),
        )
        return Answer(screen, {**currency.document(), "question": question.title, "rows": found}, currency)

    answer(settings, "query", options, read, json=format_ is Format.JSON)
    if format_ is Format.TABLE and not parameters.get("valid_at") and question.of_past:
        note("of now; --as-of asks of a past time")


def _rows(connection: Source, question: Question, parameters: dict[str, object]) -> list[Row]:
    found = query_rows(connection, question.sql.rstrip(";"), parameters)
    return plain_rows(list(found[0]), (list(row.values()) for row in found)) if found else []
