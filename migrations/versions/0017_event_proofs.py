"""Each event with all that its digest covers, so that the chain can be computed again outside.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Upgrade the schema."""
    create(revision, "event_proofs")


def downgrade() -> None:
    """Downgrade the schema."""
    drop("event_proofs")
