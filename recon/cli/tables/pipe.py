"""Tables for a pipe: every column by its key, aligned, whole, without colour, shapes or sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from recon.cli.output import Column, Row, justify, text_of
from recon.cli.tables.table import Choice, Table
from recon.display.ages import skew


def pipe_text(table: Table, choice: Choice) -> str:
    """Return a table for a pipe; a title is a line that begins with `#`."""
    by_key = {column.key: column for column in table.columns}
    chosen = [by_key[key] for key in choice.columns] if choice.columns else table.columns
    columns = [column for column in chosen if column.kind not in {"mark", "strip"}]
    title = table.title or table.pipe_title
    return (f"# {title}\n" if title else "") + _aligned(table.rows, columns)


def _cell(value: object, column: Column) -> str:
    return skew(value) if column.kind == "skew" and isinstance(value, timedelta) else text_of(value)


def _aligned(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    cells = [[column.key for column in columns]]
    cells += [[_cell(row.get(column.key), column) for column in columns] for row in rows]
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
