"""The raw psycopg cursor under a SQLAlchemy Connection, for the hot paths (architecture 6, benchmarks 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Connection

from recon.errors import DatabaseError


def driver_connection(connection: Connection) -> psycopg.Connection[TupleRow]:
    """Return the psycopg connection that a SQLAlchemy Connection stands on."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise DatabaseError("the engine does not stand on psycopg; use a postgresql:// url")
    return raw


@contextmanager
def cursor_of(connection: Connection, *, binary: bool = False) -> Iterator[psycopg.Cursor[TupleRow]]:
    """Give a cursor inside the Connection's own transaction; it commits and rolls back with it."""
    with driver_connection(connection).cursor(binary=binary) as cursor:
        yield cursor
