"""The service has Postgres count the tables that have doubled: after a flood plans took them for empty.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema."""
    create(revision, "refresh_statistics")


def downgrade() -> None:
    """Downgrade the schema."""
    drop("refresh_statistics")
