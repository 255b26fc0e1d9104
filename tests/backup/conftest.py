"""An embedded server of the package's own with a simulated day in it, and a directory for its backups."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recon.backup.directory import Backup, BackupDirectory
from recon.backup.take import Server, take
from recon.clock import utc_now
from recon.db.embedded.binaries import packed_binaries
from recon.db.embedded.cluster import SUPERUSER
from recon.db.embedded.server import EmbeddedPostgres
from recon.db.migrate import migrate
from recon.db.roles import OWNER, SERVICE
from recon.simulator.scenarios import demo_plan
from tests.conftest import UNSAFE_BUT_FAST, directory_for_server
from tests.support.database_days import write_day


@dataclass(frozen=True)
class World:
    """A running server with a day in it, and where its backups go."""

    server: EmbeddedPostgres
    binaries: Path
    directory: BackupDirectory
    place: Path

    @property
    def source(self) -> Server:
        return Server(self.server.url(SUPERUSER), self.binaries)

    def backup(self) -> Backup:
        return take(self.source, self.directory, utc_now, sync=False)

    @property
    def service_url(self) -> str:
        return self.server.url(SERVICE)


@pytest.fixture(scope="package")
def _running(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    with (
        directory_for_server() as place,
        EmbeddedPostgres(place / "data", postgres_binaries, options=UNSAFE_BUT_FAST, sync=False) as server,
    ):
        migrate(server.url(OWNER))
        write_day(server.url(SERVICE), demo_plan(7, 30.0))
        yield server


@pytest.fixture(scope="package")
def _kept(_running: EmbeddedPostgres, postgres_binaries: Path | None) -> Iterator[Backup]:
    """One backup for all tests that read one."""
    with directory_for_server() as place:
        directory = BackupDirectory(place / "backups")
        source = Server(_running.url(SUPERUSER), postgres_binaries or packed_binaries())
        yield take(source, directory, utc_now, sync=False)


@pytest.fixture
def kept(_kept: Backup, world: World) -> Backup:
    """A backup of this test's own, which it may damage."""
    world.directory.prepare()
    path = world.directory.path / _kept.path.name
    shutil.copytree(_kept.path, path)
    return Backup(path, _kept.manifest)


@pytest.fixture
def world(_running: EmbeddedPostgres, postgres_binaries: Path | None) -> Iterator[World]:
    with directory_for_server() as place:
        yield World(_running, postgres_binaries or packed_binaries(), BackupDirectory(place / "backups"), place)
