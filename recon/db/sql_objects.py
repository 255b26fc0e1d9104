"""Functions and views as SQL files: how a revision creates, replaces and drops them.

1. `migrations/sql/functions/NAME.sql` and `migrations/sql/views/NAME.sql` hold the current text of each object, with
   its comments and grants.
2. A revision that changes or removes an object keeps the former text as `migrations/versions/REVISION/NAME.sql`.
   One that only creates an object again, because what it uses has changed, keeps none.
3. So the text of an object in any revision is the one that the next revision kept, or else the current one. On the way
   up a revision calls `replace(revision, …)`, on the way down `replace(down_revision, …)`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from alembic import op

from recon.errors import DatabaseError

_CREATES: Final = re.compile(r"^CREATE (VIEW|FUNCTION|AGGREGATE) (\w+\.\w+)", re.MULTILINE)


def create(revision: str, *names: str) -> None:
    """Create objects as they are in a revision. Name each after those that it uses."""
    for name in names:
        execute(_texts(name, after=revision)[0])


def drop(*names: str) -> None:
    """Drop objects, in the opposite order to the one in which they are named."""
    for name in reversed(names):
        created = _CREATES.search(_texts(name)[0])
        if created is None:
            raise DatabaseError(f"the SQL file of {name} creates no view, function or aggregate; install recon again")
        # A function or an aggregate: both are routines, and no two of ours have one name.
        execute(f"DROP {'VIEW' if created[1] == 'VIEW' else 'ROUTINE'} {created[2]}")


def replace(revision: str, *names: str) -> None:
    """Drop objects, and create them as they are in a revision.

    Name also the objects that use a replaced one: Postgres drops nothing that is still used.
    """
    drop(*names)
    create(revision, *names)


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
