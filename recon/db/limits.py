"""Limits of logins to some accounts: made to hold on the tables, given and lifted, as the owner (architecture 6.15).

1. Policies begin to hold one table at a time, each in a transaction of its own that waits for the projector's step
   first: no step sees a table change under it, and no two wait for each other.
2. A limit is stored only once all of them hold. After the last limit is lifted they hold no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from recon.db.roles import OWNER, act_as_owner
from recon.errors import ConfigError, DatabaseError

#: Longest that one table is waited for, and how often: a long read of somebody may hold it.
LOCK_TIMEOUT: Final = "2s"
LOCK_ATTEMPTS: Final = 30
#: Between two attempts, in seconds: what waits behind us gets its turn.
PAUSE_SECONDS: Final = 1.0

_OPEN_TABLES: Final = "SELECT * FROM recon_store.unlimited_tables()"
_HELD_TABLES: Final = """
    SELECT DISTINCT c.relname FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
    WHERE c.relnamespace = 'recon_store'::regnamespace AND c.relrowsecurity ORDER BY 1
"""
_HOLD: Final = "ALTER TABLE recon_store.{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
_RELEASE: Final = "ALTER TABLE recon_store.{table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
_LIMIT: Final = "SELECT recon_store.limit_login(:login, :gateways, :accounts, :reason)"
#: Whether the views are read with rights that policies do not hold.
_BYPASSES: Final = """
    SELECT DISTINCT r.rolname FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
    WHERE c.relnamespace = 'recon'::regnamespace AND c.relkind = 'v' AND (r.rolsuper OR r.rolbypassrls)
"""


class Pattern(NamedTuple):
    """Accounts that a login may see: patterns of the gateway and of the account, in which * stands for any text."""

    gateway: str
    account: str


def limit(engine: Engine, login: str, patterns: Sequence[Pattern], reason: str) -> None:
    """Limit a login to these accounts in the place of its former ones.

    Errors: ConfigError where the login cannot be limited; DatabaseError where a table stays in use for too long.
    """
    with engine.begin() as connection:
        act_as_owner(connection)
        found = connection.scalar(text(_BYPASSES))
        if found is not None:
            raise ConfigError(f"the views are owned by {found}, whom no limit holds; let {OWNER} own them")
    _each_table(engine, _OPEN_TABLES, _HOLD)
    _store(engine, login, patterns, reason)


def lift(engine: Engine, login: str, reason: str) -> None:
    """Let a login see all again. Errors as of `limit`, and ConfigError where it is not limited."""
    with engine.connect() as connection:
        act_as_owner(connection)
        known = "SELECT EXISTS (SELECT FROM recon_store.limits WHERE login = :login)"
        if not connection.scalar(text(known), {"login": login}):
            raise ConfigError(f"the login {login!r} is not limited")
    _store(engine, login, (), reason)
    with engine.connect() as connection:
        act_as_owner(connection)
        if connection.scalar(text("SELECT EXISTS (SELECT FROM recon_store.limits)")):
            return
    _each_table(engine, _HELD_TABLES, _RELEASE)


def _store(engine: Engine, login: str, patterns: Sequence[Pattern], reason: str) -> None:
    given = {
        "login": login,
        "gateways": [each.gateway for each in patterns],
        "accounts": [each.account for each in patterns],
        "reason": reason,
    }
    try:
        with engine.begin() as connection:
            act_as_owner(connection)
            connection.execute(text(_LIMIT), given)
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.errors.InvalidParameterValue | psycopg.errors.CheckViolation):
            raise ConfigError(error.orig.diag.message_primary or "the database refused the limit") from None
        raise


def _each_table(engine: Engine, tables: str, change: str) -> None:
    with engine.connect() as connection:
        act_as_owner(connection)
        names = list(connection.scalars(text(tables)))
    for name in names:
        _change(engine, name, change.format(table=name))


def _change(engine: Engine, table: str, statement: str) -> None:
    for _ in range(LOCK_ATTEMPTS):
        try:
            with engine.begin() as connection:
                act_as_owner(connection)
                _alter(connection, statement)
        except DBAPIError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
                raise
            _rest(engine)
        else:
            return
    raise DatabaseError(f"the table {table} is in use by a long read; end it, or run this again later")


def _rest(engine: Engine) -> None:
    """Let what waits behind us have its turn; the database keeps the time."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": PAUSE_SECONDS})


def _alter(connection: Connection, statement: str) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    # A step of the projector locks its edition first, and so has ended, or begins after this.
    connection.execute(text("LOCK TABLE recon_store.editions IN EXCLUSIVE MODE"))
    connection.execute(text(statement))
