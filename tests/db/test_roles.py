"""Who may do what: the roles' making, and the refusal to serve as anybody but the service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.db.migrate import check_migrated, migrate
from recon.db.roles import ANALYST, OWNER, ROLES, SERVICE, assert_service_role, ensure_roles
from recon.errors import DatabaseError, WrongRole
from tests.conftest import TestDatabase, shared_server

pytestmark = pytest.mark.postgres


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with create_engine(url, "test", pooled=False).connect() as conn:
        yield conn


def execute(url: str, *statements: str) -> None:
    with create_engine(url, "test", pooled=False).begin() as conn:
        for statement in statements:
            conn.execute(text(statement))


@pytest.fixture
def login(database: TestDatabase) -> Iterator[str]:
    """A login of somebody's own; its url, which also tells its name."""
    name = f"login_of_{database.name}"
    execute(database.superuser_url, f"CREATE ROLE {name} LOGIN")
    yield name
    execute(database.superuser_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def url_of(login: str, database: TestDatabase) -> str:
    return database.service_url.replace(f"//{SERVICE}@", f"//{login}@")


def test_the_service_may_serve(database: TestDatabase) -> None:
    with connected(database.service_url) as conn:
        assert_service_role(conn)


def test_a_member_of_the_service_may_serve(database: TestDatabase, login: str) -> None:
    execute(database.superuser_url, f"GRANT {SERVICE} TO {login}")
    with connected(url_of(login, database)) as conn:
        assert_service_role(conn)


def test_superuser_owner_and_analyst_may_not(database: TestDatabase) -> None:
    for url, reason in (
        (database.superuser_url, "a superuser"),
        (database.owner_url, "owns recon's tables"),
        (database.analyst_url, "no member of recon_service"),
    ):
        with connected(url) as conn, pytest.raises(WrongRole, match=reason):
            assert_service_role(conn)


def test_neither_may_who_could_become_the_owner(database: TestDatabase, login: str) -> None:
    execute(database.superuser_url, f"GRANT {SERVICE}, {OWNER} TO {login}", f"ALTER ROLE {login} NOINHERIT")
    with connected(url_of(login, database)) as conn, pytest.raises(WrongRole, match="act as their owner"):
        assert_service_role(conn)


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE"])
def test_neither_may_who_could_write_to_the_log(database: TestDatabase, login: str, right: str) -> None:
    execute(
        database.superuser_url,
        f"GRANT {SERVICE} TO {login}",
        f"GRANT {right} ON recon_store.log_events TO {login}",
    )
    with (
        connected(url_of(login, database)) as conn,
        pytest.raises(WrongRole, match="write to the log directly"),
    ):
        assert_service_role(conn)


def test_the_analysts_sessions_are_bounded_and_read_only(database: TestDatabase) -> None:
    with connected(database.analyst_url) as conn:
        assert conn.scalar(text("SHOW default_transaction_read_only")) == "on"
        assert conn.scalar(text("SHOW idle_session_timeout")) == "8h"
        assert conn.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5min"
        with pytest.raises(DBAPIError, match="read-only transaction"):
            conn.execute(text("CREATE TEMP TABLE x (n int)"))


@pytest.fixture(scope="module")
def bare_server(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    """A server of this module's own, whose roles can be taken away."""
    with shared_server(postgres_binaries, by_password=(SUPERUSER,)) as server:
        yield server


@pytest.fixture
def foreign(bare_server: EmbeddedPostgres) -> str:
    """The superuser's url of a database on a server that has never heard of recon."""
    admin = create_engine(bare_server.url(SUPERUSER, "postgres"), "test", pooled=False)
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("DROP DATABASE IF EXISTS recon WITH (FORCE)"))
        conn.execute(text("DROP DATABASE IF EXISTS foreigners WITH (FORCE)"))
        for role in (*ROLES, "clerk"):
            conn.execute(text(f"DROP ROLE IF EXISTS {role}"))
        conn.execute(text("CREATE ROLE clerk LOGIN"))
        conn.execute(text("CREATE DATABASE foreigners OWNER clerk"))
    return bare_server.url(SUPERUSER, "foreigners")


def test_a_superuser_makes_the_roles(foreign: str) -> None:
    with connected(foreign) as conn, conn.begin():
        ensure_roles(conn)
        known = set(conn.scalars(text("SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'")))
        assert known == {*ROLES, "clerk"}
        shared = set(conn.scalars(text("SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper")))
        assert shared == {OWNER, SERVICE, ANALYST, "clerk"}, "nobody logs in as the operators' group"
        ensure_roles(conn)


def test_a_clerk_who_may_make_roles_migrates(foreign: str) -> None:
    execute(foreign, "ALTER ROLE clerk CREATEROLE")
    migrate(foreign.replace("//postgres@", "//clerk@"))
    with connected(foreign.replace("//postgres@", f"//{SERVICE}@")) as conn:
        check_migrated(conn)
        assert_service_role(conn)


def test_a_clerk_who_may_not_is_given_the_sql_which_then_works(foreign: str) -> None:
    clerk = foreign.replace("//postgres@", "//clerk@")
    with pytest.raises(DatabaseError, match="the login clerk may not prepare the roles") as caught:
        migrate(clerk)
    script = [line.strip() for line in str(caught.value).splitlines()[1:]]
    assert any(line.startswith(f"CREATE ROLE {OWNER}") for line in script)
    assert any(ANALYST in line and "statement_timeout" in line for line in script)

    execute(foreign, *script)
    migrate(clerk)

    with connected(foreign.replace("//postgres@", f"//{SERVICE}@")) as conn:
        check_migrated(conn)
