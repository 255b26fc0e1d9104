"""Fees and profit and loss by symbol and day, as views.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OBJECTS = ("add_to_average_cost", "average_cost", "contract_terms", "fees", "pnl_daily")


def upgrade() -> None:
    """Upgrade the schema."""
    create(revision, *OBJECTS)


def downgrade() -> None:
    """Downgrade the schema."""
    drop(*OBJECTS)
