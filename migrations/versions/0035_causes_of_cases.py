"""A case tells all causes of its breaks: it told that of the first alone.

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

REPLACED = ("cases",)


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
