"""A reason or a name that shows nothing is none: tabs, line ends and spaces of every width were taken.

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, replace

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

REPLACED = ("silence", "limit_login")


def upgrade() -> None:
    """Upgrade the schema."""
    create(revision, "is_blank")
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
    drop("is_blank")
