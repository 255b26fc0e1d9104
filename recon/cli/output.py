"""Printing: one JSON document, a table for a person, or plain columns for a pipe.

1. What came from outside is printed with its control characters escaped: no frame writes to a terminal's state.
2. Nothing is cut off but what a column says may be, and that only on a terminal.
3. Null (not known) is shown as `-`, zero as 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recon.exact import plain

Value: TypeAlias = object
Row: TypeAlias = Mapping[str, Value]

#: What a shell reports of a program whose reader has gone (128 + SIGPIPE).
CLOSED_PIPE: Final = 141
UNKNOWN: Final = "-"
#: Least room for what may be cut, in characters.
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
    "dismissed": "dim",
}


class Column(msgspec.Struct, frozen=True):
    """A column of a table: which value of a row, under which title; `cut` where a terminal may shorten it."""

    key: str
    title: str = ""
    cut: bool = False

    @property
    def heading(self) -> str:
        """Return the title, by default the key in words."""
        return self.title or self.key.replace("_", " ")


def text_of(value: Value) -> str:
    """Write a value for a person, on one line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, list | tuple):
        return ", ".join(text_of(each) for each in value)
    return safe(str(value)) or '""'


def span(length: timedelta) -> str:
    """Write a length of time for a person: its two largest units; below a minute more finely."""
    if length < timedelta():
        return f"-{span(-length)}"
    if length < timedelta(seconds=1):
        return f"{length // timedelta(milliseconds=1)} ms" if length else "0 s"
    seconds = length // timedelta(seconds=1)
    if seconds < 60:
        tenths = length // timedelta(milliseconds=100) % 10
        return f"{seconds}.{tenths} s" if tenths else f"{seconds} s"
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next(index for index, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2])


def safe(text: str) -> str:
    """Escape what does not print: control characters, line ends, direction marks."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def styled(value: Value) -> Text:
    """Write a value for a terminal, in the colour of what it says."""
    text = text_of(value)
    return Text(text, style=_STYLES.get(text, ""))


def jsonable(value: Value) -> Value:
    """Turn what a view gives into what JSON can hold; decimals become plain strings."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: jsonable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(each) for each in value]
    return value


def write(text: str) -> None:
    """Write to stdout; where its reader has gone (`| head`), end quietly."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(CLOSED_PIPE) from None


def note(text: str) -> None:
    """Tell a person something that is not data."""
    sys.stderr.write(f"{safe(text)}\n")


def print_json(document: Row | Sequence[Row]) -> None:
    """Print one JSON document; of a list, each element on its own line."""
    encode = msgspec.json.Encoder().encode
    if isinstance(document, Mapping):
        write(msgspec.json.format(encode(jsonable(document)), indent=2).decode() + "\n")
        return
    # Line by line: a payload may be nested more deeply than a formatter can follow.
    lines = [encode(jsonable(row)).decode() for row in document]
    write("[" + ",".join(f"\n{line}" for line in lines) + "\n]\n")


def print_table(rows: Sequence[Row], columns: Sequence[Column], *, title: str = "", empty: str = "nothing") -> None:
    """Print rows as a table on a terminal, else as plain aligned columns with a heading."""
    if not rows:
        note(empty)
    elif sys.stdout.isatty():
        _print_rich(rows, columns, title)
    else:
        write((f"# {title}\n" if title else "") + _aligned(rows, columns))


def _print_rich(rows: Sequence[Row], columns: Sequence[Column], title: str) -> None:
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
            # What may be cut gets what room the others leave.
            table.add_column(column.heading, overflow="ellipsis", no_wrap=True, ratio=1, min_width=MIN_CUT)
        else:
            table.add_column(column.heading, justify=_justify(rows, column), overflow="fold")
    for row in rows:
        table.add_row(*(styled(row.get(column.key)) for column in columns))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    write(captured.get())


def _aligned(rows: Sequence[Row], columns: Sequence[Column]) -> str:
    cells = [[column.heading.replace(" ", "_") for column in columns]]
    cells += [[text_of(row.get(column.key)) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    right = [_justify(rows, column) == "right" for column in columns]
    return "".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for line in cells
    )


def _justify(rows: Sequence[Row], column: Column) -> Literal["left", "right"]:
    numbers = all(isinstance(row.get(column.key), Decimal | int | None) for row in rows)
    return "right" if numbers else "left"
