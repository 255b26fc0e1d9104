"""The SQL files are what the database holds: one object a file, with its text, comments and grants.

An object of `recon_exact` has its typed twin in `recon` by rule, without a file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from recon.db.engine import create_engine
from recon.db.migrate import _alembic, downgrade, migrate
from recon.db.roles import VIEW_SCHEMA
from recon.db.typed_objects import typed_twin
from recon.db.version import migrations_directory, newest_version
from tests.conftest import TestDatabase

pytestmark = pytest.mark.postgres

FILES = {file.stem: file.read_text(encoding="utf-8") for file in (migrations_directory() / "sql").glob("*/*.sql")}
CREATES = re.compile(r"^CREATE (VIEW|FUNCTION|AGGREGATE) (recon\w*)\.(\w+)", re.MULTILINE)

#: Name, definition, owner, comment and grants of every view and function; of views also what each column is.
OBJECTS = """
SELECT c.relnamespace::regnamespace || '.' || c.relname, pg_get_viewdef(c.oid),
       pg_get_userbyid(c.relowner), obj_description(c.oid, 'pg_class'),
       ARRAY(SELECT x::text FROM unnest(c.relacl) AS x ORDER BY 1),
       ARRAY(SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum))
             FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum)
FROM pg_class AS c WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text LIKE 'recon%'
UNION ALL
SELECT p.pronamespace::regnamespace || '.' || p.proname,
       CASE p.prokind
           WHEN 'a' THEN (SELECT concat_ws(' ', a.aggtransfn, a.aggtranstype::regtype, a.agginitval)
                          FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid)
           ELSE pg_get_functiondef(p.oid)
       END,
       pg_get_userbyid(p.proowner), obj_description(p.oid, 'pg_proc'),
       ARRAY(SELECT x::text FROM unnest(p.proacl) AS x ORDER BY 1), '{}'
FROM pg_proc AS p WHERE p.pronamespace::regnamespace::text LIKE 'recon%'
"""

NEXT_REVISION = '''
"""A revision that changes, adds and removes a view each."""

from recon.db.sql_objects import create, drop, replace

revision, down_revision, branch_labels, depends_on = "{next}", "{newest}", None, None


def upgrade() -> None:
    replace(revision, "breaks", "open_breaks")
    drop("alerts")
    create(revision, "surprise")


def downgrade() -> None:
    drop("surprise")
    create(down_revision, "alerts")
    replace(down_revision, "breaks", "open_breaks")
'''


@pytest.fixture
def connection(database: TestDatabase) -> Iterator[Connection]:
    with create_engine(database.owner_url, "tests", pooled=False).connect() as connection:
        yield connection


def _objects(connection: Connection) -> dict[str, tuple[object, ...]]:
    rows = [tuple(row) for row in connection.execute(text(OBJECTS))]
    connection.rollback()
    objects = {str(row[0]): row[1:] for row in rows}
    assert len(objects) == len(rows), "two objects of a schema have one name"
    return objects


def _run(connection: Connection, sql: str) -> None:
    connection.execution_options(no_parameters=True).exec_driver_sql(sql)


def _create(connection: Connection, sql: str) -> None:
    _run(connection, sql)
    for kind, schema, name in CREATES.findall(sql):
        if (twin := typed_twin(connection, kind, schema, name)) is not None:
            _run(connection, twin)


def _create_all(connection: Connection) -> None:
    """Create every object from its file, in whatever order lets each find those that it uses."""
    waiting = dict(FILES)
    while waiting:
        created = []
        for name, sql in waiting.items():
            try:
                with connection.begin_nested():
                    _create(connection, sql)
            except ProgrammingError:
                continue
            created.append(name)
        assert created, f"these files use what no file creates: {sorted(waiting)}"
        waiting = {name: sql for name, sql in waiting.items() if name not in created}


def test_every_object_has_a_file_and_every_file_an_object(connection: Connection) -> None:
    written = {f"{schema}.{name}" for sql in FILES.values() for _, schema, name in CREATES.findall(sql)}
    twins = {
        f"{VIEW_SCHEMA}.{name}"
        for sql in FILES.values()
        for kind, schema, name in CREATES.findall(sql)
        if typed_twin(connection, kind, schema, name) is not None
    }
    assert set(_objects(connection)) == written | twins
    assert {name: [created[2] for created in CREATES.findall(sql)] for name, sql in FILES.items()} == {
        name: [name] for name in FILES
    }


def test_the_migrated_database_is_what_the_files_say(connection: Connection) -> None:
    migrated = _objects(connection)
    for sql in FILES.values():
        for kind, schema, name in CREATES.findall(sql):
            for each in {schema, VIEW_SCHEMA}:
                _run(connection, f"DROP {'VIEW' if kind == 'VIEW' else 'ROUTINE'} IF EXISTS {each}.{name} CASCADE")
    _create_all(connection)
    connection.commit()
    assert _objects(connection) == migrated


def test_a_later_revision_replaces_adds_and_removes_objects(
    database: TestDatabase, connection: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = _objects(connection)
    later = shutil.copytree(migrations_directory(), tmp_path / "migrations")
    newest_revision = newest_version()
    assert newest_revision is not None
    next_revision = f"{int(newest_revision) + 1:04}"
    text_of_revision = NEXT_REVISION.lstrip().replace("{next}", next_revision).replace("{newest}", newest_revision)
    (later / "versions" / f"{next_revision}_next.py").write_text(text_of_revision, encoding="utf-8")
    kept = later / "versions" / next_revision
    kept.mkdir()
    views = later / "sql" / "views"
    shutil.copy(views / "open_breaks.sql", kept)
    shutil.move(views / "alerts.sql", kept)
    changed = FILES["open_breaks"].replace("'accepted')", "'accepted') AND b.severity = 'high'")
    (views / "open_breaks.sql").write_text(changed, encoding="utf-8")
    (views / "surprise.sql").write_text("CREATE VIEW recon.surprise AS SELECT 1 AS one;\n", encoding="utf-8")
    monkeypatch.setattr("recon.db.migrate.migrations_directory", lambda: later)

    migrate(database.owner_url)
    newest = _objects(connection)
    assert {name for name in former.keys() | newest.keys() if former.get(name) != newest.get(name)} == {
        "recon_exact.open_breaks", "recon.alerts", "recon_exact.alerts", "recon.surprise",
    }  # fmt: skip
    downgrade(database.owner_url, newest_revision)
    assert _objects(connection) == former
    # The former revision gives the texts of its time, although the files have moved on.
    downgrade(database.owner_url, "base")
    _alembic(database.owner_url, None, lambda config: command.upgrade(config, newest_revision))
    assert _objects(connection) == former
    migrate(database.owner_url)
    assert _objects(connection) == newest
