"""Which columns of a table fit, and the lines that they make; a block for each record where they do not fit. Pure.

1. Columns give way by their rank, the highest first, all of one rank at once; those without a rank never do.
2. Columns of prose are narrowed first of all, and broken between words.
3. Where a figure gives way, what found no room is named below the table.
4. A number is never cut and never broken. Where it does not fit, each record is a block of `name  value` lines.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from recon.cli.output import Column, Row
from recon.cli.tables.blocks import block_lines
from recon.cli.tables.cells import FIGURES, Cells, cells_of, kind_of
from recon.cli.tables.look import LEAST_TABLE, Look
from recon.cli.tables.parts import BETWEEN, group_lines, note_lines
from recon.cli.tables.table import Choice, Table
from recon.cli.tables.text import left, right, wrapped


def table_lines(table: Table, look: Look, choice: Choice) -> list[str]:
    """Return a table as lines for a terminal."""
    grouped = bool(table.group) and not choice.columns and not choice.flat
    chosen = [cells_of(column, table.rows, table.units, look) for column in _wanted(table, choice, grouped=grouped)]
    if not choice.columns:
        chosen = [cells for cells in chosen if not (cells.column.blank and cells.empty)]
    if choice.columns:
        table = msgspec.structs.replace(table, notes=None)  # these columns, and nothing else
    indent = 2 if grouped else 0
    fitting = None if look.width < LEAST_TABLE else _fitting(chosen, look.width - indent, choice)
    heading = [look.painted(line, "bold") for line in wrapped(table.title, look.width)] if table.title else []
    if fitting is None:
        return heading + block_lines(table, chosen, look, grouped=grouped)
    widths = _widths(fitting, look.width - indent)
    return heading + _rows(table, fitting, widths, look, grouped=grouped) + _left_out(table, chosen, fitting, look)


def _wanted(table: Table, choice: Choice, *, grouped: bool) -> list[Column]:
    if choice.columns:
        by_key = {column.key: column for column in table.columns}
        return [by_key[key] for key in choice.columns]
    headings = table.group if grouped else ()
    return [each for each in table.columns if each.key not in headings and (choice.wide or not each.wide)]


def _fitting(chosen: Sequence[Cells], width: int, choice: Choice) -> list[Cells] | None:
    """Return the columns that fit, of those that may give way as many as can stay; None where the others do not."""
    kept = list(chosen)
    while sum(cells.least for cells in kept) + len(BETWEEN) * (len(kept) - 1) > width:
        rank = max((cells.column.rank for cells in kept), default=0)
        if not rank or choice.columns or choice.wide:
            return None
        # Columns of one rank belong together, such as an amount and its asset.
        kept = [cells for cells in kept if cells.column.rank != rank]
    return kept


def _left_out(table: Table, chosen: Sequence[Cells], fitting: Sequence[Cells], look: Look) -> list[str]:
    """Return the line that names the columns without room: all of them, if a figure is one or nobody ranked them."""
    shown = {cells.column.key for cells in fitting}
    gone = [cells for cells in chosen if cells.column.key not in shown and not cells.empty]
    if not table.unknown and not any(kind_of(cells.column, table.rows) in FIGURES for cells in gone):
        return []
    names = ", ".join(cells.column.heading for cells in gone)
    return [look.painted(line, "dim") for line in wrapped(f"no room for {names}", look.width)] if gone else []


def _widths(fitting: Sequence[Cells], width: int) -> list[int]:
    """Return the width of each column: prose gets the room that the others leave, the first column of it first."""
    room = width - sum(cells.least for cells in fitting) - len(BETWEEN) * (len(fitting) - 1)
    widths: list[int] = []
    for cells in fitting:
        more = min(room, cells.natural - cells.least)
        widths.append(cells.least + more)
        room -= more
    return widths


def _rows(table: Table, chosen: Sequence[Cells], widths: Sequence[int], look: Look, *, grouped: bool) -> list[str]:
    indent = "  " if grouped else ""
    headings = [_heading(cells, width) for cells, width in zip(chosen, widths, strict=True)]
    chosen = [_drawn(cells, table.rows, width, look) for cells, width in zip(chosen, widths, strict=True)]
    lines = [look.painted((indent + BETWEEN.join(headings)).rstrip(), "bold")]
    shown = [cells.column.key for cells in chosen]
    under = _offset(table.notes_under, shown, widths) + len(indent)
    for numbers, heading in group_lines(table, look, grouped=grouped):
        lines += heading
        for index in numbers:
            lines += [indent + line if line else line for line in _row(chosen, widths, index, look)]
            lines += note_lines(table, table.rows[index], shown, look, under if table.notes_under else len(indent) + 2)
    return lines


def _heading(cells: Cells, width: int) -> str:
    if cells.column.kind != "strip":
        return (right if cells.to_right else left)(cells.column.heading, width)
    begin, _, end = cells.column.heading.partition("|")
    return begin + right(end, width - len(begin))


def _drawn(cells: Cells, rows: Sequence[Row], width: int, look: Look) -> Cells:
    """Return a column with its strips drawn; any other as it is."""
    if cells.column.kind != "strip":
        return cells
    strips = [row.get(cells.column.key) for row in rows]
    lines = [[each(width, glyphs=look.glyphs) if callable(each) else ""] for each in strips]
    return msgspec.structs.replace(cells, lines=lines)


def _offset(key: str, shown: Sequence[str], widths: Sequence[int]) -> int:
    if key not in shown:
        return 0
    before = widths[: shown.index(key)]
    return sum(before) + len(BETWEEN) * len(before)


def _row(chosen: Sequence[Cells], widths: Sequence[int], index: int, look: Look) -> list[str]:
    columns: list[list[str]] = []
    for cells, width in zip(chosen, widths, strict=True):
        texts = cells.lines[index]
        if cells.column.prose:
            texts = [line for text in texts for line in wrapped(text, width)]
        pad = right if cells.to_right else left
        columns.append([look.painted(pad(text, width), cells.styles[index]) for text in texts])
    height = max(len(texts) for texts in columns)
    filled = [[*texts, *[" " * width] * (height - len(texts))] for texts, width in zip(columns, widths, strict=True)]
    return [BETWEEN.join(parts).rstrip() for parts in zip(*filled, strict=True)]
