"""Versions of the schema: migrate a database to the newest one, and read which one it has (Alembic).

The migrations lie in `migrations/` of a checkout and are packed into the wheel as `recon/db/_migrations`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from recon.db.engine import create_engine
from recon.db.errors import database_error
from recon.db.version import (
    SELECT_VERSION,
    VERSION_READABLE,
    check_known,
    check_version,
    known_versions,
    migrations_directory,
)
from recon.errors import ConfigError, DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

#: Alembic's own table, in schema `recon_store`.
VERSION_TABLE: Final = "alembic_version"

#: How often a migration is begun where it and a reader wait for each other: Postgres ends one of them, maybe this one.
ATTEMPTS: Final = 8
_DEADLOCK: Final = "40P01"

#: Alembic keeps its state in module globals. Between processes a lock in the database keeps order.
_ALEMBIC: Final = threading.Lock()


def migrate(url: str, progress: Callable[[str], None] | None = None) -> None:
    """Migrate the database to the newest version, as the owner.

    `progress` is called with a line of text for each step. Each migration is one transaction, so the steps before a
    failed one stay. Errors: DatabaseError when the database cannot be reached, the roles cannot be created (with the
    SQL to run), or a migration fails.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, and only migrating needs it

    _alembic(url, progress, lambda config: command.upgrade(config, "head"))


def migrate_to(url: str, revision: str, progress: Callable[[str], None] | None = None) -> None:
    """Migrate the database up or down to a version, as the owner; each step is one transaction.

    Raise ConfigError if there is no such version; DatabaseError as `migrate` does.
    """
    from alembic import command  # noqa: PLC0415

    versions = known_versions()
    if revision not in versions:
        raise ConfigError(f"there is no version {revision!r} of the schema; there are {versions[0]} to {versions[-1]}")
    present = version_at(url)
    check_known(present)
    down = present is not None and versions.index(present) > versions.index(revision)
    _alembic(url, progress, lambda config: (command.downgrade if down else command.upgrade)(config, revision))


def version_at(url: str) -> str | None:
    """Return the version of a database's schema; None if it was never migrated. Raise DatabaseError."""
    engine = create_engine(url, "recon migrate", pooled=False)
    try:
        with engine.connect() as connection:
            return schema_version(connection)
    except SQLAlchemyError as error:
        raise database_error(error, "the database cannot be asked for its version") from error
    finally:
        engine.dispose()


def downgrade(url: str, revision: str, progress: Callable[[str], None] | None = None) -> None:
    """Migrate the database back to an older version ("base": to an empty one). Refused while the log holds events."""
    from alembic import command  # noqa: PLC0415

    _alembic(url, progress, lambda config: command.downgrade(config, revision))


def _alembic(url: str, progress: Callable[[str], None] | None, action: Callable[[Config], None]) -> None:
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["url"] = url
    config.attributes["progress"] = progress
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _ALEMBIC:
                action(config)
        except DBAPIError as error:
            # Steps are transactions: what a failed one did is undone, and those before it stay.
            if attempt == ATTEMPTS or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise database_error(error, "the migration failed") from error
        except SQLAlchemyError as error:
            raise database_error(error, "the migration failed") from error
        except CommandError as error:
            raise DatabaseError(f"the migration failed: {error}") from error
        else:
            return


def schema_version(conn: Connection) -> str | None:
    """Return the version of the database's schema; None if it was never migrated, or the login may not read it."""
    if not conn.scalar(text(VERSION_READABLE)):
        return None
    version: str | None = conn.scalar(text(SELECT_VERSION))
    return version


def check_migrated(conn: Connection) -> None:
    """Raise NotMigrated if the database has another version than this recon."""
    check_version(schema_version(conn))
