"""${message}

Before you change a file in migrations/sql, copy it to migrations/versions/${up_revision}/NAME.sql for the way down.
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, replace

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    execute("ALTER TABLE …")
    replace(revision, "names of views and functions")


def downgrade() -> None:
    replace(down_revision, "names of views and functions")
    execute("ALTER TABLE …")
