"""What of the log is archived, and the owner's functions that record it and drop a partition.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from recon.db.sql_objects import create, drop, execute, replace
from recon.errors import DatabaseError

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NEW = ("log_archives", "record_archive", "drop_partition")
REPLACED = ("seq_at",)

TABLE = """
CREATE TABLE recon_store.log_archives (
    gateway     text        NOT NULL,
    first_seq   bigint      NOT NULL,
    last_seq    bigint      NOT NULL,
    digest      bytea       NOT NULL,
    manifest    text        NOT NULL,
    login       text        NOT NULL DEFAULT session_user,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_log_archives PRIMARY KEY (gateway, last_seq)
);
COMMENT ON TABLE recon_store.log_archives IS
    'A row for each stretch of a log that is in a file; the events after the last one are all in the database';
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE ON recon_store.log_archives
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_store.log_archives
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_change();
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLE)
    create(revision, *NEW)
    replace(revision, *REPLACED)


def downgrade() -> None:
    """Downgrade the schema."""
    if op.get_bind().scalar(text("SELECT EXISTS (SELECT FROM recon_store.log_archives)")):
        raise DatabaseError(
            "events are archived, which earlier versions of recon know nothing of; the schema stays as it is"
        )
    replace(down_revision, *REPLACED)
    drop(*NEW)
    execute("DROP TABLE recon_store.log_archives")
