"""A record as a block of `name  value` lines: what is shown where its columns do not fit beside each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from recon.cli.tables.cells import FIGURES, Cells, kind_of
from recon.cli.tables.look import Look
from recon.cli.tables.parts import BETWEEN, LEAST_NOTE, group_lines, note_lines
from recon.cli.tables.table import Table
from recon.cli.tables.text import left, width_of, wrapped
from recon.display.figures import Figure, aligned


def block_lines(table: Table, chosen: Sequence[Cells], look: Look, *, grouped: bool) -> list[str]:
    """Return each record as a block, with an empty line between two of them."""
    named = [cells for cells in chosen if cells.column.kind not in {"mark", "strip"}]
    shown = [cells.column.key for cells in named]
    lines: list[str] = []
    for numbers, heading in group_lines(table, look, grouped=grouped):
        lines += heading
        for index in numbers:
            lines += _block(table, named, index, look)
            lines += [*note_lines(table, table.rows[index], shown, look, 2), ""]
    return lines[:-1]


def _block(table: Table, named: Sequence[Cells], index: int, look: Look) -> list[str]:
    """Return one record; the points of its figures are in one place where they fit so."""
    room = max((width_of(cells.column.heading) for cells in named), default=0)
    space = look.width - room - len(BETWEEN)
    figures = _figures(table, named, index, space)
    lines: list[str] = []
    for cells in named:
        texts = figures.get(cells.column.key) or [text.strip() for text in cells.lines[index]]
        if not any(texts):
            continue
        texts = [line for text in texts for line in _fitted(text, max(space, LEAST_NOTE))]
        name = look.painted(left(cells.column.heading, room), "dim")
        painted = [look.painted(text, cells.styles[index]) for text in texts]
        if any(width_of(text) > space for text in texts):
            # A number that does not fit beside its name has a line of its own.
            lines += [name.rstrip(), *painted]
        else:
            lines += [f"{label}{BETWEEN}{text}".rstrip() for label, text in _labelled(name, room, painted)]
    return lines


def _labelled(name: str, room: int, texts: Sequence[str]) -> list[tuple[str, str]]:
    return [(" " * room if number else name, text) for number, text in enumerate(texts)]


def _fitted(text: str, width: int) -> list[str]:
    return [text] if width_of(text) <= width else wrapped(text.strip(), width)


def _figures(table: Table, named: Sequence[Cells], index: int, space: int) -> dict[str, list[str]]:
    """Return the figures of a record, aligned; nothing where they would not fit."""
    of = {
        cells.column.key: [text.strip() for text in cells.lines[index]]
        for cells in named
        if kind_of(cells.column, table.rows) in FIGURES
    }
    flat = [Figure(whole, point + fraction) for texts in of.values() for whole, point, fraction in map(_parts, texts)]
    lines = aligned(flat)
    if lines and width_of(lines[0]) > space:
        return {}
    rest = iter(lines)
    return {key: [next(rest).rstrip() for _ in texts] for key, texts in of.items()}


def _parts(text: str) -> tuple[str, str, str]:
    return text.partition(".")
