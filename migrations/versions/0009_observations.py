"""The history of each unit: its observations as they were judged.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OBSERVATIONS = """
CREATE TABLE recon_store.observations (
    gateway    text        NOT NULL,
    edition    integer     NOT NULL,
    account    text        NOT NULL,
    unit_kind  text        NOT NULL,
    unit       text        NOT NULL,
    at         timestamptz NOT NULL,
    judged_seq bigint      NOT NULL,
    judged_at  timestamptz NOT NULL,
    seq        bigint      NOT NULL,
    reported   numeric     NOT NULL,
    expected   numeric,
    explained  numeric     NOT NULL,
    verdict    text        NOT NULL,
    CONSTRAINT pk_observations PRIMARY KEY (gateway, edition, account, unit_kind, unit, at, judged_seq)
);
COMMENT ON TABLE recon_store.observations IS
    'Observations of each unit as they were judged: each change of verdict or drift, and else one a minute';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.observations TO recon_service;
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(OBSERVATIONS)
    create(revision, "observations")


def downgrade() -> None:
    """Downgrade the schema."""
    drop("observations")
    execute("DROP TABLE recon_store.observations")
