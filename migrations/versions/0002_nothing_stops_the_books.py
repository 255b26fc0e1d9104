"""Nothing that comes in stops the books, and nobody gets in.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, replace

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WAITING_FACTS = """
CREATE TABLE recon_store.waiting_facts (
    gateway     text    NOT NULL,
    edition     integer NOT NULL,
    seq         bigint  NOT NULL,
    account     text    NOT NULL,
    external_id text    NOT NULL,
    digest      text    NOT NULL,
    usd         numeric,
    reason      text    NOT NULL,
    state       text    NOT NULL,
    vouched_by  text,
    decided_seq bigint,
    CONSTRAINT pk_waiting_facts PRIMARY KEY (gateway, edition, seq)
);
COMMENT ON TABLE recon_store.waiting_facts IS
    'Every material fact by its log position: waiting, approved or rejected by a second person';
CREATE INDEX ix_waiting_facts_account_external_id ON recon_store.waiting_facts (gateway, edition, account, external_id)
    WHERE state = 'waiting';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.waiting_facts TO recon_service;
"""

TOLD = """
ALTER TABLE recon_store.facts ADD COLUMN approved_seq bigint;
ALTER TABLE recon_store.accounts ADD COLUMN told_day bigint NOT NULL DEFAULT 0,
    ADD COLUMN told_usd numeric NOT NULL DEFAULT 0;
"""
FORMER_TOLD = """
ALTER TABLE recon_store.accounts DROP COLUMN told_day, DROP COLUMN told_usd;
ALTER TABLE recon_store.facts DROP COLUMN approved_seq;
"""

#: Functions and views that are created again, each after those that it uses. The former texts of those that changed lie
#: in `0002/`.
REPLACED: tuple[str, ...] = (
    "append_any",
    "append",
    "decide",
    "gateways",
    "check_decision",
    "is_material",
    "facts",
    "decisions",
    "unit_verdicts",
    "balances",
    "positions",
    "firm_balances",
    "firm_positions",
    "alerts",
)
#: Functions and views that are new, each after those that it uses.
NEW: tuple[str, ...] = (
    "held_leases",
    "take_lease",
    "check_payload",
    "end_holder",
    "missing_fact",
    "tellers",
    "waiting_facts",
)

LEASES = """
CREATE TABLE recon_store.leases (
    gateway  text        NOT NULL,
    purpose  text        NOT NULL,
    term     bigint      NOT NULL,
    writer   uuid        NOT NULL,
    pid      integer,
    login    text        NOT NULL,
    instance text        NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_leases PRIMARY KEY (gateway, purpose)
);
COMMENT ON TABLE recon_store.leases IS
    'Who records, rebuilds or folds anew each gateway, or did so last; read and written by the owner''s functions only';
COMMENT ON COLUMN recon_store.leases.pid IS 'The backend that the lease is bound to; null: nobody has had it';
CREATE SEQUENCE recon_store.lease_terms;
"""
BLOCKERS = """
CREATE TABLE recon_store.log_blockers (
    gateway  text        NOT NULL,
    login    text        NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_log_blockers PRIMARY KEY (gateway, login)
);
COMMENT ON TABLE recon_store.log_blockers IS
    'Logins that kept a gateway''s log locked, and when that was ended last; for the owner''s functions only';
"""
OUTBOX_TURNS = """
CREATE TABLE recon_store.outbox_turns (
    gateway text NOT NULL,
    channel text NOT NULL,
    CONSTRAINT pk_outbox_turns PRIMARY KEY (gateway, channel)
);
COMMENT ON TABLE recon_store.outbox_turns IS 'One row per channel, locked by each claim, never updated';
GRANT SELECT, INSERT, UPDATE ON recon_store.outbox_turns TO recon_service;
"""

APPENDED_AT = """
ALTER TABLE recon_store.log_events ADD COLUMN appended_at timestamptz;
COMMENT ON COLUMN recon_store.log_events.appended_at IS
    'The database''s clock when it was appended, by which views tell that nothing comes any more; '
    'null: from before revision 0002';
"""

REFUSALS = "CREATE INDEX ix_log_events_refused ON recon_store.log_events (gateway, seq) WHERE kind = 'event.refused'"

#: Changes of tables, in the order in which they are made, and their opposites.
TABLES: tuple[str, ...] = (LEASES, BLOCKERS, OUTBOX_TURNS, WAITING_FACTS, TOLD, APPENDED_AT, REFUSALS)
FORMER_TABLES: tuple[str, ...] = (
    FORMER_TOLD,
    "DROP TABLE recon_store.waiting_facts",
    "DROP TABLE recon_store.log_blockers",
    "DROP TABLE recon_store.leases",
    "DROP SEQUENCE recon_store.lease_terms",
    "DROP TABLE recon_store.outbox_turns",
    "ALTER TABLE recon_store.log_events DROP COLUMN appended_at",
    "DROP INDEX recon_store.ix_log_events_refused",
)


def upgrade() -> None:
    for change in TABLES:
        execute(change)
    create(revision, *NEW)
    replace(revision, *REPLACED)


def downgrade() -> None:
    # A former view that reads every column of a table may not see a column that is about to go.
    drop(*REPLACED)
    drop(*NEW)
    for change in FORMER_TABLES:
        execute(change)
    create(down_revision, *REPLACED)
