"""Queries on either kind of connection: one that only reads, or SQLAlchemy's, which also writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from recon.db.reader import Reader

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: A row of a query, by its columns.
Row: TypeAlias = Mapping[str, object]
#: What a query runs on: the connection of somebody who reads, or of one who also writes.
Source: TypeAlias = "Reader | Connection"


def query_rows(connection: Source, statement: str, parameters: Mapping[str, object]) -> list[Row]:
    """Return the rows of a query, each as a mapping."""
    if isinstance(connection, Reader):
        return list(connection.rows(statement, parameters))
    from sqlalchemy import text  # noqa: PLC0415 - a command that only reads starts without it

    return [dict(row) for row in connection.execute(text(statement), dict(parameters)).mappings()]
