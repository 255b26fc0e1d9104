"""Views that people ask in SQL: typed events, ages, approvals, coverage by day; and indexes by account and time.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

FUNCTIONS = ("number_of", "whole_of", "moment_of", "rows_of")
EVENTS = (
    "execution_reports", "balance_messages", "position_messages", "symbol_messages", "server_infos", "reject_messages",
    "other_frames", "sessions", "heartbeats", "rule_changes", "fact_messages", "catch_up_runs", "rest_answers",
    "refused_events", "clock_jumps",
)  # fmt: skip
OTHERS = ("break_ageing", "approvals", "coverage_daily")

INDEXES = """
CREATE INDEX ix_log_events_account ON recon_store.log_events (account, gateway, seq) WHERE account IS NOT NULL;
-- Events of other kinds are many, and found by account or time.
CREATE INDEX ix_log_events_kind ON recon_store.log_events (kind, gateway, seq)
    WHERE kind <> ALL (ARRAY['ORDER_EXEC_REPORT_UPDATE', 'BALANCE_UPDATE', 'POSITION_UPDATE', 'tick']);
-- Events come in the order of time, and so do entries: a block range index is enough, and costs next to nothing.
CREATE INDEX ix_log_events_recorded_at ON recon_store.log_events USING brin (recorded_at) WITH (pages_per_range = 16);
CREATE INDEX ix_entries_occurred_at ON recon_store.entries USING brin (occurred_at) WITH (pages_per_range = 16);
"""
DROP_INDEXES = """
DROP INDEX recon_store.ix_log_events_account, recon_store.ix_log_events_kind, recon_store.ix_log_events_recorded_at,
    recon_store.ix_entries_occurred_at
"""


def upgrade() -> None:
    """Upgrade the schema."""
    execute(INDEXES)
    create(revision, *FUNCTIONS, "rules_of_accounts")
    drop("contract_terms", "fees", "pnl_daily")
    create(revision, "contract_terms", "fees", "pnl_daily", *EVENTS, *OTHERS)


def downgrade() -> None:
    """Downgrade the schema."""
    drop(*EVENTS, *OTHERS)
    drop("contract_terms", "fees", "pnl_daily")
    drop(*FUNCTIONS, "rules_of_accounts")
    create(down_revision, "contract_terms", "fees", "pnl_daily")
    execute(DROP_INDEXES)
