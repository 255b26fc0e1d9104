"""A gap begins at the last sign of life, for every view, day, past time and closing.

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, point_again

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

NEW = ("coverage_recorded", "coverage_known")
POINTED = ("coverage", "coverage_daily", "accounts", "coverage_as_of")


def upgrade() -> None:
    """Upgrade the schema."""
    # A gap that was folded before has neither until it is folded anew: it begins where the log told of it.
    execute("""
        ALTER TABLE recon_store.coverage ADD COLUMN alive_time timestamptz, ADD COLUMN gap_seq bigint;
        CREATE INDEX ix_coverage_gaps ON recon_store.coverage (gateway, edition, account, from_seq)
            WHERE alive_time IS NOT NULL;
        CREATE INDEX ix_coverage_times ON recon_store.coverage (gateway, edition, account, from_time)
    """)
    create(revision, *NEW)
    point_again(revision, *POINTED)


def downgrade() -> None:
    """Downgrade the schema."""
    point_again(down_revision, *POINTED)
    drop(*NEW)
    execute("""
        DROP INDEX recon_store.ix_coverage_gaps, recon_store.ix_coverage_times;
        ALTER TABLE recon_store.coverage DROP COLUMN alive_time, DROP COLUMN gap_seq
    """)
