"""A session of somebody who asks in SQL: each statement in a transaction that only reads, within a time limit.

1. A statement is sent alone, so that none ends the transaction and writes in a second one.
2. The session takes the analyst's role where its login may, and its search path begins with schema `recon`.
3. Rows are read as they come, and no more than are wanted: what is left is cancelled.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Final, cast

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from recon.db.reader import conninfo_of
from recon.db.roles import ANALYST
from recon.errors import ConfigError

#: What a session of psql or of our own prompt begins with, beside its time limit.
OPTIONS: Final = "-c default_transaction_read_only=on -c search_path=recon,public"
#: Whether this login may act as the analyst, and is not that role already.
_MAY_BE_ANALYST: Final = """
    SELECT current_user <> %(role)s AND pg_has_role(session_user, r.oid, 'MEMBER')
    FROM pg_roles AS r WHERE r.rolname = %(role)s
"""


class Answered(msgspec.Struct, frozen=True):
    """What a statement came to: its columns and rows; `more` where there are further ones."""

    columns: tuple[str, ...]
    rows: list[TupleRow]
    more: bool


class AnalystSession:
    """A connection that answers one statement at a time."""

    def __init__(self, connection: psycopg.Connection[TupleRow]) -> None:
        """Take a connection in autocommit."""
        self._connection = connection

    def ask(self, statement: str, limit: int) -> Answered:
        """Run one statement and return at most so many rows. Errors: ConfigError, with what the database says."""
        try:
            self._connection.execute("BEGIN READ ONLY")
            return self._rows(statement, limit)
        except psycopg.OperationalError as error:
            if self._connection.broken:
                raise
            raise _refused(error) from None
        except psycopg.Error as error:
            raise _refused(error) from None
        finally:
            if not self._connection.broken:
                self._connection.execute("ROLLBACK")

    def _rows(self, statement: str, limit: int) -> Answered:
        with self._connection.cursor() as cursor:
            # Closing what gives the rows cancels the rest of them.
            with closing(cast("Generator[TupleRow]", cursor.stream(statement.encode()))) as found:
                rows = list(islice(found, limit + 1))
            columns = tuple(column.name for column in cursor.description or ())
        return Answered(columns, rows[:limit], len(rows) > limit)


@contextmanager
def analyst_session(url: str, application_name: str) -> Iterator[AnalystSession]:
    """Connect to read. Raise ConfigError if the URL is not one of Postgres."""
    conninfo = make_conninfo(**session_parameters(url, application_name))
    with closing(psycopg.connect(conninfo, autocommit=True)) as connection:
        # Numbers in JSON keep their text.
        set_json_loads(_as_text, connection)
        row = connection.execute(_MAY_BE_ANALYST, {"role": ANALYST}).fetchone()
        if row is not None and row[0]:
            connection.execute(f"SET ROLE {ANALYST}".encode())
        yield AnalystSession(connection)


def session_parameters(url: str, application_name: str) -> dict[str, str]:
    """Return libpq's keywords for a session that reads; a password is among them where the URL has one."""
    given = conninfo_to_dict(conninfo_of(url, application_name))
    keywords = {name: str(value) for name, value in given.items() if value is not None}
    return keywords | {"options": f"{keywords.get('options', '')} {OPTIONS}".strip()}


def _as_text(document: str | bytes) -> str:
    return document if isinstance(document, str) else document.decode()


def _refused(error: psycopg.Error) -> ConfigError:
    said = error.diag.message_primary or str(error)
    hint = error.diag.message_hint
    return ConfigError(f"the database says: {said}" + (f" ({hint})" if hint else ""))
