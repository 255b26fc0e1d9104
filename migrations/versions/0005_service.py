"""What each part of each running service is doing, and an index by which the rules in force are found.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PARTS = """
CREATE TABLE recon_store.service_parts (
    gateway    text        NOT NULL,
    instance   text        NOT NULL,
    part       text        NOT NULL,
    state      text        NOT NULL,
    detail     text        NOT NULL DEFAULT '',
    since      timestamptz NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    figures    jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT pk_service_parts PRIMARY KEY (gateway, instance, part)
) WITH (fillfactor = 50);
COMMENT ON TABLE recon_store.service_parts IS
    'One row per part of each running service, written on change and every 10 s; gateway '''' is the service itself';
COMMENT ON COLUMN recon_store.service_parts.updated_at IS
    'By the database''s clock; older than 30 s means that the instance does not run, whatever the state says';
"""

# The rules in force are looked up at each start and each load; rules change seldom, so they lie far back in the log.
RULES = "CREATE INDEX ix_log_events_rules ON recon_store.log_events (gateway, seq) WHERE kind = 'rules'"


def upgrade() -> None:
    op.execute(PARTS)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.service_parts TO recon_service")
    op.execute(RULES)


def downgrade() -> None:
    op.execute("DROP INDEX recon_store.ix_log_events_rules")
    op.execute("DROP TABLE recon_store.service_parts")
