"""The raw psycopg cursor under a SQLAlchemy Connection, for the hot paths (architecture 6, benchmarks 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import Connection

from recon.errors import DatabaseError


def driver_connection(connection: Connection) -> psycopg.Connection[TupleRow]:
    """Return the psycopg connection under a SQLAlchemy Connection."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise DatabaseError("the engine does not use psycopg; use a postgresql:// url")
    return raw


@contextmanager
def cursor_of(connection: Connection, *, binary: bool = False) -> Iterator[psycopg.Cursor[TupleRow]]:
    """Yield a cursor inside the Connection's own transaction, which commits or rolls back its changes."""
    with driver_connection(connection).cursor(binary=binary) as cursor:
        yield cursor
