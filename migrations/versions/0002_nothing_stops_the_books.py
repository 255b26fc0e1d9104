"""Nothing that comes in stops the books, and nobody gets in.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, replace

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Functions and views with another text than in 0001, each after those that it uses; the former texts lie in `0002/`.
REPLACED: tuple[str, ...] = ()
#: Functions and views that are new, each after those that it uses.
NEW: tuple[str, ...] = ()

#: Changes of tables, in the order in which they are made, and their opposites.
TABLES: tuple[str, ...] = ()
FORMER_TABLES: tuple[str, ...] = ()


def upgrade() -> None:
    for change in TABLES:
        execute(change)
    create(revision, *NEW)
    replace(revision, *REPLACED)


def downgrade() -> None:
    replace(down_revision, *REPLACED)
    drop(*NEW)
    for change in FORMER_TABLES:
        execute(change)
