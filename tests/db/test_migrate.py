"""Migrations: from empty, twice, by two at once, as each kind of login; and what a version means."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from recon.db.engine import create_engine
from recon.db.migrate import check_migrated, migrate, schema_version
from recon.db.roles import OWNER
from recon.db.version import newest_version
from recon.errors import DatabaseError, NotMigrated
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]


def _connect(url: str) -> Connection:
    return create_engine(url, "test", pooled=False).connect()


def test_from_empty_to_head_then_again_does_nothing(empty_database: TestDatabase) -> None:
    steps: list[str] = []
    with _connect(empty_database.superuser_url) as conn:
        assert schema_version(conn) is None
        with pytest.raises(NotMigrated, match="recon migrate"):
            check_migrated(conn)

    migrate(empty_database.superuser_url, steps.append)

    first = list(steps)
    assert len(first) >= 1
    migrate(empty_database.superuser_url, steps.append)
    assert steps == first
    for url in (empty_database.owner_url, empty_database.service_url):
        with _connect(url) as conn:
            assert schema_version(conn) == newest_version()
            check_migrated(conn)


def test_what_a_superuser_migrates_belongs_to_the_owner(empty_database: TestDatabase) -> None:
    migrate(empty_database.superuser_url)
    with _connect(empty_database.superuser_url) as conn:
        owners = conn.scalars(
            text(
                "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class"
                " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname LIKE 'recon%'"
                " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc"
                " JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname LIKE 'recon%'"
                " UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname LIKE 'recon%'"
            )
        ).all()
    assert owners == [OWNER]


def test_two_migrators_at_once_do_not_race(empty_database: TestDatabase) -> None:
    code = "import sys; from recon.db.migrate import migrate; migrate(sys.argv[1], print)"
    processes = [
        subprocess.Popen(  # noqa: S603 - commands of the test's own
            [sys.executable, "-c", code, empty_database.superuser_url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0], outputs
    steps = [line for output in outputs for line in output.splitlines()]
    assert steps
    assert len(steps) == len(set(steps)), "one of the two found everything done"


def test_a_version_from_the_future_is_refused(database: TestDatabase) -> None:
    with _connect(database.owner_url) as conn:
        conn.execute(text("UPDATE recon_store.alembic_version SET version_num = '9999'"))
        with pytest.raises(NotMigrated, match=r"9999.*the recon that migrated it"):
            check_migrated(conn)


def test_a_login_that_may_not_prepare_gets_the_sql_to_run(empty_database: TestDatabase) -> None:
    # The owner role exists, but may not create schemas in this database, nor grant itself that.
    with pytest.raises(DatabaseError, match=f"GRANT CREATE ON DATABASE {empty_database.name} TO {OWNER}"):
        migrate(empty_database.owner_url)
    with pytest.raises(DatabaseError, match="administrator"):
        migrate(empty_database.service_url)


def test_the_service_cannot_migrate(database: TestDatabase) -> None:
    with _connect(database.service_url) as conn, pytest.raises(Exception, match="permission denied"):
        conn.execute(text("DELETE FROM recon_store.alembic_version"))


def test_alembic_by_hand(empty_database: TestDatabase) -> None:
    with _connect(empty_database.superuser_url) as conn, conn.begin():
        conn.execute(text(f"GRANT CREATE ON DATABASE {empty_database.name} TO {OWNER}"))
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "RECON_DATABASE__MIGRATE_URL": empty_database.owner_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with _connect(empty_database.service_url) as conn:
        check_migrated(conn)


def test_an_unreachable_server_is_one_clean_line() -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/none?connect_timeout=2"
    with pytest.raises(DatabaseError) as caught:
        migrate(url)
    assert caught.value.transient
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
