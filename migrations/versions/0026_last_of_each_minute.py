"""The history of a unit keeps the last observation of each minute, and tells which these are.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, replace

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

NEW = ("latest_observations",)
REPLACED = ("observations", "units_as_of")


def upgrade() -> None:
    """Upgrade the schema."""
    # A service of before writes rows without it until it is stopped: it keeps none of these.
    execute("ALTER TABLE recon_store.observations ADD COLUMN last_of_minute boolean NOT NULL DEFAULT false")
    create(revision, *NEW)
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
    drop(*NEW)
    execute("ALTER TABLE recon_store.observations DROP COLUMN last_of_minute")
