"""An append also answers the digest of its last event, and which payloads cannot be read as JSON.

The writer then knows all that a read of the log would tell of these events.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from recon.db.sql_objects import replace

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

REPLACED = ("append_any", "append")


def upgrade() -> None:
    """Upgrade the schema."""
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
