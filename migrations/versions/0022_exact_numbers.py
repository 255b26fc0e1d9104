"""Every number of schema recon is numeric(38,18); schema recon_exact has the same objects with numbers as they are.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute, replace

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SCHEMA = """
CREATE SCHEMA recon_exact;
COMMENT ON SCHEMA recon_exact IS 'The views and functions of recon with each number as it is: what recon itself reads';
GRANT USAGE ON SCHEMA recon_exact TO recon_analyst, recon_service, recon_operator;
CREATE DOMAIN recon.number AS numeric(38,18);
COMMENT ON DOMAIN recon.number IS 'A number of a function of schema recon, which would forget the digits of its type';
"""
DROP_SCHEMA = """
DROP DOMAIN recon.number;
DROP SCHEMA recon_exact;
"""
#: Rows with numbers that numeric(38,18) does not hold, for the findings; there are hardly any.
INDEXES = """
CREATE INDEX ix_entries_not_held ON recon_store.entries (gateway, edition, account, unit_kind, unit, entry_no)
    WHERE NOT (recon_exact.is_held(amount) AND recon_exact.is_held(running));
CREATE INDEX ix_fills_not_held ON recon_store.fills (gateway, edition, account, symbol, seq)
    WHERE NOT (recon_exact.is_held(price) AND recon_exact.is_held(amount) AND recon_exact.is_held(cash));
CREATE INDEX ix_observations_not_held ON recon_store.observations (gateway, edition, account, unit_kind, unit, seq)
    WHERE NOT (recon_exact.is_held(reported) AND recon_exact.is_held(expected) AND recon_exact.is_held(explained));
"""
DROP_INDEXES = """
DROP INDEX recon_store.ix_entries_not_held, recon_store.ix_fills_not_held, recon_store.ix_observations_not_held;
"""
#: Which numbers numeric(38,18) holds.
HELD = ("is_held", "held", "rounded", "texts_of")
VIEWS = (
    "balances", "positions", "firm_balances", "firm_positions", "entries", "fills", "orders", "observations",
    "source_checks", "breaks", "open_breaks", "break_history", "break_ageing", "cases", "alerts", "signals",
    "approvals", "facts", "waiting_facts", "fees_learned", "fees", "pnl_parts", "pnl_daily_as_of",
    "pnl_daily", "close_lines", "coverage_daily",
    "execution_reports", "balance_messages", "position_messages", "symbol_messages", "fact_messages", "catch_up_runs",
)  # fmt: skip
FUNCTIONS = (
    "entry_near", "entries_learned", "unit_as_of", "breaks_as_of", "units_as_of", "balances_as_of", "positions_as_of",
    "entries_as_of", "fills_as_of", "orders_as_of", "restatements",
    "close_lines_as_of",
)  # fmt: skip


def upgrade() -> None:
    """Upgrade the schema."""
    drop(*VIEWS, *FUNCTIONS)
    execute(SCHEMA)
    create(revision, *HELD)
    execute(INDEXES)
    replace(revision, "findings")
    create(revision, *VIEWS, *FUNCTIONS)


def downgrade() -> None:
    """Downgrade the schema."""
    drop(*VIEWS, *FUNCTIONS)
    replace(down_revision, "findings")
    execute(DROP_INDEXES)
    drop(*HELD)
    execute(DROP_SCHEMA)
    create(down_revision, *VIEWS, *FUNCTIONS)
