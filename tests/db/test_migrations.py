"""Our own migrations: up from nothing, down again when nothing is lost, and the tables as the code declares them."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pkgutil import walk_packages

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import SchemaItem

import recon
from recon.db.engine import create_engine
from recon.db.metadata import STORE, metadata
from recon.db.migrate import ATTEMPTS, VERSION_TABLE, downgrade, migrate, schema_version
from recon.db.version import newest_version
from recon.errors import DatabaseError
from recon.log.events import NewEvent
from tests.conftest import TestDatabase
from tests.support.database_days import write_events

pytestmark = pytest.mark.postgres

#: Every module of recon that declares tables.
DECLARED = [
    import_module(found.name) for found in walk_packages(recon.__path__, "recon.") if found.name.endswith("schema")
]


def _in_store(name: str | None, kind: str, parents: object) -> bool:
    return kind != "schema" or name == STORE


def _relations(connection: Connection) -> list[str]:
    return list(
        connection.scalars(
            text(
                "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname LIKE 'recon%' AND c.relkind IN ('r', 'v') ORDER BY 1"
            )
        )
    )


def _changes(context: MigrationContext) -> list[tuple[object, ...]]:
    """What alembic would change; changes of one column come as a list of their own."""
    found = compare_metadata(context, metadata)
    return [tuple(one) for change in found for one in (change if isinstance(change, list) else [change])]


def test_down_to_nothing_and_up_again_gives_the_same(database: TestDatabase) -> None:
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        before = _relations(connection)
        connection.rollback()
        downgrade(database.owner_url, "base")
        assert schema_version(connection) is None
        assert _relations(connection) == [f"{STORE}.{VERSION_TABLE}"]
        functions = connection.scalars(
            text(
                "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname LIKE 'recon%'"
            )
        ).all()
        assert functions == []
        connection.rollback()
        migrate(database.owner_url)
        assert _relations(connection) == before
        assert schema_version(connection) == newest_version()


def test_a_log_that_is_not_empty_refuses_before_the_books_are_gone(database: TestDatabase) -> None:
    write_events(database.service_url, "sim", [NewEvent("frame", b"{}", datetime.now(UTC))])
    with pytest.raises(DatabaseError, match="not empty"):
        downgrade(database.owner_url, "base")
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        relations = _relations(connection)
        assert connection.scalar(text("SELECT count(*) FROM recon.events")) == 1
    assert {"recon_store.orders", "recon_store.outbox", "recon.open_breaks"} <= set(relations)


def test_tables_are_as_the_code_declares_them(database: TestDatabase) -> None:
    values = [getattr(value, "table", value) for module in DECLARED for value in vars(module).values()]
    declared = {value.name for value in values if isinstance(value, Table)}
    assert declared == {table.name for table in metadata.tables.values()}

    def ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:
        # Indexes and partitions are a matter of the migrations alone; nothing in the code names one.
        return kind != "index" and name != VERSION_TABLE and not str(name).startswith("log_events_")

    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": _in_store,
                "include_object": ours,
                "compare_type": True,
                "compare_server_default": False,
            },
        )
        # What the tables mean is told by the migrations' comments alone.
        assert [change for change in _changes(context) if "comment" not in str(change[0])] == []


def test_the_comparison_would_notice(database: TestDatabase) -> None:
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        connection.execute(text(f"ALTER TABLE {STORE}.orders ADD COLUMN surprise text"))
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "include_name": _in_store,
            },
        )
        columns = [change[-1] for change in _changes(context) if change[0] == "remove_column"]
        assert [column.name for column in columns if isinstance(column, Column)] == ["surprise"]


def _ended_by(kind: type[psycopg.Error], times: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have Alembic's next upgrades end by an error; return the list of the versions that were asked for."""
    asked: list[str] = []
    upgrade = command.upgrade

    def refused(config: Config, revision: str) -> None:
        asked.append(revision)
        if len(asked) <= times:
            raise OperationalError("DROP VIEW", {}, kind("ended"))
        upgrade(config, revision)

    monkeypatch.setattr(command, "upgrade", refused)
    return asked


def test_readers_and_a_migration_that_wait_for_each_other_do_not_end_it(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    downgrade(database.owner_url, "-1")
    asked = _ended_by(psycopg.errors.DeadlockDetected, 2, monkeypatch)
    migrate(database.owner_url)
    assert asked == ["head"] * 3
    with create_engine(database.owner_url, "test", pooled=False).connect() as connection:
        assert schema_version(connection) == newest_version()


def test_it_is_not_begun_for_ever_nor_after_another_failure(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _ended_by(psycopg.errors.DeadlockDetected, ATTEMPTS, monkeypatch)
    with pytest.raises(DatabaseError, match="the migration failed"):
        migrate(database.owner_url)
    assert len(asked) == ATTEMPTS
    monkeypatch.undo()
    asked = _ended_by(psycopg.errors.LockNotAvailable, 1, monkeypatch)
    with pytest.raises(DatabaseError, match="the migration failed"):
        migrate(database.owner_url)
    assert len(asked) == 1
