"""What no login may do, tried as each: to write past the functions, to become another, to take a name's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import psycopg
import pytest

from recon.db.engine import libpq_url
from recon.db.roles import OPERATOR
from recon.log.append import append
from recon.log.events import NewEvent
from recon.log.submit import submit_decision
from recon.testing import START
from tests.conftest import TestDatabase
from tests.support.logins import login_of

pytestmark = pytest.mark.postgres

GATEWAY: Final = "g"
_UUID: Final = "'00000000-0000-0000-0000-000000000009'"
#: Refused to the service, an analyst, a person of the operators and a login without a role.
FORBIDDEN: Final[tuple[str, ...]] = (
    "INSERT INTO recon_store.log_events SELECT * FROM recon_store.log_events LIMIT 1",
    "UPDATE recon_store.log_events SET readable = false",
    "DELETE FROM recon_store.log_events",
    "TRUNCATE recon_store.log_events",
    "COPY recon_store.log_events FROM STDIN",
    "DELETE FROM recon_store.log_batches",
    "UPDATE recon_store.log_gateways SET gateway = 'x'",
    "SELECT * FROM recon_store.leases",
    "UPDATE recon_store.leases SET pid = NULL",
    "SELECT * FROM recon_store.held_leases",
    "SELECT nextval('recon_store.lease_terms')",
    "SELECT setval('recon_store.lease_terms', 9000)",
    "UPDATE recon_store.alembic_version SET version_num = '0'",
    "UPDATE recon.events SET kind = 'frame'",
    "ALTER TABLE recon_store.log_events DISABLE TRIGGER ALL",
    "ALTER TABLE recon_store.log_events OWNER TO CURRENT_USER",
    "SET session_replication_role = replica",
    "DROP TABLE recon_store.log_batches",
    "CREATE OR REPLACE FUNCTION recon_store.who(p_name text) RETURNS jsonb LANGUAGE sql AS 'SELECT null::jsonb'",
    "ALTER FUNCTION recon_store.decide SECURITY INVOKER",
    "LOCK TABLE recon_store.log_events IN SHARE MODE",
    "LOCK TABLE recon_store.log_gateways IN SHARE ROW EXCLUSIVE MODE",
    "LOCK TABLE recon.events IN SHARE MODE",
    "SELECT * FROM recon.gateways FOR UPDATE",
    "SELECT * FROM recon_store.log_gateways FOR UPDATE",
    "SELECT recon_store.append_any('g', NULL, 1, 0, NULL, NULL, NULL, NULL, NULL, NULL)",
    "SELECT recon_store.who('somebody')",
    "CREATE TABLE recon.own (n int)",
    "CREATE TABLE recon_store.own (n int)",
    "CREATE TABLE public.own (n int)",
    "CREATE FUNCTION public.own() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA own",
    "SET ROLE recon_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION recon_owner",
    "CREATE ROLE own",
    "GRANT recon_owner TO CURRENT_USER",
    "ALTER ROLE recon_owner RESET ALL",
    "CREATE EXTENSION pageinspect",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/own'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_reload_conf()",
    "SELECT * FROM pg_authid",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'recon_owner'",
)
#: Refused to all of these but the service.
ONLY_SERVICE: Final[tuple[str, ...]] = (
    "SET ROLE recon_service",
    "SELECT payload FROM recon_store.log_events",
    "SELECT writer FROM recon_store.log_batches",
    "DELETE FROM recon_store.breaks",
    "UPDATE recon_store.editions SET state = 'current'",
    "INSERT INTO recon_store.service_parts SELECT * FROM recon_store.service_parts",
    f"SELECT recon_store.take_lease('g', 'record', {_UUID}, 'own')",
    "SELECT recon_store.end_holder('g')",
    f"SELECT recon_store.append('g', {_UUID}, 1, 0, '{{frame}}', '{{N}}', '{{N}}', '{{0}}', '{{false}}', '{{x}}')",
)
#: Refused to an analyst and to a login without a role, who cannot even name what lies in the store.
ONLY_PEOPLE: Final[tuple[str, ...]] = (
    "SET ROLE recon_operator",
    "SELECT * FROM recon_store.service_parts",
    "SELECT recon_store.is_readable('x')",
    f"SELECT recon_store.decide('g', {_UUID}, 1, 0, 'decision', '{{{{}}}}', '{{NULL}}', NULL)",
)
#: Refused to a login without a role.
ONLY_READERS: Final[tuple[str, ...]] = (
    "SELECT * FROM recon.breaks",
    "SELECT * FROM recon.events",
    "SET ROLE recon_analyst",
)


@pytest.fixture
def person(database: TestDatabase) -> Iterator[str]:
    with login_of(database, "person", OPERATOR) as url:
        yield url


@pytest.fixture
def urls(database: TestDatabase, person: str) -> Iterator[dict[str, str]]:
    """A URL for each kind of login, in a database with a log; an owner's session is there to be ended."""
    begin_log(database)
    with login_of(database, "nobody") as nobody, psycopg.connect(libpq_url(database.owner_url)):
        yield {"service": database.service_url, "analyst": database.analyst_url, "person": person, "nobody": nobody}


