"""How Alembic runs the migrations: one transaction each, one migrator at a time, as the owner.

`recon migrate` passes the URL with the configuration; `alembic upgrade head` reads RECON_DATABASE__MIGRATE_URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from recon.db.engine import create_engine
from recon.db.migrate import VERSION_TABLE
from recon.db.roles import SERVICE, STORE_SCHEMA, act_as_owner, ensure_roles
from recon.errors import ConfigError, DatabaseError

#: Longest wait for another migrator, and for a lock on a table in use.
LOCK_TIMEOUT = "60s"
#: Most times that another migrator may make what this one is about to make.
RACES = 10
#: What Postgres says then: a unique key, an object or a schema is there, or a row of its catalog has just changed.
MADE_MEANWHILE = ("23505", "42710", "42P06", "42P07", "XX000")
#: Alembic's own table, as it makes it.
VERSIONS = f"""
CREATE TABLE IF NOT EXISTS {STORE_SCHEMA}.{VERSION_TABLE}
    (version_num varchar(32) NOT NULL, CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))
"""


def database_url() -> str:
    url = context.config.attributes.get("url") or os.environ.get("RECON_DATABASE__MIGRATE_URL")
    if not url:
        raise ConfigError("set RECON_DATABASE__MIGRATE_URL to the owner's postgresql:// url")
    return str(url)


def prepare(conn: Connection) -> None:
    """Create the roles, the schema and the table that holds the version, if they are missing, and act as the owner."""
    conn.execute(text("SET statement_timeout = 0"))
    conn.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    ensure_roles(conn)
    act_as_owner(conn)
    exists = conn.scalar(text("SELECT true FROM pg_namespace WHERE nspname = :name"), {"name": STORE_SCHEMA})
    if not exists:
        conn.execute(text(f"CREATE SCHEMA {STORE_SCHEMA}"))
        conn.execute(text(f"GRANT USAGE ON SCHEMA {STORE_SCHEMA} TO {SERVICE}"))
    conn.execute(text(VERSIONS))


def prepare_or_find(conn: Connection) -> None:
    """Prepare; where another migrator makes the same at the same moment, look again at what it has made."""
    for _ in range(RACES):
        try:
            with conn.begin():
                prepare(conn)
        except (DBAPIError, DatabaseError) as error:
            refused = error if isinstance(error, DBAPIError) else error.__cause__
            if not isinstance(refused, DBAPIError) or getattr(refused.orig, "sqlstate", None) not in MADE_MEANWHILE:
                raise
        else:
            return
    raise DatabaseError("other migrators make the same roles and schemas at this moment; run this again")


def wait_for_turn(turn: Connection) -> None:
    """Wait until no other migrator works; the end of the connection ends the turn.

    The lock is one that only the owner may take. It keeps nobody from reading or writing the version.
    """
    turn.execute(text("SET idle_in_transaction_session_timeout = 0"))
    turn.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    act_as_owner(turn)
    turn.execute(text(f"LOCK TABLE {STORE_SCHEMA}.{VERSION_TABLE} IN SHARE UPDATE EXCLUSIVE MODE"))


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
    with engine.connect() as conn, engine.connect() as turn:
        prepare_or_find(conn)
        wait_for_turn(turn)
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
