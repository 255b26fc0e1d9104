"""The five roles of recon, and how they are created (architecture 6).

* `recon_owner` owns the schemas and runs migrations; nothing else acts as it.
* `recon_service` is what `recon run` acts as: EXECUTE on append, SELECT on events, read and write on
  projections.
* `recon_analyst` reads the views of schema `recon`, under time limits of its own.
* `recon_operator` reads them too, sees the status of running services, and records decisions and facts. Nobody logs
  in as it: each person's own login is a member, because the login says who decided (semantics 10.1).
* `recon_closer` is the right to close a break without a resolution, for people who are members of `recon_operator`.

The first three may log in themselves (the embedded server does so), or other logins may be members of them.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from recon.errors import DatabaseError, WrongRole

OWNER: Final = "recon_owner"
SERVICE: Final = "recon_service"
ANALYST: Final = "recon_analyst"
OPERATOR: Final = "recon_operator"
CLOSER: Final = "recon_closer"
ROLES: Final = (OWNER, SERVICE, ANALYST, OPERATOR, CLOSER)

#: Schema of the tables, and of the views that are public.
STORE_SCHEMA: Final = "recon_store"
VIEW_SCHEMA: Final = "recon"
#: The same views and functions, with each number as it is: what recon itself reads.
EXACT_SCHEMA: Final = "recon_exact"
#: The log's table: the service role may write to it, and to its partitions, through the append function alone.
LOG_TABLE: Final = "log_events"

#: Time limits of an analyst's sessions, as Postgres writes durations.
ANALYST_STATEMENT_TIMEOUT: Final = "60s"
ANALYST_IDLE_IN_TRANSACTION: Final = "5min"
ANALYST_IDLE_SESSION_TIMEOUT: Final = "8h"

_CREATE: Final = {
    OWNER: (f"CREATE ROLE {OWNER} LOGIN",),
    SERVICE: (f"CREATE ROLE {SERVICE} LOGIN",),
    ANALYST: (
        f"CREATE ROLE {ANALYST} LOGIN",
        f"ALTER ROLE {ANALYST} SET default_transaction_read_only = on",
        f"ALTER ROLE {ANALYST} SET statement_timeout = '{ANALYST_STATEMENT_TIMEOUT}'",
        f"ALTER ROLE {ANALYST} SET idle_in_transaction_session_timeout = '{ANALYST_IDLE_IN_TRANSACTION}'",
        f"ALTER ROLE {ANALYST} SET idle_session_timeout = '{ANALYST_IDLE_SESSION_TIMEOUT}'",
    ),
    OPERATOR: (f"CREATE ROLE {OPERATOR} NOLOGIN",),
    CLOSER: (f"CREATE ROLE {CLOSER} NOLOGIN",),
}


def ensure_roles(conn: Connection) -> None:
    """Create the missing roles, and let the owner create schemas in this database.

    Errors: DatabaseError with the SQL for an administrator to run, if the login may not do it.
    """
    statements = _missing(conn)
    if not statements:
        return
    cause: DBAPIError | None = None
    try:
        with conn.begin_nested():
            for statement in statements:
                conn.execute(text(statement))
    except DBAPIError as error:
        cause = error
    else:
        # Postgres only warns when a GRANT grants nothing.
        statements = _missing(conn)
    if statements:
        login = conn.scalar(text("SELECT current_user"))
        script = "\n".join(f"  {statement};" for statement in statements)
        raise DatabaseError(
            f"the login {login} may not prepare the roles; have an administrator run, in this database:\n{script}"
        ) from cause


#: The database, the login, whether the owner may create schemas, and whether the login is superuser.
_DATABASE: Final = """
SELECT current_database(), current_user,
       EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :owner
               AND has_database_privilege(r.oid, current_database(), 'CREATE')),
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
"""


def _missing(conn: Connection) -> list[str]:
    """Return the SQL that is still to be run, in order; empty if nothing is missing."""
    existing = set(
        conn.scalars(text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)"), {"roles": list(ROLES)})
    )
    statements = [statement for role in ROLES if role not in existing for statement in _CREATE[role]]
    database, login, owner_may_create, superuser = conn.execute(text(_DATABASE), {"owner": OWNER}).one()
    quote = conn.dialect.identifier_preparer.quote
    if statements and not superuser and OWNER not in existing:
        statements.append(f"GRANT {OWNER} TO {quote(login)}")
    may_create = conn.scalar(text("SELECT has_database_privilege(current_database(), 'CREATE')"))
    if not owner_may_create and (superuser or OWNER not in existing or not may_create):
        statements.append(f"GRANT CREATE ON DATABASE {quote(database)} TO {OWNER}")
    return statements


def act_as_owner(conn: Connection) -> None:
    """Become `recon_owner` for the rest of the session if the login may, so that it owns every new object.

    A superuser who migrates would otherwise own the append function, which runs with its owner's rights.
    """
    allowed = conn.scalar(
        text(
            "SELECT pg_has_role(current_user, r.oid,"
            " CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)"
            " FROM pg_roles r WHERE r.rolname = :owner"
        ),
        {"owner": OWNER},
    )
    if allowed:
        conn.execute(text(f"SET ROLE {OWNER}"))


#: The login, and what it may do: be superuser, own tables, write to the log, act as the service.
_LOGIN: Final = """
SELECT current_user,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname IN (:store, :views, :exact) AND pg_has_role(current_user, c.relowner, 'MEMBER')),
       EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
               LEFT JOIN pg_class AS p ON p.oid = i.inhparent
               WHERE n.nspname = :store AND coalesce(p.relname, c.relname) = :log
                 AND has_table_privilege(current_user, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')),
       EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :service AND pg_has_role(current_user, r.oid, 'USAGE'))
"""


def assert_service_role(conn: Connection) -> None:
    """Raise WrongRole if the login could bypass the append function (architecture 6).

    That is a superuser, an owner of recon's tables or a login that may act as one, and a login that may write to the
    log directly. A login that is no member of `recon_service` is refused too.
    """
    names = {"store": STORE_SCHEMA, "views": VIEW_SCHEMA, "exact": EXACT_SCHEMA, "log": LOG_TABLE, "service": SERVICE}
    login, superuser, owns, writes, member = conn.execute(text(_LOGIN), names).one()
    advice = f"let [database] url name {SERVICE}, or a login that is a member of it and of nothing more"
    if superuser:
        raise WrongRole(f"recon refuses to run as {login}, a superuser; {advice}")
    if owns:
        raise WrongRole(
            f"recon refuses to run as {login}, which owns recon's tables or may act as their owner; {advice}"
        )
    if writes:
        raise WrongRole(f"recon refuses to run as {login}, which may write to the log directly; {advice}")
    if not member:
        raise WrongRole(f"the login {login} is no member of {SERVICE} and could not append; {advice}")
