"""The rows of a query that recon does not know beforehand: a table for a person, JSON or CSV for a program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from recon.cli.output import Column, Row, write
from recon.cli.tables.table import Table
from recon.exact import unpadded
from recon.reports.csv_lines import line
from recon.reports.model import Value

#: Columns that say what an amount is of; they stay with it on a narrow terminal.
_OF: Final = frozenset({"account", "asset", "symbol", "unit"})


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def table_of(names: Sequence[str], rows: Sequence[Row], kept: str = "") -> Table:
    """Return a table of rows that nobody knows beforehand.

    Its first column, amounts, what they are of and the `kept` one never give way. The others do from the last one on,
    and are named.
    """
    amounts = {name for name in names if any(isinstance(row[name], Decimal) for row in rows)}
    staying = amounts | _OF | {kept}
    columns = [Column(name, rank=0 if name in staying else place) for place, name in enumerate(names)]
    return Table(columns=columns, rows=rows, unknown=True)


def print_csv(names: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a line of names and a line for each row, exactly; texts that look like formulas are marked."""
    write(line(names) + "".join(line(_value(row[name]) for name in names) for row in rows))


def plain_rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[Row]:
    """Return rows by their names; a value of a type that only the database's driver knows is its text.

    A number comes without the zeros that its column's type pads it with; its value is the same.
    """
    return [{name: _known(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _known(value: object) -> object:
    if isinstance(value, Decimal):
        return unpadded(value)
    if value is None or isinstance(value, str | bool | int | float | date | timedelta | list):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)


def _value(value: object) -> Value:
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo is not None else value.isoformat()
    if value is None or isinstance(value, str | bool | int | Decimal | date):
        return value
    if isinstance(value, timedelta):
        return Decimal(value // timedelta(microseconds=1)).scaleb(-6)
    return str(value)
