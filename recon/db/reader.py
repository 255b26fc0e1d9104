"""A connection that only reads, for commands that must start fast: psycopg alone, without SQLAlchemy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, TupleRow, dict_row, tuple_row

from recon.db.parameters import URL_REFUSED, libpq_parameters
from recon.errors import ConfigError

#: A URL's user, password, and the rest. A password may contain characters that libpq expects as percent codes.
_URL: Final = re.compile(r"postgres(?:ql)?(?:\+\w+)?://(?:([^:/@]*)(?::([^@]*))?@)?(.*)")
#: `:name`, but neither the cast `::name` nor a part of a word.
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z]\w*)")


class Reader:
    """Runs queries in one read-only transaction. Parameters are written `:name`, as for SQLAlchemy's `text`."""

    def __init__(self, connection: psycopg.Connection[DictRow]) -> None:
        self._connection = connection

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[DictRow]:
        """Return the rows of a query, each as a mapping."""
        return self._connection.execute(_bound(statement), parameters).fetchall()

    def batches(
        self, statement: str, parameters: Mapping[str, object], *, rows: int, timeout: timedelta
    ) -> Iterator[list[TupleRow]]:
        """Yield the rows of a query in batches of so many, as tuples; the others stay on the server.

        `timeout` is the longest that the server may take for one batch. The first one may have to sort all rows.
        """
        milliseconds = timeout // timedelta(milliseconds=1)
        self._connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        # All rows are wanted, not the first ones soon.
        self._connection.execute("SELECT set_config('cursor_tuple_fraction', '1', true)")
        with self._connection.cursor("batches", row_factory=tuple_row) as cursor:
            cursor.execute(_bound(statement), parameters, binary=True)
            while found := cursor.fetchmany(rows):
                yield found


def _bound(statement: str) -> bytes:
    """Return a statement with its parameters as the driver writes them."""
    return _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%")).encode()


@contextmanager
def open_reader(url: str, application_name: str, *, snapshot: bool = False) -> Iterator[Reader]:
    """Connect to read in one transaction, whose queries all see one state of the database with `snapshot`.

    Raise ConfigError if the URL is not one of Postgres.
    """
    # Only closed: after Ctrl-C the connection is busy and refuses a rollback.
    with closing(psycopg.connect(conninfo_of(url, application_name), row_factory=dict_row)) as connection:
        level = psycopg.IsolationLevel
        connection.isolation_level = level.REPEATABLE_READ if snapshot else level.READ_COMMITTED
        connection.read_only = True
        yield Reader(connection)


def conninfo_of(url: str, application_name: str) -> str:
    """Return what libpq connects by. Raise ConfigError if the URL is not one of Postgres."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ConfigError(URL_REFUSED)
    user, password, rest = parts.groups()
    try:
        given = conninfo_to_dict(f"postgresql://{'' if user is None else f'{user}@'}{rest}")
    except psycopg.ProgrammingError:
        raise ConfigError(URL_REFUSED) from None  # the driver's message quotes the URL
    if not str(given.get("port") or "0").isdigit():
        raise ConfigError(URL_REFUSED)
    if password is not None:
        given["password"] = unquote(password)
    keywords = {name: str(value) for name, value in given.items()} | libpq_parameters(given, application_name)
    return make_conninfo(**keywords)
