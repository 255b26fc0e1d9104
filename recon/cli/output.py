"""Printing: one JSON document, a table for a person, or plain columns for a pipe.

1. Control characters are escaped, so that no text from outside changes the state of a terminal.
2. Only a column marked `cut` is shortened, and only on a terminal.
3. Null (not known) is shown as `-`, zero as 0.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from recon.cli.spelling import PLAINLY, Spelling
from recon.cli.tables.text import told_lines
from recon.display.words import safe
from recon.exact import plain

Value: TypeAlias = object
Row: TypeAlias = Mapping[str, Value]

UNKNOWN: Final = "-"
#: What is assumed where a terminal does not tell its columns.
USUAL_WIDTH: Final = 80
#: How a text without a character is shown.
EMPTY: Final = '""'
#: The figures of a unit, as balances and positions show them.
FIGURES: Final = ("reported", "expected", "drift", "explained", "unexplained", "in_flight")


#: How the values of a column are shown; "" is by the first value's own type.
Kind: TypeAlias = Literal[
    "", "text", "state", "mark", "id", "figure", "signed", "worth", "signed_worth", "share", "count", "number",
    "age", "duration", "skew", "time", "exact_time", "strip",
]  # fmt: skip


_SPELLING: Final = ContextVar("recon_spelling", default=PLAINLY)


class Column(msgspec.Struct, frozen=True):
    """A column of a table: the key of its values, its title on a terminal, and how it is shown there.

    `prose` is broken between words where there is little room. Columns give way by `rank`, the highest first; those of
    rank 0 never do. `wide` ones are shown only where all are asked for, and `blank` ones are empty where nothing is
    known. A pipe gets every column, by its key.
    """

    key: str
    title: str = ""
    kind: Kind = ""
    rank: int = 0
    prose: bool = False
    wide: bool = False
    blank: bool = False

    @property
    def heading(self) -> str:
        """Return the title, or else the key in words."""
        return self.title or self.key.replace("_", " ")


def columns(*keys: str) -> list[Column]:
    """Return a column for each key, titled by it."""
    return [Column(key) for key in keys]


def text_of(value: Value) -> str:
    """Return a value as a person reads it, on one line."""
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
        return ", ".join(text_of(item) for item in value)
    return safe(str(value)) or EMPTY


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units; below a minute more finely."""
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


def jsonable(value: Value) -> Value:
    """Return a value that JSON can hold; decimals become plain strings."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value


def write(text: str) -> None:
    """Write to stdout at once. Errors: OutputError."""
    sys.stdout.write(text)
    sys.stdout.flush()


def spell(how: Spelling) -> None:
    """Have commands in what is written for a person be as they called this one."""
    _SPELLING.set(how)


def spelling() -> Spelling:
    """Return how commands are written for the person who called this one."""
    return _SPELLING.get()


def note(text: str) -> None:
    """Write a line for a person to stderr; commands in it are as they called this one.

    On a terminal it is broken between words: the terminal itself would break it anywhere.
    """
    line = safe(spelling().of(text))
    lines = told_lines(line, _width_of_stderr()) if sys.stderr.isatty() else [line]
    sys.stderr.write("".join(f"{each}\n" for each in lines))


def _width_of_stderr() -> int:
    """Return the columns of the terminal that errors are written to: standard output may be a pipe."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH


def print_json(document: Row | Sequence[Row]) -> None:
    """Print one JSON document; a list with one element a line."""
    encode = msgspec.json.Encoder().encode
    if isinstance(document, Mapping):
        write(msgspec.json.format(encode(jsonable(document)), indent=2).decode() + "\n")
        return
    # Line by line: a payload may be nested more deeply than a formatter can follow.
    lines = [encode(jsonable(row)).decode() for row in document]
    write("[" + ",".join(f"\n{line}" for line in lines) + "\n]\n")


def print_document(document: msgspec.Struct) -> None:
    """Print one JSON document of a type of its own, which others know by its schema."""
    write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def justify(rows: Sequence[Row], column: Column) -> Literal["left", "right"]:
    """Return how a column is aligned: numbers to the right."""
    numbers = all(isinstance(row.get(column.key), Decimal | int | None) for row in rows)
    return "right" if numbers else "left"
