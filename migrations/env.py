"""How Alembic runs the migrations: one transaction each, one migrator at a time, as the owner.

`recon migrate` passes the URL with the configuration; `alembic upgrade head` reads RECON_DATABASE__MIGRATE_URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, text

from recon.db.engine import create_engine
from recon.db.migrate import MIGRATION_LOCK, VERSION_TABLE
from recon.db.roles import SERVICE, STORE_SCHEMA, act_as_owner, ensure_roles
from recon.errors import ConfigError

#: Longest wait for another migrator, and for a lock on a table in use.
LOCK_TIMEOUT = "60s"


def database_url() -> str:
    url = context.config.attributes.get("url") or os.environ.get("RECON_DATABASE__MIGRATE_URL")
    if not url:
        raise ConfigError("set RECON_DATABASE__MIGRATE_URL to the owner's postgresql:// url")
    return str(url)


def prepare(conn: Connection) -> None:
    """Take the migrators' lock, then create the roles and the schema that holds the version, if they are missing."""
    conn.execute(text("SET statement_timeout = 0"))
    conn.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    conn.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    ensure_roles(conn)
    act_as_owner(conn)
    exists = conn.scalar(text("SELECT true FROM pg_namespace WHERE nspname = :name"), {"name": STORE_SCHEMA})
    if not exists:
        conn.execute(text(f"CREATE SCHEMA {STORE_SCHEMA}"))
        conn.execute(text(f"GRANT USAGE ON SCHEMA {STORE_SCHEMA} TO {SERVICE}"))


def describe(ctx: MigrationContext, revision: str | None) -> str:
    script = ctx.script.get_revision(revision) if ctx.script is not None and revision is not None else None
    return script.doc if script is not None else ""


def report(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
    progress: Callable[[str], None] | None = context.config.attributes.get("progress")
    if progress is not None:
        verb = "upgrade to" if step.is_upgrade else "downgrade from"
        progress(f"{verb} {step.up_revision_id}: {describe(ctx, step.up_revision_id)}")


def run() -> None:
    engine = create_engine(database_url(), "recon migrate", pooled=False)
    with engine.connect() as conn:
        with conn.begin():
            prepare(conn)
        context.configure(
            connection=conn,
            target_metadata=None,
            version_table=VERSION_TABLE,
            version_table_schema=STORE_SCHEMA,
            include_schemas=True,
            transaction_per_migration=True,
            on_version_apply=report,
        )
        with context.begin_transaction():
            context.run_migrations()
        # Reading the version began a transaction; where there was nothing to do it is still open.
        conn.commit()
        with conn.begin():
            # The service reads the version at each start.
            conn.execute(text(f"GRANT SELECT ON {STORE_SCHEMA}.{VERSION_TABLE} TO {SERVICE}"))


if context.is_offline_mode():
    raise ConfigError("migrations talk to the database (roles, locks); `--sql` is not supported")
run()
