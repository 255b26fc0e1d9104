"""The outbox: every alert once per channel, and how far its delivery is.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# `json`, not `jsonb`: the document goes out as it was written, the same bytes at every attempt.
OUTBOX = """
CREATE TABLE recon_store.outbox (
    gateway         text        NOT NULL,
    id              text        NOT NULL,
    channel         text        NOT NULL,
    event           text        NOT NULL,
    break_id        text        NOT NULL,
    case_id         text        NOT NULL,
    seq             bigint      NOT NULL,
    occurred_at     timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    document        json        NOT NULL,
    message_id      text,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    failed_at       timestamptz,
    last_error      text,
    CONSTRAINT pk_outbox PRIMARY KEY (gateway, id, channel)
) WITH (fillfactor = 70);
CREATE INDEX ix_outbox_pending ON recon_store.outbox (gateway, channel, seq, id)
    WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX ix_outbox_waiting ON recon_store.outbox (gateway, channel, break_id, seq)
    WHERE delivered_at IS NULL AND failed_at IS NULL;
COMMENT ON TABLE recon_store.outbox IS
    'One row per alert and channel, kept after delivery: a rebuild finds it here and alerts nobody again';
COMMENT ON COLUMN recon_store.outbox.occurred_at IS 'Log time of the transition that is told of';
COMMENT ON COLUMN recon_store.outbox.message_id IS
    'The message that carries the entry, fixed at the first attempt and the same at every later one';
COMMENT ON COLUMN recon_store.outbox.next_attempt_at IS
    'Null: at once. While an attempt is under way: when it counts as lost';
COMMENT ON COLUMN recon_store.outbox.failed_at IS 'When it was given up; it is not tried again';
"""


def upgrade() -> None:
    op.execute(OUTBOX)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.outbox TO recon_service")


def downgrade() -> None:
    op.execute("DROP TABLE recon_store.outbox")
