"""The log lies in partitions by log position: the table that there was becomes the first one, row by row where it is.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import text

from recon.db.sql_objects import create, drop, execute, point_again, replace

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

NEW = ("new_partition", "attach_partition", "log_partitions", "close_partition")

#: Log positions of one partition, and how far the first one reaches beyond what there is: at least as far again.
SIZE: Final = 10_000_000

#: The last log position of the gateway that is furthest.
FURTHEST: Final = """
SELECT coalesce(max((SELECT max(e.seq) FROM recon_store.log_events AS e WHERE e.gateway = g.gateway)), 0)
FROM recon_store.log_gateways AS g
"""
#: Only a new row is checked while this is added, so the lock lasts a moment.
PROMISE = """
ALTER TABLE recon_store.log_events DROP CONSTRAINT IF EXISTS ck_log_events_until;
ALTER TABLE recon_store.log_events ADD CONSTRAINT ck_log_events_until CHECK (seq >= 1 AND seq < {end}) NOT VALID;
"""
#: Reads the whole table while events are appended; then attaching reads nothing.
PROVE = "ALTER TABLE recon_store.log_events VALIDATE CONSTRAINT ck_log_events_until"
TAKE_BACK = "ALTER TABLE recon_store.log_events DROP CONSTRAINT ck_log_events_until"

#: The log's indexes, in the words of the revisions that made them.
INDEXES: Final = """
ALTER TABLE recon_store.log_events ADD CONSTRAINT pk_log_events PRIMARY KEY (gateway, seq);
CREATE INDEX ix_log_events_sessions ON recon_store.log_events (gateway, seq)
    WHERE kind IN ('session.opened', 'session.closed', 'session.failed');
CREATE INDEX ix_log_events_rules ON recon_store.log_events (gateway, seq) WHERE kind IN ('rules', 'rules.proposed');
CREATE INDEX ix_log_events_decisions ON recon_store.log_events (gateway, seq) WHERE kind = 'decision';
CREATE INDEX ix_log_events_refused ON recon_store.log_events (gateway, seq) WHERE kind = 'event.refused';
CREATE INDEX ix_log_events_account ON recon_store.log_events (account, gateway, seq) WHERE account IS NOT NULL;
-- Events of other kinds are many, and found by account or time.
CREATE INDEX ix_log_events_kind ON recon_store.log_events (kind, gateway, seq)
    WHERE kind <> ALL (ARRAY['ORDER_EXEC_REPORT_UPDATE', 'BALANCE_UPDATE', 'POSITION_UPDATE', 'tick']);
CREATE INDEX ix_log_events_recorded_at ON recon_store.log_events USING brin (recorded_at) WITH (pages_per_range = 16);
"""
#: What is named after the log: its key, and its indexes.
NAMES: Final = (
    "pk_log_events",
    *(f"ix_log_events_{each}" for each in ("sessions", "rules", "decisions", "refused", "account", "kind")),
    "ix_log_events_recorded_at",
)

#: What there was becomes the first partition. Its own row guard gives way to the one that attaching brings.
MAKE_WHOLE: Final = """
DROP TRIGGER only_appended ON recon_store.log_events_from_1;
REVOKE SELECT ON recon_store.log_events_from_1 FROM recon_service;
CREATE TABLE recon_store.log_events (
    LIKE recon_store.log_events_from_1 INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMMENTS
) PARTITION BY RANGE (seq);
COMMENT ON TABLE recon_store.log_events IS
    'The log. Each partition holds one stretch of seq, of every gateway; the last one takes what has no other yet';
GRANT SELECT ON recon_store.log_events TO recon_service;
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE ON recon_store.log_events
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_store.log_events
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_change();
"""

#: Back: what later partitions hold is copied into the first one, under the lock; nothing is appended meanwhile.
GATHER: Final = """
LOCK TABLE recon_store.log_events IN ACCESS EXCLUSIVE MODE;
ALTER TABLE recon_store.log_events DETACH PARTITION recon_store.log_events_from_1;
INSERT INTO recon_store.log_events_from_1 SELECT e.* FROM recon_store.log_events AS e ORDER BY e.gateway, e.seq;
COMMENT ON TABLE recon_store.log_events_from_1 IS NULL;
GRANT SELECT ON recon_store.log_events_from_1 TO recon_service;
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE ON recon_store.log_events_from_1
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_change();
"""

#: Views know a table by what it is, not by its name.
READERS: Final = """
SELECT DISTINCT v.relname FROM pg_depend AS d
JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class AS v ON v.oid = r.ev_class
WHERE d.refobjid = CAST(:table AS regclass) ORDER BY 1
"""


def _readers(table: str) -> list[str]:
    """Return the views that read a table itself."""
    return list(op.get_bind().scalars(text(READERS), {"table": f"recon_store.{table}"}))


def _rename(former: str, latter: str) -> None:
    """Rename the log's table, key and indexes: from one ending of their names to another."""
    execute(f"ALTER TABLE recon_store.log_events{former} RENAME TO log_events{latter}")
    for name in NAMES:
        execute(f"ALTER INDEX recon_store.{name}{former} RENAME TO {name}{latter}")


def _promised_end() -> int:
    """Promise where the present table ends, prove it, and return its last log position. Each step is a transaction."""
    with op.get_context().autocommit_block():
        head = int(op.get_bind().execute(text(FURTHEST)).scalar_one())
        last = SIZE * ((head + SIZE - 1) // SIZE + 1)
        execute(PROMISE.format(end=last + 1))
        try:
            execute(PROVE)
        except BaseException:
            execute(TAKE_BACK)
            raise
    return last


def upgrade() -> None:
    """Upgrade the schema."""
    last = _promised_end()
    _rename("", "_from_1")
    execute(MAKE_WHOLE)
    execute(INDEXES)
    create(revision, *NEW)
    bind = op.get_bind()
    bind.execute(text("SELECT recon_store.attach_partition('log_events_from_1', 1, :last)"), {"last": last})
    execute("ALTER TABLE recon_store.log_events_from_1 DROP CONSTRAINT ck_log_events_until")
    execute("SELECT recon_store.new_partition('log_events_beyond')")
    bind.execute(text("SELECT recon_store.attach_partition('log_events_beyond', :first, NULL)"), {"first": last + 1})
    replace(revision, "append_any")
    point_again(revision, *_readers("log_events_from_1"))


def downgrade() -> None:
    """Downgrade the schema."""
    replace(down_revision, "append_any")
    drop(*NEW)
    execute(GATHER)
    _rename("", "_in_partitions")
    _rename("_from_1", "")
    point_again(down_revision, *_readers("log_events_in_partitions"))
    execute("DROP TABLE recon_store.log_events_in_partitions")
