"""What independent sources say was held, held against the books of that time.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.source_checks (
    gateway     text        NOT NULL,
    edition     integer     NOT NULL,
    seq         bigint      NOT NULL,
    number      integer     NOT NULL,
    account     text        NOT NULL,
    unit_kind   text        NOT NULL,
    unit        text        NOT NULL,
    told_unit   text        NOT NULL,
    source      text        NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    reported    numeric     NOT NULL,
    expected    numeric,
    drift       numeric,
    verdict     text        NOT NULL,
    reason      text,
    break_id    text,
    judged_seq  bigint,
    absent      boolean     NOT NULL,
    external_id text        NOT NULL,
    data        bytea       NOT NULL,
    CONSTRAINT pk_source_checks PRIMARY KEY (gateway, edition, seq, number)
);
COMMENT ON TABLE recon_store.source_checks IS
    'What independent sources say was held, each amount as it was judged against the books of its time';
CREATE INDEX ix_source_checks_unit ON recon_store.source_checks (gateway, edition, account, unit_kind, unit, at);
CREATE INDEX ix_source_checks_pending ON recon_store.source_checks (gateway, edition) WHERE verdict = 'pending';
CREATE TABLE recon_store.source_standings (
    gateway    text        NOT NULL,
    edition    integer     NOT NULL,
    account    text        NOT NULL,
    unit_kind  text        NOT NULL,
    unit       text        NOT NULL,
    source     text        NOT NULL,
    at         timestamptz NOT NULL,
    seq        bigint      NOT NULL,
    verdict    text        NOT NULL,
    reported   numeric     NOT NULL,
    drift      numeric     NOT NULL,
    agreed_at  timestamptz,
    agreed_seq bigint,
    CONSTRAINT pk_source_standings PRIMARY KEY (gateway, edition, account, unit_kind, unit, source)
);
COMMENT ON TABLE recon_store.source_standings IS
    'What each independent source said last of a unit, and when it last agreed with the books';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.source_checks, recon_store.source_standings TO recon_service;
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLES)
    create(revision, "source_checks")


def downgrade() -> None:
    """Downgrade the schema."""
    drop("source_checks")
    execute("DROP TABLE recon_store.source_standings, recon_store.source_checks")
