"""Which independent source agreed with a unit, and when; an account may require one.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from recon.db.sql_objects import execute, replace

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE recon_store.source_rules (
    gateway        text    NOT NULL,
    edition        integer NOT NULL,
    account        text    NOT NULL,
    require_source text,
    source_age_us  bigint  NOT NULL,
    CONSTRAINT pk_source_rules PRIMARY KEY (gateway, edition, account)
);
COMMENT ON TABLE recon_store.source_rules IS
    'Which independent source an account requires, by the rules in force, and how old its word may be';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.source_rules TO recon_service;
"""
REPLACED = ("unit_verdicts", "balances", "positions", "firm_balances", "firm_positions")


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLE)
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, *REPLACED)
    execute("DROP TABLE recon_store.source_rules")
