"""The version of the schema: the newest one there is, and whether a database has it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from recon.errors import DatabaseError, NotMigrated

#: Selects whether this login may read the database's version; no row if there is none.
VERSION_READABLE: Final = """
    SELECT CASE WHEN has_schema_privilege(n.oid, 'USAGE') THEN has_table_privilege(c.oid, 'SELECT') ELSE false END
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'recon_store' AND c.relname = 'alembic_version'
"""
SELECT_VERSION: Final = "SELECT version_num FROM recon_store.alembic_version"

_REVISION: Final = re.compile(r'^(revision|down_revision)\b[^=\n]*= *(?:"(\w+)"|None)', re.MULTILINE)


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


@cache
def known_versions() -> tuple[str, ...]:
    """Return the schema's versions, the first one first."""
    after = {below: revision for revision, below in _revisions().items()}
    chain: list[str] = []
    below: str | None = None
    while (revision := after.get(below)) is not None:
        chain.append(revision)
        below = revision
    return tuple(chain)


def _revisions() -> dict[str, str | None]:
    """Return each revision with the one before it, read from the files: Alembic is slow to import."""
    revisions: dict[str, str | None] = {}
    for path in (migrations_directory() / "versions").glob("*.py"):
        names = dict(_REVISION.findall(path.read_text(encoding="utf-8")))
        revisions[names["revision"]] = names["down_revision"] or None
    return revisions


def check_known(version: str | None) -> None:
    """Raise NotMigrated if a later recon made this version of the schema."""
    if version is not None and version not in known_versions():
        raise NotMigrated(
            f"the database's schema is of version {version}, which this recon does not know; use the recon that "
            "migrated it, have it go back (`recon migrate --to`), or make the database anew"
        )


def check_version(version: str | None) -> None:
    """Raise NotMigrated if a database of this version is not for this recon."""
    wanted = newest_version()
    if version == wanted:
        return
    if version is None:
        raise NotMigrated("the database holds no recon schema yet; run `recon migrate`")
    check_known(version)
    raise NotMigrated(f"the database's schema is of version {version}, this recon needs {wanted}; run `recon migrate`")
