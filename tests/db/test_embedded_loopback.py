"""The embedded server on loopback, on request: for those who read and decide, by password, and for nobody else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from recon.config import Settings
from recon.db.embedded.cluster import LOOPBACK, SUPERUSER
from recon.db.embedded.passwords import password_file
from recon.db.embedded.server import EmbeddedPostgres, connection_url_if_running
from recon.db.engine import libpq_url
from recon.db.migrate import migrate
from recon.db.resolve import resolve_database
from recon.db.roles import ANALYST, OPERATOR, OWNER, SERVICE
from recon.errors import EmbeddedPostgresError

pytestmark = pytest.mark.postgres


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(server_dir: Path, postgres_binaries: Path | None, port: int) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(server_dir, postgres_binaries, sync=False, listen_port=port) as made:
        yield made


def password(server_dir: Path, role: str) -> str:
    """The password of a role as the document says to find it: `cut -d: -f5`."""
    return password_file(server_dir, role).read_text(encoding="utf-8").strip().split(":")[4]


def connect(port: int, role: str, secret: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=LOOPBACK, port=port, user=role, password=secret, dbname="recon", connect_timeout=5, passfile="/dev/null"
    )


def test_a_tool_reads_by_the_analyst_s_password(server: EmbeddedPostgres, server_dir: Path, port: int) -> None:
    migrate(server.url(OWNER))
    with connect(port, ANALYST, password(server_dir, ANALYST)) as connection:
        row = connection.execute("SELECT inet_server_addr()::text, count(*) FROM recon.gateways").fetchone()
        assert row == (f"{LOOPBACK}/32", 0)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM recon_store.log_events")


def test_nobody_else_comes_in_over_tcp_and_nobody_without_the_password(
    server: EmbeddedPostgres, server_dir: Path, port: int
) -> None:
    with psycopg.connect(libpq_url(server.url(SUPERUSER)), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE alice LOGIN PASSWORD 'hers' IN ROLE {OPERATOR}".encode())
        admin.execute("CREATE ROLE mallory LOGIN PASSWORD 'his'")
    connect(port, "alice", "hers").close()
    for role, secret in (
        (ANALYST, "guess"),
        ("mallory", "his"),
        *((role, password(server_dir, role)) for role in (OWNER, SERVICE, SUPERUSER)),
    ):
        with pytest.raises(psycopg.OperationalError):
            connect(port, role, secret)
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(
            host=LOOPBACK, port=port, user=ANALYST, password=password(server_dir, ANALYST), dbname="postgres"
        )


def test_other_processes_find_the_server_by_its_port(server: EmbeddedPostgres, server_dir: Path, port: int) -> None:
    url = connection_url_if_running(server_dir)
    assert url is not None
    assert url == server.url(SERVICE)
    assert f"port={port}" in url
    with psycopg.connect(libpq_url(url)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (SERVICE,)


def test_a_port_that_is_taken_is_named(server_dir: Path, postgres_binaries: Path | None) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = EmbeddedPostgres(server_dir, postgres_binaries, sync=False, listen_port=port)
        with pytest.raises(EmbeddedPostgresError, match=rf"{port}: another program has the port"):
            server.start()
    assert not server.running


def test_the_settings_ask_for_it_and_without_them_nothing_listens(
    server_dir: Path, postgres_binaries: Path | None, port: int
) -> None:
    asked = Settings.model_validate({"database": {"data_dir": str(server_dir), "listen": True, "port": port}})
    with resolve_database(asked, binaries=postgres_binaries):
        connect(port, ANALYST, password(server_dir, ANALYST)).close()
    silent = Settings.model_validate({"database": {"data_dir": str(server_dir), "port": port}})
    with resolve_database(silent, binaries=postgres_binaries), pytest.raises(psycopg.OperationalError):
        connect(port, ANALYST, password(server_dir, ANALYST))


def test_listening_is_of_our_own_server_alone() -> None:
    with pytest.raises(ValueError, match="recon's own Postgres"):
        Settings.model_validate({"database": {"url": "postgresql://db/recon", "listen": True}})
