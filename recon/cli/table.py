"""Printing rows: a table on a terminal, plain aligned columns for a pipe, or one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from recon.cli.output import Column, Row, print_json
from recon.cli.tables.options import TableOptions
from recon.cli.tables.screen import Screen
from recon.cli.tables.show import print_screen
from recon.cli.tables.table import Table

#: How a table is shown of which nothing is asked.
PLAINLY: Final = TableOptions(pager=False)


def print_rows(
    rows: Sequence[Row], columns: Sequence[Column], *, as_json: bool, empty: str, options: TableOptions = PLAINLY
) -> None:
    """Print those rows that are asked for as one JSON document, or as a table. Errors: ConfigError."""
    if as_json:
        print_json(options.sorted(options.kept(rows, columns)))
    else:
        print_table(rows, columns, empty=empty, options=options)


def print_table(
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    title: str = "",
    empty: str = "nothing",
    options: TableOptions = PLAINLY,
) -> None:
    """Print those rows that are asked for as a table on a terminal, else as plain aligned columns."""
    print_tables([Table(columns=columns, rows=rows, title=title)], empty=empty, options=options)


def print_tables(tables: Sequence[Table], *, empty: str = "nothing", options: TableOptions = PLAINLY) -> None:
    """Print several tables as one screen, each with those rows that are asked for. Errors: ConfigError."""
    kept = [msgspec.structs.replace(table, rows=options.kept(table.rows, table.columns)) for table in tables]
    if any(table.rows for table in tables) and not any(table.rows for table in kept):
        empty = f"no row has {', '.join(options.filter.words())}"
    print_screen(Screen(tables=kept, empty=empty), options)
