"""The passwords of the embedded server: nobody logs in without one, and none is where others look."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from recon.db.embedded.cluster import SUPERUSER, residents
from recon.db.embedded.passwords import DIRECTORY as PASSWORDS
from recon.db.embedded.passwords import fits, password_file, verifier
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine, libpq_url
from recon.db.roles import ANALYST, OPERATOR, OWNER, SERVICE
from recon.errors import EmbeddedPostgresError
from tests.conftest import TestDatabase
from tests.support.processes import told_by

pytestmark = pytest.mark.postgres

#: The roles that log in.
LOGINS = (OWNER, SERVICE, ANALYST, SUPERUSER)


@pytest.fixture
def server(server_dir: Path, postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(server_dir, postgres_binaries, sync=False)
    yield made
    made.stop()


def run_sql(url: str, *statements: str) -> object:
    with create_engine(url, "test", pooled=False).begin() as conn:
        results = [conn.execute(text(statement)) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def refuses(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return True
    return False


def test_nobody_logs_in_without_the_password(server: EmbeddedPostgres) -> None:
    with server:
        for role in (*LOGINS, OPERATOR, "nobody"):
            bare = f"postgresql://{role}@/recon?host={server.socket_dir}&passfile=/dev/null"
            assert refuses(bare)
            assert refuses(bare.replace("@", ":guess@"))
            assert refuses(f"{bare}&replication=database")
        passwords = [password_file(server.data_dir, role).read_text() for role in LOGINS]
        assert len(set(passwords)) == 4
        assert "trust" not in (server.cluster / "pg_hba.conf").read_text()


def test_no_password_is_where_others_look(server: EmbeddedPostgres) -> None:
    with server:
        secrets = [password_file(server.data_dir, role).read_bytes().strip().rpartition(b":")[2] for role in LOGINS]
        told = [server.url(role).encode() for role in LOGINS]
        told += told_by(residents(server.cluster) or [])
        files = [path for path in server.data_dir.rglob("*") if path.is_file() and path.parent.name != PASSWORDS]
        told += [path.read_bytes() for path in files]
        assert len(told) > 100
        assert not [secret for secret in secrets for text in told if secret in text]
        for path in server.data_dir.rglob("*"):
            programs = path.relative_to(server.data_dir).parts[0].startswith("postgres-")
            assert programs or path.is_socket() or not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_process_that_ended_while_it_was_looked_at_hides_no_other() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert told_by([ended.pid]) == []
    assert any(sys.executable.encode() in told for told in told_by([ended.pid, os.getpid()]))


def test_a_cluster_that_trusted_everyone_asks_for_passwords_from_the_next_start_on(server: EmbeddedPostgres) -> None:
    with server:
        run_sql(server.url(SUPERUSER), "CREATE TABLE kept AS SELECT 42 AS n")
        no_passwords = [f"ALTER ROLE {role} PASSWORD NULL" for role in LOGINS]
        run_sql(server.url(SUPERUSER), *no_passwords)
    shutil.rmtree(server.data_dir / PASSWORDS)
    (server.cluster / "pg_hba.conf").write_text("local all all trust\n")
    (server.data_dir / "server.log").chmod(0o644)
    with server:
        for role in LOGINS:
            assert run_sql(server.url(role), "SELECT current_user") == role
            assert refuses(f"postgresql://{role}@/recon?host={server.socket_dir}&passfile=/dev/null")
        assert run_sql(server.url(SUPERUSER), "SELECT n FROM kept") == 42
        assert stat.S_IMODE((server.data_dir / "server.log").stat().st_mode) == 0o600


def test_passwords_that_are_lost_or_do_not_fit_are_made_again(server: EmbeddedPostgres) -> None:
    with server:
        kept = password_file(server.data_dir, OWNER).read_text()
    password_file(server.data_dir, SERVICE).unlink()
    password_file(server.data_dir, ANALYST).write_text("*:*:*:recon_analyst:another\n")
    with server:
        for role in (OWNER, SERVICE, ANALYST):
            assert run_sql(server.url(role), "SELECT current_user") == role
        assert password_file(server.data_dir, OWNER).read_text() == kept


def test_the_superusers_password_of_another_cluster_is_told_of(server: EmbeddedPostgres) -> None:
    with server:
        pass
    password_file(server.data_dir, SUPERUSER).write_text("*:*:*:postgres:another\n")
    with pytest.raises(EmbeddedPostgresError, match="belong to another cluster, remove them"):
        server.start()
    password_file(server.data_dir, SUPERUSER).unlink()
    with server:
        assert run_sql(server.url(SUPERUSER), "SELECT 1") == 1


def test_passwords_that_others_may_read_are_refused(server: EmbeddedPostgres) -> None:
    with server:
        pass
    for path in (password_file(server.data_dir, SUPERUSER), server.data_dir / PASSWORDS):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | 0o040)
        with pytest.raises(EmbeddedPostgresError, match="open to other accounts"):
            server.start()
        path.chmod(mode)


def test_a_verifier_is_the_one_that_postgres_makes(database: TestDatabase) -> None:
    with psycopg.connect(libpq_url(database.superuser_url), autocommit=True) as connection:
        made = connection.pgconn.encrypt_password(b"pencil", b"someone", b"scram-sha-256").decode()
        stored_ones = [made, verifier("pencil")]
        if connection.info.server_version >= 160_000:  # older servers always repeat 4096 times
            connection.execute("SET scram_iterations = 7")
            stored_ones.append(connection.pgconn.encrypt_password(b"pencil", b"someone", b"scram-sha-256").decode())
    for stored in stored_ones:
        assert fits("pencil", stored)
        assert not fits("pen", stored)
    for wrong in (None, "", "md5x", "SCRAM-SHA-256$4096:x$y:z", "SCRAM-SHA-256$9999999999:AAAA$y:z", "a$b$c"):
        assert not fits("pencil", wrong)
