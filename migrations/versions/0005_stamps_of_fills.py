"""What is known of the venue's times of fills is shown with each account.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from recon.db.sql_objects import execute, replace

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE recon_store.accounts ADD COLUMN stamp_resolution_us bigint,
    ADD COLUMN venue_ahead_us bigint NOT NULL DEFAULT 0;
"""
FORMER_COLUMNS = "ALTER TABLE recon_store.accounts DROP COLUMN stamp_resolution_us, DROP COLUMN venue_ahead_us"
#: The view of accounts, and the views that use it.
VIEWS: tuple[str, ...] = ("accounts", "firm_balances", "firm_positions")


def upgrade() -> None:
    """Upgrade the schema."""
    execute(COLUMNS)
    replace(revision, *VIEWS)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *VIEWS)
    execute(FORMER_COLUMNS)
