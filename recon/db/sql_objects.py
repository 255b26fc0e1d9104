"""Functions and views as SQL files: how a revision creates, replaces and drops them.

1. `migrations/sql/functions/NAME.sql` and `migrations/sql/views/NAME.sql` hold the current text of each object, with
   its comments and grants.
2. A revision that changes or removes an object keeps the former text as `migrations/versions/REVISION/NAME.sql`.
   One that only creates an object again, because what it uses has changed, keeps none.
3. So the text of an object in any revision is the one that the next revision kept, or else the current one. On the way
   up a revision calls `replace(revision, …)`, on the way down `replace(down_revision, …)`.
4. An object of schema `recon_exact` is created and dropped with its typed twin in `recon` (`typed_objects`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from alembic import op
from sqlalchemy import text

from recon.db.typed_objects import typed_twin
from recon.errors import DatabaseError

_CREATES: Final = re.compile(r"^CREATE (VIEW|FUNCTION|AGGREGATE) (\w+)\.(\w+)", re.MULTILINE)
#: The schemas that hold an object of a name, in the order of their names.
_SCHEMAS: Final = {
    "VIEW": """
        SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname = :name AND c.relkind = 'v' AND n.nspname LIKE 'recon%' ORDER BY n.nspname
    """,
    "ROUTINE": """
        SELECT n.nspname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE p.proname = :name AND n.nspname LIKE 'recon%' ORDER BY n.nspname
    """,
}


def create(revision: str, *names: str) -> None:
    """Create objects as they are in a revision. Name each after those that it uses."""
    for name in names:
        sql = _texts(name, after=revision)[0]
        execute(sql)
        created = _CREATES.search(sql)
        if created is not None and (twin := typed_twin(op.get_bind(), created[1], created[2], name)) is not None:
            execute(twin)


def drop(*names: str) -> None:
    """Drop objects, in the opposite order to the one in which they are named."""
    for name in reversed(names):
        created = _CREATES.search(_texts(name)[0])
        if created is None:
            raise DatabaseError(f"the SQL file of {name} creates no view, function or aggregate; install recon again")
        # A function or an aggregate: both are routines, and no two of ours in one schema have one name.
        kind = "VIEW" if created[1] == "VIEW" else "ROUTINE"
        # A typed twin is in the first of the schemas, and uses the other object.
        for schema in op.get_bind().scalars(text(_SCHEMAS[kind]), {"name": name}).all():
            execute(f"DROP {kind} {schema}.{name}")


def replace(revision: str, *names: str) -> None:
    """Drop objects, and create them as they are in a revision.

    Name also the objects that use a replaced one: Postgres drops nothing that is still used.
    """
    drop(*names)
    create(revision, *names)


def point_again(revision: str, *names: str) -> None:
    """Have views read the tables that now have the names in their texts; they keep their readers, grants and users."""
    for name in names:
        execute(_CREATES.sub(r"CREATE OR REPLACE \1 \2.\3", _texts(name, after=revision)[0], count=1))


def execute(sql: str) -> None:
    """Run plain SQL: a colon begins no parameter, and a percent sign stands for itself."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(sql)


def _texts(name: str, *, after: str = "") -> list[str]:
    """Return the texts of an object that later revisions kept, oldest first, and then its current one."""
    script = op.get_context().script
    if script is None:  # pragma: no cover - alembic runs revisions from their directory
        raise DatabaseError("the migrations run without their directory")
    migrations = Path(script.dir)
    files = [file for file in (migrations / "versions").glob(f"*/{name}.sql") if file.parent.name > after]
    files.sort(key=lambda file: file.parent.name)
    files += (migrations / "sql").glob(f"*/{name}.sql")
    if not files:
        raise DatabaseError(f"the SQL file of {name} is missing from {migrations}; install recon again")
    return [file.read_text(encoding="utf-8") for file in files]
