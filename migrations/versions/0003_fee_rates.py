"""The fee rates of an account are shown.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FEE_RATES = """
CREATE TABLE recon_store.fee_rates (
    gateway text    NOT NULL,
    edition integer NOT NULL,
    account text    NOT NULL,
    rates   jsonb   NOT NULL,
    CONSTRAINT pk_fee_rates PRIMARY KEY (gateway, edition, account)
);
COMMENT ON TABLE recon_store.fee_rates IS 'The fee rates of each account, told and learned, as one JSON list';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.fee_rates TO recon_service;
"""


def upgrade() -> None:
    execute(FEE_RATES)
    create(revision, "fees_learned")


def downgrade() -> None:
    drop("fees_learned")
    execute("DROP TABLE recon_store.fee_rates")
