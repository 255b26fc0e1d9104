"""A table as a value: its columns, its rows, and how they belong together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec

from recon.cli.output import Column, Row


class Note(NamedTuple):
    """A line below a row: its label, and its text.

    What is `verbatim` is to be copied and stays as it is. A `command` is broken so that a shell reads it as one.
    """

    label: str
    text: str
    verbatim: bool = False
    command: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows and how they are shown.

    `group`: keys whose values are headings above the rows that share them, the first in bold. `units`: keys of figures
    that are of one unit, and so have one scale in each row. `notes`: the lines below a row, given the keys that are
    shown; they begin under the column `notes_under`. `pipe_title` stands for the title where only a pipe needs one.
    `unknown`: nobody chose the columns for their readers, so each that finds no room is named.
    """

    columns: Sequence[Column]
    rows: Sequence[Row]
    title: str = ""
    pipe_title: str = ""
    group: Sequence[str] = ()
    units: Sequence[Sequence[str]] = ()
    notes: Callable[[Row, Collection[str]], Sequence[Note]] | None = None
    notes_under: str = ""
    unknown: bool = False


class Choice(msgspec.Struct, frozen=True):
    """What a person wants to see of a table: these columns, or all of them; `flat`: without headings of groups."""

    columns: tuple[str, ...] = ()
    wide: bool = False
    flat: bool = False
