"""The books at any time, as known at any other: functions over two times, and the few indexes that they need.

Entries are numbered in the order of knowledge, so most are found by their number and cost the write path nothing. Only
what lies far from its own time has an index: entries recorded more than ten seconds after or before they happened.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from typing import Final

from recon.db.sql_objects import create, drop, execute, replace

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UNIT: Final = "gateway, edition, account, unit_kind, unit"
INDEXES: Final = f"""
CREATE INDEX ix_entries_opening ON recon_store.entries ({UNIT}) WHERE cause = 'opening';
CREATE INDEX ix_entries_late ON recon_store.entries ({UNIT}, recorded_at, occurred_at)
    WHERE recorded_at - occurred_at > interval '00:00:10';
CREATE INDEX ix_entries_early ON recon_store.entries ({UNIT}, occurred_at, recorded_at)
    WHERE occurred_at - recorded_at > interval '00:00:10';
"""
#: Each after those that it uses.
FUNCTIONS: Final = (
    "seq_at", "log_as_of", "entry_near", "unit_as_of", "entries_learned", "entries_as_of", "fills_as_of",
    "orders_as_of", "coverage_as_of", "breaks_as_of", "units_as_of", "balances_as_of", "positions_as_of",
    "restatements",
)  # fmt: skip


def upgrade() -> None:
    """Upgrade the schema."""
    execute(INDEXES)
    replace(revision, "entries", "observations")
    create(revision, "units", *FUNCTIONS)


def downgrade() -> None:
    """Downgrade the schema."""
    drop("units", *FUNCTIONS)
    replace(down_revision, "entries", "observations")
    execute("DROP INDEX recon_store.ix_entries_opening, recon_store.ix_entries_late, recon_store.ix_entries_early")
