"""A folded table, declared once: one list of columns gives the table, the insert and the values.

A column says how its value is read from a row's source. Values are collected column by column, for that is how
`recon.db.bulk` sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from recon.db import bulk
from recon.db.bulk import Cell
from recon.db.metadata import edition_key, metadata

Source = TypeVar("Source")
#: The types that `recon.db.bulk` sends.
ColumnType = type[Text | BigInteger | Integer | Boolean | LargeBinary | Numeric[Decimal] | JSONB] | DateTime

#: A time column; its values are microseconds since the epoch.
Moment: Final = DateTime(timezone=True)

#: What is stored to go on folding, and JSON as a column of type jsonb takes it.
packed: Final = msgspec.msgpack.Encoder().encode


def as_json(value: object) -> str:
    """Return a value as the text of a JSON column."""
    return msgspec.json.encode(value).decode()


class EditionKey(NamedTuple):
    """The edition of a gateway that rows belong to."""

    gateway: str
    edition: int


class FoldedColumn(NamedTuple, Generic[Source]):
    """A column, and how its value is read from a row's source."""

    name: str
    type: ColumnType
    value: Callable[[Source], Cell]
    is_key: bool
    is_nullable: bool


def key(name: str, type_: ColumnType, value: Callable[[Source], Cell]) -> FoldedColumn[Source]:
    """Declare a column of the primary key."""
    return FoldedColumn(name, type_, value, is_key=True, is_nullable=False)


def column(name: str, type_: ColumnType, value: Callable[[Source], Cell]) -> FoldedColumn[Source]:
    """Declare a column that always has a value."""
    return FoldedColumn(name, type_, value, is_key=False, is_nullable=False)


def nullable(name: str, type_: ColumnType, value: Callable[[Source], Cell]) -> FoldedColumn[Source]:
    """Declare a column that may be null."""
    return FoldedColumn(name, type_, value, is_key=False, is_nullable=True)


class FoldedTable(Generic[Source]):
    """A table of an edition's rows; gateway and edition begin its key."""

    def __init__(self, name: str, *columns: FoldedColumn[Source]) -> None:
        """Declare the table in recon's metadata."""
        self.names: Final = tuple(each.name for each in columns)
        self._values: Final = tuple(each.value for each in columns)
        self.table: Final = Table(
            name,
            metadata,
            *edition_key(),
            *(Column(each.name, each.type, primary_key=each.is_key, nullable=each.is_nullable) for each in columns),
        )

    def add(self, connection: Connection, edition: EditionKey, sources: Sequence[Source]) -> None:
        """Insert rows that are new."""
        if sources:
            bulk.add(connection, self.table, _fixed(edition), self.names, self.columns(sources))

    def replace(self, connection: Connection, edition: EditionKey, sources: Iterable[Source]) -> None:
        """Insert rows, or replace those with the same key."""
        rows = list(sources)
        if rows:
            columns = self.columns(rows)
            bulk.write(connection, self.table, _fixed(edition), self.names, columns, on_conflict="update")

    def columns(self, sources: Sequence[Source]) -> list[list[Cell]]:
        """Return the values of each column for all rows."""
        return [list(map(value, sources)) for value in self._values]


def _fixed(edition: EditionKey) -> tuple[tuple[str, Cell], ...]:
    return ("gateway", edition.gateway), ("edition", edition.edition)
