"""What a command shows on a terminal: a line that sums it up, tables, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from recon.cli.tables.layout import table_lines
from recon.cli.tables.look import Look
from recon.cli.tables.parts import BETWEEN
from recon.cli.tables.table import Choice, Table
from recon.cli.tables.text import command_lines, left, width_of, wrapped
from recon.display.shapes import shape_of
from recon.display.words import safe


class NextStep(NamedTuple):
    """A command that can be run now, and what it is for."""

    command: str
    why: str = ""


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """A command's answer for a person.

    `sums` stand on the left of the title line, `moment` (the time, and whether it is current) on the right. `shapes`
    are the words of states whose shapes are explained, `marks` other characters: each, the same in ASCII, and what it
    means. `legend` explains the rest. `empty` is said where no table has a row.
    `at` is the time that ages count back from; None: now.
    """

    tables: Sequence[Table]
    sums: Sequence[str] = ()
    moment: str = ""
    shapes: Sequence[str] = ()
    marks: Sequence[tuple[str, str, str]] = ()
    legend: Sequence[str] = ()
    steps: Sequence[NextStep] = ()
    empty: str = "nothing"
    at: datetime | None = None

    @property
    def rows(self) -> int:
        """Return how many rows it has."""
        return sum(len(table.rows) for table in self.tables)


def screen_lines(screen: Screen, look: Look, choice_of: Callable[[Table], Choice]) -> list[str]:
    """Return a screen as lines for a terminal; a table without rows is left out."""
    if screen.at is not None:
        look = msgspec.structs.replace(look, now=screen.at)
    lines = title_lines(screen, look)
    for table in screen.tables:
        if table.rows:
            lines += ([""] if lines else []) + table_lines(table, look, choice_of(table))
    texts = [*_shapes(screen, look), *screen.legend]
    legend = [line for text in texts for line in wrapped(look.written(text), look.width)]
    footer = [*(look.painted(line, "dim") for line in legend), *step_lines(screen.steps, look)]
    return lines + ([""] if footer and lines else []) + footer


def _shapes(screen: Screen, look: Look) -> list[str]:
    """Return the line that explains shapes; none where there is nothing to explain."""
    shapes = [(shape_of(word), word) for word in screen.shapes]
    marks = [*((shape.glyph, shape.ascii, word) for shape, word in shapes), *screen.marks]
    said = [f"{glyph if look.glyphs else ascii_} {word}" for glyph, ascii_, word in marks]
    return [BETWEEN.join(said)] if said else []


def title_lines(screen: Screen, look: Look) -> list[str]:
    """Return the title: sums on the left, the moment on the right of the last line, or below where they do not fit."""
    lines = [line for text in screen.sums for line in wrapped(look.written(safe(text)), look.width)]
    moment = screen.moment
    if not moment:
        return [look.painted(line, "bold") for line in lines]
    *before, last = lines or [""]
    if width_of(last) + len(BETWEEN) + width_of(moment) > look.width:
        before, last = [*before, last], ""
    room = look.width - width_of(moment)
    painted = [look.painted(line, "bold") for line in before]
    return [*painted, look.painted(left(last, max(room, 0)), "bold") + look.painted(moment, "dim")]


def step_lines(steps: Sequence[NextStep], look: Look) -> list[str]:
    """Return what to do next; what a command is for stands beside it where that fits."""
    label = "next"
    room = len(label) + len(BETWEEN)
    commands = [look.written(step.command) for step in steps]
    longest = max(map(width_of, commands), default=0)
    lines: list[str] = []
    for number, step in enumerate(steps):
        first, *others = command_lines(commands[number], look.width - room)
        beside = f"{left(first, longest)}{BETWEEN}{BETWEEN}{step.why}"
        fits = step.why and not others and width_of(beside) <= look.width - room
        start = look.painted(left(label, room), "bold") if not number else " " * room
        lines.append(start + (beside if fits else first))
        lines += [" " * room + line for line in others]
    return lines
