"""Printing rows: a table on a terminal, plain aligned columns for a pipe, or one JSON document."""

from __future__ import annotations

from collections.abc import Sequence

from recon.cli.output import Column, Row, print_json
from recon.cli.tables.options import TableOptions
from recon.cli.tables.screen import Screen
from recon.cli.tables.show import print_screen
from recon.cli.tables.table import Table


def print_rows(rows: Sequence[Row], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print rows as one JSON document, or as a table."""
    if as_json:
        print_json(rows)
    else:
        print_table(rows, columns, empty=empty)


def print_table(rows: Sequence[Row], columns: Sequence[Column], *, title: str = "", empty: str = "nothing") -> None:
    """Print rows as a table on a terminal, else as plain aligned columns."""
    table = Table(columns=columns, rows=rows, title=title)
    print_screen(Screen(tables=[table], empty=empty), TableOptions(pager=False))
