"""What stands between the rows of a table: the headings of groups, and the lines below a row. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Final

from recon.cli.output import Row, text_of
from recon.cli.tables.look import Look
from recon.cli.tables.table import Note, Table
from recon.cli.tables.text import command_lines, left, width_of, wrapped
from recon.display.words import safe

#: Room between columns.
BETWEEN: Final = "  "
#: How a command goes on: where its next line begins, and how the line before ends.
_MORE: Final = "     \\"
#: Least width of a note, in characters.
LEAST_NOTE: Final = 20


def group_lines(table: Table, look: Look, *, grouped: bool) -> list[tuple[list[int], list[str]]]:
    """Return the numbers of the rows of each group, and the lines of its heading."""
    numbers = list(range(len(table.rows)))
    if not grouped:
        return [(numbers, [])]
    groups: list[tuple[list[int], list[str]]] = []
    for names, members in groupby(numbers, key=lambda index: [text_of(table.rows[index].get(k)) for k in table.group]):
        first, *others = [look.written(name) for name in names]
        *before, last = wrapped("  ".join([first, *others]), look.width)
        if before or not others:
            lines = [look.painted(line, "bold") for line in (*before, last)]
        else:
            lines = [BETWEEN.join([look.painted(first, "bold"), *(look.painted(name, "dim") for name in others)])]
        groups.append((list(members), lines))
    return groups


def _note_text(note: Note, text: str, width: int) -> list[str]:
    if note.verbatim:
        return [text]
    return command_lines(text, width) if note.command else wrapped(text, width)


def note_lines(table: Table, row: Row, shown: Collection[str], look: Look, indent: int) -> list[str]:
    """Return the lines below a row."""
    if table.notes is None:
        return []
    notes = table.notes(row, shown)
    room = max((width_of(note.label) + 2 for note in notes if note.label), default=0)
    lines: list[str] = []
    former = ""
    for note in notes:
        text = look.written(safe(note.text))
        label = "" if note.label == former else note.label
        width = max(look.width - indent - room, LEAST_NOTE)
        if note.command and any(width_of(word) > width - len(_MORE) for word in text.split(" ")):
            # A word too long to stand beside its label has a line of its own, or a shell would read two.
            lines.append(" " * indent + look.painted(label, "dim"))
            lines += [" " * indent + line for line in command_lines(text, look.width - indent, BETWEEN)]
            continue
        for number, line in enumerate(_note_text(note, text, width)):
            lines.append(" " * indent + look.painted(left("" if number else label, room), "dim") + line)
        former = note.label
    return lines
