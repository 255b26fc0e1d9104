"""A unit without an opening says of a time before its first entry that its books begin later.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

REPLACED = ("unit_as_of",)


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
