"""Every observation and fact names the class of its source.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

REPLACED = ("observations", "facts")


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