def begin_log(database: TestDatabase) -> None:
    with connected(database.service_url) as raw:
        event = NewEvent("frame", b"{}", START)
        append(raw, gateway=GATEWAY, writer=uuid4(), batch=1, now=START, events=[event])


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(url), autocommit=True) as raw:
        yield raw


def not_refused(url: str, statements: tuple[str, ...]) -> list[str]:
    """Return the statements that a login may do, each tried in a transaction that is then undone."""
    done: list[str] = []
    with connected(url) as raw:
        for statement in statements:
            try:
                with raw.transaction(force_rollback=True):
                    raw.execute("SET TRANSACTION READ WRITE")
                    raw.execute(statement.encode())
            except psycopg.errors.InsufficientPrivilege:
                continue
            except psycopg.Error as error:
                done.append(f"{statement}: {error}")
            else:
                done.append(statement)
    return done


@pytest.mark.parametrize("who", ["service", "analyst", "person", "nobody"])
def test_nobody_writes_past_the_functions_or_becomes_another(urls: dict[str, str], who: str) -> None:
    forbidden = FORBIDDEN
    if who != "service":
        forbidden += ONLY_SERVICE
    if who in {"analyst", "nobody"}:
        forbidden += ONLY_PEOPLE
    if who == "nobody":
        forbidden += ONLY_READERS
    assert not_refused(urls[who], forbidden) == []


@pytest.mark.parametrize(
    "change",
    ["UPDATE {} SET gateway = 'x'", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_the_owner_and_the_superuser_do_not_change_the_log_by_mistake(database: TestDatabase, change: str) -> None:
    begin_log(database)
    for url in (database.owner_url, database.superuser_url):
        with connected(url) as raw, pytest.raises(psycopg.Error, match="only appended to"):
            raw.execute(change.format("recon_store.log_events").encode())


@pytest.mark.parametrize("kind", ["decision", "fact"])
def test_the_service_puts_no_words_into_a_persons_mouth(database: TestDatabase, kind: str) -> None:
    with connected(database.service_url) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        append(
            raw,
            gateway=GATEWAY,
            writer=uuid4(),
            batch=1,
            now=START,
            events=[
                NewEvent("frame", b"{}", START),
                NewEvent(kind, b'{"by":{"login":"x","authenticated":true}}', START),
            ],
        )


def test_a_persons_own_objects_take_no_names_place(database: TestDatabase, person: str) -> None:
    begin_log(database)
    with connected(person) as raw:
        for table in ("log_events", "log_gateways", "log_batches", "leases", "pg_class"):
            raw.execute(f"CREATE TEMP TABLE {table} (gateway text, login text, writer uuid, batch bigint)".encode())
        raw.execute(
            "CREATE FUNCTION pg_temp.who(text) RETURNS jsonb LANGUAGE sql AS"
            ' $$ SELECT \'{"login": "somebody", "authenticated": true}\'::jsonb $$'
        )
        raw.execute("CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'")
        raw.execute("SET search_path = pg_temp, recon_store, pg_catalog")
        for number in (1, 2):
            raw.execute("SET ROLE recon_operator" if number == 2 else "RESET ROLE")
            submit_decision(
                raw,
                gateway=GATEWAY,
                writer=uuid4(),
                batch=1,
                now=START,
                kind="decision",
                payloads=[b'{"action": "comment", "breaks": [], "text": "mine"}'],
                accounts=[None],
                name="the owner",
            )
        user = raw.execute("SELECT session_user").fetchone()
    with connected(database.service_url) as raw:
        query = """
            SELECT convert_from(payload, 'UTF8')::jsonb -> 'by' ->> 'login' FROM recon_store.log_events
            WHERE kind = 'decision'"""
        assert raw.execute(query).fetchall() == [user, user]
        digests = raw.execute("SELECT octet_length(digest) FROM recon_store.log_events").fetchall()
        assert set(digests) == {(32,)}


def test_no_function_waits_for_a_lock_that_any_login_may_take(database: TestDatabase) -> None:
    with connected(database.superuser_url) as raw:
        query = """
            SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
            WHERE n.nspname IN ('recon', 'recon_store') AND p.prosrc ILIKE '%advisory%'"""
        assert raw.execute(query).fetchall() == []
