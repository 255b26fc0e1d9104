"""One mechanism of comparison: what an account's units share is stored beside them.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from recon.db.sql_objects import execute, replace

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.account_comparisons (
    gateway text    NOT NULL,
    edition integer NOT NULL,
    account text    NOT NULL,
    data    bytea   NOT NULL,
    CONSTRAINT pk_account_comparisons PRIMARY KEY (gateway, edition, account)
);
COMMENT ON TABLE recon_store.account_comparisons IS
    'What the comparison of an account''s units shares: samples of fees, late fills, cash that is awaited';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.account_comparisons TO recon_service;
ALTER TABLE recon_store.comparisons DROP COLUMN cut_entry;
ALTER TABLE recon_store.entries DROP COLUMN rounded, DROP COLUMN blur, DROP COLUMN doubt;
ALTER TABLE recon_store.entries RENAME COLUMN leg TO turnover;
"""
FORMER_TABLES = """
ALTER TABLE recon_store.entries RENAME COLUMN turnover TO leg;
ALTER TABLE recon_store.entries ADD COLUMN rounded integer NOT NULL DEFAULT 0,
    ADD COLUMN blur numeric NOT NULL DEFAULT 0, ADD COLUMN doubt numeric NOT NULL DEFAULT 0;
ALTER TABLE recon_store.comparisons ADD COLUMN cut_entry bigint NOT NULL DEFAULT 0;
DROP TABLE recon_store.account_comparisons;
"""

#: Steps that were never breaks; nothing makes them any more. The books are folded anew after this revision.
NEVER_OPEN = """
DELETE FROM recon_store.break_history AS h USING recon_store.breaks AS b
WHERE (h.gateway, h.edition, h.id) = (b.gateway, b.edition, b.id) AND b.state IN ('pending', 'dismissed');
DELETE FROM recon_store.breaks WHERE state IN ('pending', 'dismissed');
"""

#: Views that are created again, each after those that it uses. The former texts of those that changed lie in `0004/`.
REPLACED: tuple[str, ...] = (
    "breaks",
    "open_breaks",
    "cases",
    "break_history",
    "balances",
    "positions",
    "firm_balances",
    "firm_positions",
)


def upgrade() -> None:
    execute(TABLES)
    execute(NEVER_OPEN)
    replace(revision, *REPLACED)


def downgrade() -> None:
    execute(FORMER_TABLES)
    replace(down_revision, *REPLACED)
