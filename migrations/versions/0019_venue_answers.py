"""Venues are asked themselves: their answers as a view, and their trades as facts that a second person approves.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, replace

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REPLACED = ("tellers", "missing_fact", "fact_messages", "approvals")


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)
    create(revision, "venue_answers")


def downgrade() -> None:
    """Downgrade the schema."""
    drop("venue_answers")
    replace(down_revision, *REPLACED)
