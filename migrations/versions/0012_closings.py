"""Closings that people sign; a break without a resolution is closed by a right of its own.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, replace

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NEW = ("close_signatures", "closes", "close_lines", "check_close")


def upgrade() -> None:
    """Upgrade the schema."""
    create(revision, *NEW)
    replace(revision, "check_decision", "decisions")


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, "check_decision", "decisions")
    drop(*NEW)
