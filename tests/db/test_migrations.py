"""Our own migrations: up from nothing, down again when nothing is lost, and the tables as the code declares them."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pkgutil import walk_packages

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Table, text
from sqlalchemy.schema import SchemaItem

import recon
from recon.db.engine import create_engine
from recon.db.metadata import STORE, metadata
from recon.db.migrate import VERSION_TABLE, _alembic, downgrade, migrate, newest_version, schema_version
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


def test_one_version_down_and_up_again(database: TestDatabase) -> None:
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        before = _relations(connection)
        connection.rollback()
        downgrade(database.owner_url, "-1")
        connection.rollback()
        migrate(database.owner_url)
        assert _relations(connection) == before


def _surface(connection: Connection) -> set[tuple[object, ...]]:
    """Return what views show, what they and their columns mean, and who may read them."""
    return {
        tuple(row)
        for row in connection.execute(
            text(
                "SELECT c.relname, a.attname, a.attnum, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),"
                " col_description(c.oid, a.attnum), (SELECT string_agg(x::text, ' ' ORDER BY x::text)"
                " FROM unnest(c.relacl) AS x)"
                " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                " WHERE c.relnamespace = 'recon'::regnamespace AND c.relkind = 'v'"
            )
        )
    }


def test_going_down_gives_back_the_former_views(database: TestDatabase) -> None:
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        newest = _surface(connection)
        connection.rollback()
        downgrade(database.owner_url, "base")
        connection.rollback()
        _alembic(database.owner_url, None, lambda config: command.upgrade(config, "0009"))
        former = _surface(connection)
        connection.rollback()
        migrate(database.owner_url)
        assert _surface(connection) == newest
        connection.rollback()
        downgrade(database.owner_url, "0009")
        assert _surface(connection) == former


def test_what_was_published_stays_where_it_is(database: TestDatabase) -> None:
    """Columns come at the end alone: their place and type are as in the version before."""
    columns = text(
        "SELECT table_name, ordinal_position, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'recon'"
    )
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        newest = {tuple(row) for row in connection.execute(columns)}
        connection.rollback()
        downgrade(database.owner_url, "-1")
        assert {tuple(row) for row in connection.execute(columns)} <= newest


def test_a_log_that_is_not_empty_refuses_before_the_books_are_gone(database: TestDatabase) -> None:
    write_events(database.service_url, "sim", [NewEvent("frame", b"{}", datetime.now(UTC))])
    with pytest.raises(DatabaseError, match="not empty"):
        downgrade(database.owner_url, "base")
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        relations = _relations(connection)
        assert connection.scalar(text("SELECT count(*) FROM recon.events")) == 1
    assert {"recon_store.orders", "recon_store.outbox", "recon.open_breaks"} <= set(relations)


def test_tables_are_as_the_code_declares_them(database: TestDatabase) -> None:
    declared = {table.name for module in DECLARED for table in vars(module).values() if isinstance(table, Table)}
    assert declared == {table.name for table in metadata.tables.values()}

    def ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:
        # Indexes are a matter of the migrations alone; nothing in the code names one.
        return kind != "index" and name != VERSION_TABLE

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
