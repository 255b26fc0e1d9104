"""A login may be limited to some accounts: policies on the tables, which hold once the first login is limited.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from recon.db.row_policies import SEEN, drop_policies, policy_on
from recon.db.sql_objects import create, drop, execute, point_again, replace

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = r"""
CREATE TABLE recon_store.limits (
    login        text        NOT NULL CHECK (length(login) BETWEEN 1 AND 200),
    gateway      text        NOT NULL CHECK (length(gateway) BETWEEN 1 AND 200),
    account      text        NOT NULL CHECK (length(account) BETWEEN 1 AND 200),
    since        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- As LIKE reads it: the gateway, a character that no name has, and the account.
    pattern      text        NOT NULL GENERATED ALWAYS AS (
        replace(replace(replace(replace(gateway || chr(31) || account, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
    ) STORED,
    CONSTRAINT pk_limits PRIMARY KEY (login, gateway, account)
);
COMMENT ON TABLE recon_store.limits IS
    'Which accounts a login is limited to, by patterns; a login without a row sees all';

CREATE TABLE recon_store.limited ();
COMMENT ON TABLE recon_store.limited IS
    'The badge of limited logins: it has no rows, and whoever may read it is limited, which needs no look at a table';

CREATE TABLE recon_store.limit_changes (
    number  bigint      GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    by      text        NOT NULL DEFAULT session_user,
    change  text        NOT NULL CHECK (change IN ('added', 'removed')),
    login   text        NOT NULL,
    gateway text        NOT NULL,
    account text        NOT NULL,
    reason  text,
    CONSTRAINT pk_limit_changes PRIMARY KEY (number)
);
COMMENT ON TABLE recon_store.limit_changes IS 'Each change of a limit, with who made it';
"""
TRIGGERS = """
CREATE TRIGGER note_limit AFTER INSERT OR UPDATE OR DELETE ON recon_store.limits
    FOR EACH ROW EXECUTE FUNCTION recon_store.note_limit();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON recon_store.limits
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_limit_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON recon_store.limit_changes
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_limit_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON recon_store.limit_changes
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_limit_change();
"""
FUNCTIONS = (
    "seen_accounts", "sees", "sees_gateway", "sees_break", "sees_case", "sees_signals", "check_limits",
    "unlimited_tables", "note_limit", "refuse_limit_change", "limit_login", "log_end", "last_session", "log_at",
    "rules_seen", "rules_logged", "rules_document",
)  # fmt: skip
VIEWS = ("limits", "limit_changes")
#: Functions that look at limits, or past them at what is of no account; and views that use such ones.
REPLACED = ("decide", "silence", "unsilence", "retry_deliveries", "rules_in_force", "rules_waiting", "seq_at")
POINTED = ("gateways", "unit_verdicts", "coverage_daily", "deliveries", "rules_of_accounts")
#: Tables whose rows are each of an account.
OF_ACCOUNTS = (
    "account_calls", "account_comparisons", "accounts", "breaks", "catch_ups", "comparisons", "coverage", "entries",
    "facts", "fee_rates", "fills", "findings", "instruments", "log_events", "observations", "orders", "signals",
    "source_checks", "source_rules", "source_standings", "unit_trellises", "units", "waiting_facts",
)  # fmt: skip
#: Other tables, and which of their rows a limited login sees.
OTHERS = {
    "break_history": "recon_store.sees_break(gateway, edition, id)",
    "log_archives": "recon.sees(gateway)",
    "log_gateways": "recon_store.sees_gateway(gateway)",
    "policies": "recon.sees('', '')",
    "router": "recon.sees('', '')",
    "router_states": "recon.sees('', '')",
    "service_parts": "recon.sees(gateway, '')",
    "silences": "login = session_user OR recon.sees(gateway, account) OR recon_store.sees_case(gateway, case_id)",
}


def upgrade() -> None:
    """Upgrade the schema."""
    execute(TABLES)
    create(revision, *FUNCTIONS, *VIEWS)
    execute(TRIGGERS)
    for table in OF_ACCOUNTS:
        policy_on(table, SEEN)
    for table, seen in OTHERS.items():
        policy_on(table, seen)
    replace(revision, *REPLACED)
    point_again(revision, *POINTED)


def downgrade() -> None:
    """Downgrade the schema."""
    point_again(down_revision, *POINTED)
    replace(down_revision, *REPLACED)
    drop_policies((*OF_ACCOUNTS, *OTHERS))
    drop(*VIEWS)
    execute("DROP TABLE recon_store.limits, recon_store.limited, recon_store.limit_changes")
    drop(*FUNCTIONS)
