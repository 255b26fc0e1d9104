"""A unit's trellis has a row of its own, written now and then; what an account was told since then is added beside it.

The books are folded anew after this revision, so nothing is moved.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from recon.db.sql_objects import execute

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.unit_trellises (
    gateway   text    NOT NULL,
    edition   integer NOT NULL,
    account   text    NOT NULL,
    unit_kind text    NOT NULL,
    unit      text    NOT NULL,
    data      bytea   NOT NULL,
    CONSTRAINT pk_unit_trellises PRIMARY KEY (gateway, edition, account, unit_kind, unit)
);
COMMENT ON TABLE recon_store.unit_trellises IS
    'What the comparison of a unit keeps, as it was when its account was stored whole; empty: nothing';
CREATE TABLE recon_store.account_calls (
    gateway text    NOT NULL,
    edition integer NOT NULL,
    account text    NOT NULL,
    number  integer NOT NULL,
    data    bytea   NOT NULL,
    CONSTRAINT pk_account_calls PRIMARY KEY (gateway, edition, account, number)
);
COMMENT ON TABLE recon_store.account_calls IS
    'What the comparison of an account was told since it was stored whole; what names an earlier whole form is over';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.unit_trellises, recon_store.account_calls TO recon_service;
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLES)


def downgrade() -> None:
    """Downgrade the schema."""
    execute("DROP TABLE recon_store.unit_trellises, recon_store.account_calls")
