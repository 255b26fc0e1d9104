"""Versions of the schema: migrate a database to the newest one, and read which one it has (Alembic).

The migrations lie in `migrations/` of a checkout and are packed into the wheel as `recon/db/_migrations`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Connection, MetaData, Table, Text, select, text
from sqlalchemy.exc import SQLAlchemyError

from recon.db.errors import database_error
from recon.db.roles import STORE_SCHEMA
from recon.errors import DatabaseError, NotMigrated

if TYPE_CHECKING:
    from alembic.config import Config

#: Alembic's own table, in schema `recon_store`.
VERSION_TABLE: Final = "alembic_version"
#: Key of the advisory lock that lets one migrator work at a time ("recon" in ASCII, plus one).
MIGRATION_LOCK: Final = 0x7265636F6E_01

_REVISION: Final = re.compile(r'^(revision|down_revision)\b[^=\n]*= *(?:"(\w+)"|None)', re.MULTILINE)

#: Alembic keeps its state in module globals. Between processes the advisory lock keeps order.
_ALEMBIC: Final = threading.Lock()


def migrate(url: str, progress: Callable[[str], None] | None = None) -> None:
    """Migrate the database to the newest version, as the owner.

    `progress` is called with a line of text for each step. Each migration is one transaction, so the steps before a
    failed one stay. Errors: DatabaseError when the database cannot be reached, the roles cannot be created (with the
    SQL to run), or a migration fails.
    """
    from alembic import command  # noqa: PLC0415 - slow to import, and only migrating needs it

    _alembic(url, progress, lambda config: command.upgrade(config, "head"))


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
    try:
        with _ALEMBIC:
            action(config)
    except SQLAlchemyError as error:
        raise database_error(error, "the migration failed") from error
    except CommandError as error:
        raise DatabaseError(f"the migration failed: {error}") from error


def migrations_directory() -> Path:
    """Return the directory of the migrations: packed beside this file, or at the top of a checkout."""
    packed = Path(__file__).with_name("_migrations")
    checkout = Path(__file__).parents[2] / "migrations"
    for place in (packed, checkout):
        if (place / "env.py").is_file():
            return place
    raise DatabaseError(f"the migrations are missing: neither {packed} nor {checkout} exists; install recon again")


@cache
def newest_version() -> str | None:
    """Return the schema's version that this recon works with; None if there are no migrations."""
    revisions = _revisions()
    heads = set(revisions) - set(revisions.values())
    return heads.pop() if heads else None


def _revisions() -> dict[str, str | None]:
    """Return each revision with the one before it, read from the files: Alembic is slow to import."""
    revisions: dict[str, str | None] = {}
    for path in (migrations_directory() / "versions").glob("*.py"):
        names = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        revisions[names["revision"]] = names["down_revision"] or None
    return revisions


def schema_version(conn: Connection) -> str | None:
    """Return the version of the database's schema; None if it was never migrated, or the login may not read it."""
    readable = conn.scalar(
        text(
            "SELECT CASE WHEN has_schema_privilege(n.oid, 'USAGE') THEN has_table_privilege(c.oid, 'SELECT')"
            " ELSE false END FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = :schema AND c.relname = :table"
        ),
        {"schema": STORE_SCHEMA, "table": VERSION_TABLE},
    )
    if not readable:
        return None
    table = Table(VERSION_TABLE, MetaData(), Column("version_num", Text), schema=STORE_SCHEMA)
    version: str | None = conn.scalar(select(table.c.version_num))
    return version


def check_migrated(conn: Connection) -> None:
    """Raise NotMigrated if the database has another version than this recon."""
    version, wanted = schema_version(conn), newest_version()
    if version == wanted:
        return
    if version is None:
        raise NotMigrated("the database holds no recon schema yet; run `recon migrate`")
    if wanted is None or version not in _revisions():
        raise NotMigrated(
            f"the database's schema is of version {version}, which this recon does not know; "
            "use the newer recon that migrated it"
        )
    raise NotMigrated(f"the database's schema is of version {version}, this recon needs {wanted}; run `recon migrate`")
