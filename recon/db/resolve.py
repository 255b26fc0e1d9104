"""From the settings to a database: the named one, or an embedded one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from recon.config import Settings
from recon.errors import ConfigError, EmbeddedPostgresError

if TYPE_CHECKING:
    from recon.db.embedded.server import EmbeddedPostgres


#: What the embedded server keeps for the archive of its WAL.
WAL_KEPT: Final = "1GB"


@dataclass(frozen=True, slots=True)
class DatabaseHandle:
    """The URLs of the database for each role; a context manager that stops our own server.

    The URLs may contain passwords. `analyst_url` is the login for reading: the analyst's in the embedded
    server, else the service's. `embedded` is None for a named database, and if another process runs the
    embedded server.
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
        """Stop the embedded server if it is ours."""
        if self.embedded is not None:
            self.embedded.stop()

    def require_owner_url(self, what: str = "migrations run") -> str:
        """Return the owner's URL, for what only the owner may do. Raise ConfigError if the settings name none."""
        if self.owner_url is None:
            raise ConfigError(f"{what} as the owner: set [database] migrate_url (or RECON_DATABASE__MIGRATE_URL)")
        return self.owner_url


def resolve_database(settings: Settings, *, attach: bool = True, binaries: Path | None = None) -> DatabaseHandle:
    """Return a handle for the database of the settings; start the embedded server if they name none.

    With `attach`, use the embedded server of another process (`recon status` while `recon run` runs); without,
    raise EmbeddedPostgresError if it is in use. The call blocks while a server starts: call it before Trio or
    in a thread.
    """
    database = settings.database
    migrate_url = None if database.migrate_url is None else database.migrate_url.get_secret_value()
    if database.url is not None:
        url = database.url.get_secret_value()
        return DatabaseHandle(service_url=url, analyst_url=url, owner_url=migrate_url)
    if migrate_url is not None:
        # A host that only migrates needs no other login; assert_service_role refuses to serve with this one.
        return DatabaseHandle(service_url=migrate_url, analyst_url=migrate_url, owner_url=migrate_url)
    return _embedded(settings, attach=attach, binaries=binaries)


def _embedded(settings: Settings, *, attach: bool, binaries: Path | None) -> DatabaseHandle:
    # Imported where it is needed: a command that reads a named database starts in half the time.
    from recon.db.embedded.data_dir import data_dir_in_use, default_data_dir  # noqa: PLC0415
    from recon.db.embedded.server import EmbeddedPostgres  # noqa: PLC0415
    from recon.db.roles import ANALYST, OWNER, SERVICE  # noqa: PLC0415

    data_dir = (settings.database.data_dir or default_data_dir()).absolute()
    if attach and data_dir_in_use(data_dir):
        return _attached(data_dir)
    # The archive of what the server writes may be away for a while; this stretch is kept for it, and no more.
    kept = {"wal_keep_size": WAL_KEPT} if settings.backup.backup_dir is not None and settings.backup.wal else {}
    database = settings.database
    server = EmbeddedPostgres(data_dir, binaries, options=kept, listen_port=database.port if database.listen else None)
    server.start()
    return DatabaseHandle(server.url(SERVICE), server.url(ANALYST), server.url(OWNER), server)


def _attached(data_dir: Path) -> DatabaseHandle:
    """Wait until the server of another process is ready, and use it."""
    import structlog  # noqa: PLC0415

    from recon.db.embedded.cluster import pause  # noqa: PLC0415
    from recon.db.embedded.data_dir import data_dir_in_use  # noqa: PLC0415
    from recon.db.embedded.process import START_SECONDS  # noqa: PLC0415
    from recon.db.embedded.server import connection_url_if_running  # noqa: PLC0415
    from recon.db.roles import ANALYST, OWNER, SERVICE  # noqa: PLC0415

    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and data_dir_in_use(data_dir):
        urls = [connection_url_if_running(data_dir, role) for role in (SERVICE, ANALYST, OWNER)]
        if urls[0] is not None and urls[1] is not None:
            log = structlog.get_logger(__name__)
            log.info("using the embedded postgres of another process", data_dir=str(data_dir))
            return DatabaseHandle(urls[0], urls[1], urls[2])
        pause()
    raise EmbeddedPostgresError(
        f"another recon uses {data_dir}, but its embedded server did not become ready; look at that process"
    )
