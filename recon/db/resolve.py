"""From settings to a database that can be connected to: the one they name, or an embedded one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from recon.config import Settings
from recon.db.embedded.cluster import pause
from recon.db.embedded.server import (
    START_SECONDS,
    EmbeddedPostgres,
    connection_url_if_running,
    data_dir_in_use,
    default_data_dir,
)
from recon.db.roles import ANALYST, OWNER, SERVICE
from recon.errors import ConfigError, EmbeddedPostgresError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DatabaseHandle:
    """How to reach the database as each role; a context manager that stops the server where it is ours.

    The URLs may hold passwords. `analyst_url` is the login for reading: the analyst's in the embedded
    server, else the service's. `embedded` is None for a named database, and where another process runs the
    embedded one.
    """

    service_url: str
    analyst_url: str
    owner_url: str | None
    embedded: EmbeddedPostgres | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the embedded server, where it is ours."""
        if self.embedded is not None:
            self.embedded.stop()

    def require_owner_url(self) -> str:
        """Return the owner's URL, for migrations. Errors: ConfigError when the settings name none."""
        if self.owner_url is None:
            raise ConfigError(
                "migrations run as the owner: set [database] migrate_url (or RECON_DATABASE__MIGRATE_URL)"
            )
        return self.owner_url


def resolve_database(settings: Settings, *, attach: bool = True, binaries: Path | None = None) -> DatabaseHandle:
    """Return a handle for the database of the settings; starts the embedded server if none is named.

    With `attach` the embedded server of another process (`recon status` while `recon run` runs) is used as
    it is; without, it is an error that it is in use. Blocks while a server starts, so call it before Trio or
    in a thread. Errors: EmbeddedPostgresError.
    """
    database = settings.database
    migrate_url = None if database.migrate_url is None else database.migrate_url.get_secret_value()
    if database.url is not None:
        url = database.url.get_secret_value()
        return DatabaseHandle(service_url=url, analyst_url=url, owner_url=migrate_url)
    if migrate_url is not None:
        # A host that only migrates needs no other login; whoever wants to serve is told by
        # assert_service_role.
        return DatabaseHandle(service_url=migrate_url, analyst_url=migrate_url, owner_url=migrate_url)
    data_dir = (database.data_dir or default_data_dir()).absolute()
    if attach and data_dir_in_use(data_dir):
        return _attached(data_dir)
    server = EmbeddedPostgres(data_dir, binaries)
    server.start()
    return DatabaseHandle(server.url(SERVICE), server.url(ANALYST), server.url(OWNER), server)


def _attached(data_dir: Path) -> DatabaseHandle:
    """Wait until the server that another process runs is ready, and use it."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and data_dir_in_use(data_dir):
        urls = [connection_url_if_running(data_dir, role) for role in (SERVICE, ANALYST, OWNER)]
        if urls[0] is not None and urls[1] is not None:
            _log.info("using the embedded postgres of another process", data_dir=str(data_dir))
            return DatabaseHandle(urls[0], urls[1], urls[2])
        pause()
    raise EmbeddedPostgresError(
        f"another recon uses {data_dir}, but its embedded server did not become ready; look at that process"
    )
