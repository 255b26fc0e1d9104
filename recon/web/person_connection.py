"""The one connection of a person who logged in: opened by their password, which nobody keeps, and never opened again.

1. The database checks the login. recon keeps the open connection, and forgets the password once it is open.
2. Whoever the database asks for no password, and whoever acts for others, is no person and is refused.
3. A connection that is lost or was interrupted ends the session: its password is not there to open another one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import TupleRow
from sqlalchemy import URL, Connection, Engine, QueuePool
from sqlalchemy import create_engine as sqlalchemy_engine

from recon.db.engine import connection_arguments, psycopg_url
from recon.db.parameters import CONNECT_TIMEOUT
from recon.db.raw import driver_connection
from recon.db.roles import ROLES
from recon.db.source import query_rows
from recon.db.transactions import Database, ThreadedDatabase
from recon.errors import DatabaseError, LoginRefused
from recon.web.identity import Identity

#: Longest to log in, in seconds; the statement that asks who it is ends before it.
LOGIN_SECONDS: Final = 8.0
#: A statement ends before the deadline of its transaction, so that a slow one does not cost the connection.
STATEMENT_TIMEOUT: Final = timedelta(seconds=8)

#: A superuser is a member of every role, so it counts as shared too.
_WHO: Final = """
    SELECT session_user::text AS login, pg_has_role(session_user, 'recon_operator', 'MEMBER') AS operator,
           pg_has_role(session_user, 'recon_analyst', 'MEMBER') AS analyst,
           session_user::text = ANY(:roles) OR pg_has_role(session_user, 'recon_service', 'MEMBER')
               OR pg_has_role(session_user, 'recon_owner', 'MEMBER') AS shared
"""


class Person(msgspec.Struct, frozen=True):
    """Who logged in, as the database knows them; `acts`: whether they may decide, or only read."""

    login: str
    acts: bool


class _Once:
    """Opens one connection; what knows the password is dropped with it."""

    def __init__(self, url: URL) -> None:
        keywords: dict[str, Any] = {**url.translate_connect_args(username="user", database="dbname"), **url.query}
        keywords |= connection_arguments(url, "recon page", STATEMENT_TIMEOUT, CONNECT_TIMEOUT)
        self._opener: Callable[[], psycopg.Connection[TupleRow]] | None = partial(psycopg.connect, **keywords)
        self.lost = False

    def __call__(self) -> psycopg.Connection[TupleRow]:
        opener, self._opener = self._opener, None
        if opener is None:
            self.lost = True
            raise psycopg.OperationalError("the connection of this session has ended; log in again")
        return opener()


class PersonConnection:
    """A person with their open connection; transactions take turns on it."""

    def __init__(self, person: Person, engine: Engine, database: Database, once: _Once) -> None:
        self.person = person
        self.database = database
        self._engine = engine
        self._once = once

    @property
    def lost(self) -> bool:
        """True if the connection has ended, so that only a new login helps."""
        return self._once.lost

    def close(self) -> None:
        """Close the connection, which ends what the database knows of the session."""
        self._engine.dispose()


async def open_connection(identity: Identity, service: Database) -> PersonConnection:
    """Log a person in.

    Errors: LoginRefused; DatabaseError where the service's database cannot be asked either: nobody is refused then.
    """
    once = _Once(psycopg_url(identity.url.get_secret_value()))
    engine = _engine(once)
    database = ThreadedDatabase(engine, 1)
    try:
        person = await database.run(partial(person_of, by_password=identity.by_password), deadline=LOGIN_SECONDS)
    except DatabaseError:
        engine.dispose()
        # A server that answers the service, and not this login, has refused it.
        await service.run(ping, deadline=LOGIN_SECONDS)
        raise LoginRefused("the database does not know this login and password") from None
    except BaseException:
        engine.dispose()
        raise
    return PersonConnection(person, engine, database, once)


def _engine(once: _Once) -> Engine:
    return sqlalchemy_engine(
        "postgresql+psycopg://",
        creator=once,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
    )


def person_of(connection: Connection, *, by_password: bool) -> Person:
    """Return who the database says is connected. Errors: LoginRefused where that is nobody who may read.

    `by_password`: the server must have asked for a password, for one that asks nobody proves nothing.
    """
    if by_password and not driver_connection(connection).pgconn.used_password:
        raise LoginRefused("the database asks this login for no password, so it proves nothing; use a token")
    (row,) = query_rows(connection, _WHO, {"roles": list(ROLES)})
    login = str(row["login"])
    if row["shared"]:
        raise LoginRefused(f"login {login} is shared; a person acts by a login of their own (operator 9.1)")
    if not row["operator"] and not row["analyst"]:
        raise LoginRefused(f"login {login} is no member of recon_operator, nor of recon_analyst: it reads nothing")
    return Person(login, bool(row["operator"]))


def ping(connection: Connection) -> None:
    """Ask the database anything. Errors: those of the driver."""
    query_rows(connection, "SELECT 1 AS one", {})
