"""What was earned, and what was signed, as of a time; trades that only a statement told are earnings too.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

FORMER = ("add_to_average_cost", "average_cost", "pnl_daily")
OBJECTS = ("add_to_average_cost", "average_cost", "pnl_parts", "pnl_daily_as_of", "pnl_daily", "close_lines_as_of")


def upgrade() -> None:
    """Upgrade the schema."""
    drop(*FORMER)
    create(revision, *OBJECTS)


def downgrade() -> None:
    """Downgrade the schema."""
    drop(*OBJECTS)
    create(down_revision, *FORMER)
