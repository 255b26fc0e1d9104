"""Entries tell what a schedule leaves open of a fee: one of two rates, so many apart.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; entries of before leave nothing open."""
    op.execute("ALTER TABLE recon_store.entries ADD COLUMN doubt numeric NOT NULL DEFAULT 0")


def downgrade() -> None:
    """Take it away."""
    op.execute("ALTER TABLE recon_store.entries DROP COLUMN doubt")
