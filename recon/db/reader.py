"""A connection that only reads, for commands that must start fast: psycopg alone, without SQLAlchemy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row

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
        query = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
        return self._connection.execute(query.encode(), parameters).fetchall()


@contextmanager
def open_reader(url: str, application_name: str, *, snapshot: bool = False) -> Iterator[Reader]:
    """Connect to read in one transaction, whose queries all see one state of the database with `snapshot`.

    Raise ConfigError if the URL is not one of Postgres.
    """
    # Only closed: after Ctrl-C the connection is busy and refuses a rollback.
    with closing(psycopg.connect(_conninfo(url, application_name), row_factory=dict_row)) as connection:
        level = psycopg.IsolationLevel
        connection.isolation_level = level.REPEATABLE_READ if snapshot else level.READ_COMMITTED
        connection.read_only = True
        yield Reader(connection)


def _conninfo(url: str, application_name: str) -> str:
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
