"""A unit of a past time with an open break is in break, also where what shows the break was judged later.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

REPLACED = ("units_as_of",)


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
