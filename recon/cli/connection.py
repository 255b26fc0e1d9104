"""Connections to the database of the settings: for commands that read, and for people who decide."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from recon.cli.queries import schema_version
from recon.config import Log, Settings
from recon.db.reader import Reader, open_reader
from recon.db.resolve import DatabaseHandle, resolve_database
from recon.db.source import Source, query_rows
from recon.db.version import check_version
from recon.deciding.rights import reads_only
from recon.errors import DecisionRefused, NotMigrated

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: Whether a login may call the functions that record what people decide.
_RIGHTS: Final = "SELECT session_user AS login, has_schema_privilege(session_user, 'recon_store', 'USAGE') AS may"


def log_warnings_only() -> None:
    """Keep the parts that a command uses from logging what is no warning."""
    from recon.service.logging import configure_logging  # noqa: PLC0415 - slow to import

    configure_logging(Log(level="warning"))


@contextmanager
def existing_database(settings: Settings) -> Iterator[DatabaseHandle]:
    """Give the database of the settings; reading makes no embedded one.

    Errors: NotMigrated, DatabaseError.
    """
    database = settings.database
    if database.url is None and database.migrate_url is None:
        from recon.db.embedded.data_dir import default_data_dir  # noqa: PLC0415 - a named database needs no server

        data_dir = database.data_dir or default_data_dir()
        if not (data_dir / "postgres").exists():
            begin = "run `recon migrate`, or `recon run`"
            if not settings.gateways:
                begin = "no settings name a gateway either: begin with `recon init`, or look around with `recon demo`"
            raise NotMigrated(f"there is no database in {data_dir} yet; {begin}")
        log_warnings_only()  # the embedded server logs
    elif "structlog" in sys.modules:
        log_warnings_only()
    with resolve_database(settings) as handle:
        yield handle


@contextmanager
def connect(url: str, command: str) -> Iterator[Connection]:
    """Connect to a migrated database in one transaction. Errors: NotMigrated, DatabaseError."""
    from recon.db.engine import create_engine  # noqa: PLC0415 - a command that only reads starts without it

    with create_engine(url, f"recon {command}", pooled=False).connect() as connection:
        _check_migrated(connection)
        yield connection


@contextmanager
def connect_reader(url: str, command: str, *, snapshot: bool = False) -> Iterator[Reader]:
    """Connect to a migrated database to read in one transaction; with `snapshot` all of it is of one moment.

    Errors: NotMigrated, DatabaseError.
    """
    with open_reader(url, f"recon {command}", snapshot=snapshot) as reader:
        _check_migrated(reader)
        yield reader


def _check_migrated(connection: Source) -> None:
    version = schema_version(connection)
    if version is not None:
        check_version(version)
        return
    (row,) = query_rows(connection, "SELECT to_regclass('recon.gateways') AS gateways", {})
    if row["gateways"] is None:
        raise NotMigrated("the database holds no recon schema, or this login may not see it; run `recon migrate`")


@contextmanager
def reader_connection(settings: Settings, command: str, *, snapshot: bool = False) -> Iterator[Reader]:
    """Give a connection that can read the views, as `connect_reader` does. Errors: NotMigrated, DatabaseError."""
    with (
        existing_database(settings) as handle,
        connect_reader(handle.analyst_url, command, snapshot=snapshot) as reader,
    ):
        yield reader


@contextmanager
def readable_database(settings: Settings, command: str) -> Iterator[Callable[[], AbstractContextManager[Reader]]]:
    """Give what connects to read the views, for commands that look again and again. Errors: NotMigrated, DatabaseError.

    Each connection is one transaction, so a new look needs a new one.
    """
    with existing_database(settings) as handle:
        yield lambda: connect_reader(handle.analyst_url, command)


@contextmanager
def operator_connection(settings: Settings, command: str, *, decides: bool = True) -> Iterator[Connection]:
    """Give a connection as the person's own login, or else as the service's, which is shared.

    The database records who decides by its `session_user` (semantics 10.1); under a shared login a name is only a
    claim. The connection reads the views and may append through `recon.log.submit`; the caller commits.
    Without `decides` nothing is to be recorded. Errors: DecisionRefused where this login only reads; NotMigrated,
    DatabaseError.
    """
    operator_url = settings.database.operator_url
    if operator_url is not None:
        with connect(operator_url.get_secret_value(), command) as connection:
            if decides:
                _check_may_decide(connection)
            yield connection
        return
    with existing_database(settings) as handle, connect(handle.service_url, command) as connection:
        if decides:
            _check_may_decide(connection)
        yield connection


def _check_may_decide(connection: Connection) -> None:
    """Refuse a login without rights in words for people, before anything is asked of them. Errors: DecisionRefused."""
    (row,) = query_rows(connection, _RIGHTS, {})
    if not row["may"]:
        raise DecisionRefused(reads_only(str(row["login"])))
