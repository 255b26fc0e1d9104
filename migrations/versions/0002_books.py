"""Editions, books, comparisons and breaks: everything that is folded from the log.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

EDITIONS = """
CREATE TABLE recon_store.editions (
    gateway      text        NOT NULL,
    edition      integer     NOT NULL,
    fold_version integer     NOT NULL,
    state        text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    seq          bigint      NOT NULL DEFAULT 0,
    clock        bytea       NOT NULL DEFAULT ''::bytea,
    CONSTRAINT pk_editions PRIMARY KEY (gateway, edition),
    CONSTRAINT ck_editions_state CHECK (state IN ('building', 'current', 'retired'))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ux_editions_current ON recon_store.editions (gateway) WHERE state = 'current';
COMMENT ON TABLE recon_store.editions IS
    'One complete folding of a gateway''s log each; seq is its checkpoint, locked by whoever folds';
"""

BOOKS = """
CREATE TABLE recon_store.accounts (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL,
    state text NOT NULL, reason text, last_alive_at timestamptz, data bytea NOT NULL,
    CONSTRAINT pk_accounts PRIMARY KEY (gateway, edition, account)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.instruments (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, symbol text NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT pk_instruments PRIMARY KEY (gateway, edition, account, symbol)
);

CREATE TABLE recon_store.orders (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, order_key text NOT NULL,
    client_order_id text, exchange_order_id text, symbol text, symbol_coinapi text, side text,
    price numeric, amount_order numeric, amount_filled numeric NOT NULL, amount_open numeric, avg_px numeric,
    status text NOT NULL, first_seq bigint NOT NULL, last_seq bigint NOT NULL, updated_at timestamptz NOT NULL,
    open boolean NOT NULL, data bytea NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY (gateway, edition, account, order_key)
);
-- The id first: without statistics, indexes that begin alike tie, and the wrong one reads every order of the account.
CREATE INDEX ix_orders_client ON recon_store.orders (client_order_id, gateway, edition, account);
CREATE INDEX ix_orders_exchange ON recon_store.orders (exchange_order_id, gateway, edition, account);
CREATE INDEX ix_orders_open ON recon_store.orders (gateway, edition, account) WHERE open;

CREATE TABLE recon_store.fills (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, order_key text NOT NULL,
    ordinal integer NOT NULL, symbol text, side text, price numeric, price_known boolean NOT NULL,
    amount numeric NOT NULL, cash numeric, cash_asset text, filled_at timestamptz NOT NULL, seq bigint NOT NULL,
    source text NOT NULL,
    CONSTRAINT pk_fills PRIMARY KEY (gateway, edition, account, order_key, ordinal)
);

CREATE TABLE recon_store.entries (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, unit_kind text NOT NULL,
    unit text NOT NULL, entry_no bigint NOT NULL, seq bigint NOT NULL, clock bigint NOT NULL,
    occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL, cause text NOT NULL, certainty text NOT NULL,
    amount numeric NOT NULL, running numeric NOT NULL, rounded integer NOT NULL, blur numeric NOT NULL,
    order_key text, ordinal integer,
    break_id text,
    CONSTRAINT pk_entries PRIMARY KEY (gateway, edition, account, unit_kind, unit, entry_no)
);

CREATE TABLE recon_store.units (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, unit_kind text NOT NULL,
    unit text NOT NULL, coinapi text, value numeric, opening numeric, fills numeric NOT NULL,
    explained numeric NOT NULL, available numeric, locked numeric, rate_usd numeric, long numeric, short numeric,
    avg_entry_price numeric, reported_avg_entry_price numeric, withheld boolean NOT NULL, unmodelled text,
    last_seq bigint NOT NULL, data bytea NOT NULL,
    CONSTRAINT pk_units PRIMARY KEY (gateway, edition, account, unit_kind, unit)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.findings (
    gateway text NOT NULL, edition integer NOT NULL, seq bigint NOT NULL, number integer NOT NULL, account text,
    kind text NOT NULL, about text NOT NULL, message text NOT NULL,
    CONSTRAINT pk_findings PRIMARY KEY (gateway, edition, seq, number)
);

CREATE TABLE recon_store.coverage (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, from_seq bigint NOT NULL,
    until_seq bigint, from_time timestamptz NOT NULL, until_time timestamptz, state text NOT NULL, reason text,
    CONSTRAINT pk_coverage PRIMARY KEY (gateway, edition, account, from_seq)
);
"""

RECONCILIATION = """
CREATE TABLE recon_store.comparisons (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, unit_kind text NOT NULL,
    unit text NOT NULL, judgement text NOT NULL, reported numeric, inferred boolean NOT NULL,
    observed_at timestamptz, cut_seq bigint, cut_entry bigint NOT NULL, cut_fills numeric NOT NULL,
    cut_explained numeric NOT NULL, data bytea NOT NULL,
    CONSTRAINT pk_comparisons PRIMARY KEY (gateway, edition, account, unit_kind, unit)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.breaks (
    gateway text NOT NULL, edition integer NOT NULL, id text NOT NULL, case_id text NOT NULL,
    account text NOT NULL, unit_kind text NOT NULL, unit text NOT NULL, cause text NOT NULL,
    certainty text NOT NULL, state text NOT NULL, amount numeric NOT NULL, amount_usd numeric,
    candidates jsonb NOT NULL, opened_at timestamptz NOT NULL, closed_at timestamptz, after_seq bigint NOT NULL,
    until_seq bigint NOT NULL, occurrences integer NOT NULL, owns_residual boolean NOT NULL, offset_by text,
    rules_version integer NOT NULL, note text NOT NULL,
    CONSTRAINT pk_breaks PRIMARY KEY (gateway, edition, id)
);
CREATE INDEX ix_breaks_open ON recon_store.breaks (gateway, edition) WHERE state = 'open';

CREATE TABLE recon_store.break_history (
    gateway text NOT NULL, edition integer NOT NULL, id text NOT NULL, seq bigint NOT NULL, number integer NOT NULL,
    event text NOT NULL, at timestamptz NOT NULL, state text NOT NULL, amount numeric NOT NULL, cause text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT pk_break_history PRIMARY KEY (gateway, edition, id, seq, number)
);
"""

TABLES = (
    "editions", "accounts", "instruments", "orders", "fills", "entries", "units", "findings", "coverage",
    "comparisons", "breaks", "break_history",
)  # fmt: skip


def upgrade() -> None:
    for statement in (EDITIONS, BOOKS, RECONCILIATION):
        op.execute(statement)
    for table in TABLES:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.{table} TO recon_service")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE recon_store.{table}")
