"""Orders keep room on their pages for what changes; what the comparison keeps for itself is stored as it is.

A page of orders has room for a later version of some of them. An order that stays open is then replaced on its page,
and no index has to know. Compressing what the comparison keeps cost more than writing it. Both hold for what is
written from now on; no row is moved.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from recon.db.sql_objects import execute

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEPT = ("unit_trellises", "account_calls", "account_comparisons")


def upgrade() -> None:
    """Upgrade the schema."""
    execute("ALTER TABLE recon_store.orders SET (fillfactor = 60)")
    for table in KEPT:
        execute(f"ALTER TABLE recon_store.{table} ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    """Downgrade the schema."""
    execute("ALTER TABLE recon_store.orders RESET (fillfactor)")
    for table in KEPT:
        execute(f"ALTER TABLE recon_store.{table} ALTER COLUMN data SET STORAGE EXTENDED")
