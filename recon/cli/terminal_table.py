"""A table on a terminal: words coloured, cells folded or cut where there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recon.cli.output import Column, Row, Value, justify, text_of

#: Least width of a column that may be cut, in characters.
MIN_CUT: Final = 10

_STYLES: Final = {
    "agreed": "green",
    "connected": "green",
    "covered": "green",
    "whole": "green",
    "delivered": "green",
    "cleared": "green",
    "ok": "green",
    "pending": "yellow",
    "catching_up": "yellow",
    "unresolved": "yellow",
    "waiting": "yellow",
    "running": "yellow",
    "retrying": "yellow",
    "stale": "yellow",
    "silent": "yellow",
    "break": "bold red",
    "open": "bold red",
    "gap": "red",
    "disconnected": "red",
    "failing": "red",
    "failed": "red",
    "unmodelled": "dim",
    "unobserved": "dim",
}


def styled(value: Value) -> Text:
    """Return a value in the colour of its word."""
    text = text_of(value)
    return Text(text, style=_STYLES.get(text, ""))


def terminal_table(rows: Sequence[Row], columns: Sequence[Column], title: str) -> str:
    """Return rows as a table for this terminal."""
    table = Table(
        box=None,
        header_style="dim",
        pad_edge=False,
        title=title or None,
        title_justify="left",
        expand=any(column.cut for column in columns),
    )
    for column in columns:
        if column.cut:
            # A column that may be cut gets the room that the others leave.
            table.add_column(column.heading, overflow="ellipsis", no_wrap=True, ratio=1, min_width=MIN_CUT)
        else:
            table.add_column(column.heading, justify=justify(rows, column), overflow="fold")
    for row in rows:
        table.add_row(*(styled(row.get(column.key)) for column in columns))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get()
