"""The append notifies nobody: commits that notify wait for each other, whichever gateway they are of.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, "append_any")


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, "append_any")
