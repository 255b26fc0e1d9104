"""Printing rows: a table on a terminal, plain aligned columns for a pipe, or one JSON document."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from recon.cli.output import Column, Row, justify, note, print_json, text_of, write


def print_rows(rows: Sequence[Row], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print rows as one JSON document, or as a table."""
    if as_json:
        print_json(rows)
    else:
        print_table(rows, columns, empty=empty)


def print_table(rows: Sequence[Row], columns: Sequence[Column], *, title: str = "", empty: str = "nothing") -> None:
    """Print rows as a table on a terminal, else as plain aligned columns."""
    if not rows:
        note(empty)
    elif sys.stdout.isatty():
        from recon.cli.terminal_table import terminal_table  # noqa: PLC0415 - rich costs a pipe more than its table

        write(terminal_table(rows, columns, title))
    else:
        write((f"# {title}\n" if title else "") + _aligned(rows, columns))


def _aligned(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    cells = [[column.heading.replace(" ", "_") for column in columns]]
    cells += [[text_of(row.get(column.key)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    right = [justify(rows, column) == "right" for column in columns]
    return "".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for line in cells
    )
