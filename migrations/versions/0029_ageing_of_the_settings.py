"""Open breaks are aged between the bounds of the settings, as closings age them.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

REPLACED = ("break_ageing",)


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
