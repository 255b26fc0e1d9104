"""The firm's totals say what is expected beside what is reported: their difference is the drift.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

REPLACED = ("firm_balances", "firm_positions")


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
