"""What recon does not see is remembered, so that it is told once, and told to be over.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from recon.db.sql_objects import execute, replace

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.watch (
    gateway  text        NOT NULL,
    kind     text        NOT NULL,
    about    text        NOT NULL,
    began_at timestamptz,
    seen_at  timestamptz NOT NULL,
    present  boolean     NOT NULL,
    told_at  timestamptz,
    told     boolean     NOT NULL,
    times    integer     NOT NULL,
    detail   text        NOT NULL,
    since    timestamptz,
    CONSTRAINT pk_watch PRIMARY KEY (gateway, kind, about)
) WITH (fillfactor = 70);
COMMENT ON TABLE recon_store.watch IS
    'Where recon does not see now, or was lately told not to; and under gateway '''' when it last looked';
COMMENT ON COLUMN recon_store.watch.began_at IS 'When it was first seen; null: it is over';
COMMENT ON COLUMN recon_store.watch.told IS 'Whether it was told, and its end is still to be told';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.watch TO recon_service;
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLES)
    replace(revision, "alerts")


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, "alerts")
    execute("DROP TABLE recon_store.watch")
