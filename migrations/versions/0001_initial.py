"""The event log, the editions folded from it, alerts, the service's status, and the public views.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: Functions and views, each after those that it uses; their texts lie in `migrations/sql`.
FUNCTIONS = (
    "refuse_change",
    "is_readable",
    "are_readable",
    "append_any",
    "append",
    "rules_in_force",
    "rules_waiting",
    "account_rules",
    "is_material",
    "who",
    "proposers",
    "check_decision",
    "decide",
)
VIEWS = (
    "events",
    "orders",
    "fills",
    "entries",
    "findings",
    "unit_verdicts",
    "positions",
    "balances",
    "catch_ups",
    "coverage",
    "accounts",
    "gateways",
    "breaks",
    "open_breaks",
    "break_history",
    "cases",
    "decisions",
    "facts",
    "alerts",
    "firm_positions",
    "firm_balances",
)

LOG = """
CREATE TABLE recon_store.log_gateways (
    gateway    text        NOT NULL CONSTRAINT pk_log_gateways PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE recon_store.log_gateways IS 'One row per log, locked by each append, never updated';

CREATE TABLE recon_store.log_events (
    gateway     text        NOT NULL,
    seq         bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    kind        text        NOT NULL,
    account     text,
    session     text,
    readable    boolean     NOT NULL,
    redacted    boolean     NOT NULL,
    payload     bytea       NOT NULL,
    digest      bytea       NOT NULL,
    CONSTRAINT pk_log_events PRIMARY KEY (gateway, seq)
);
-- Kinds that are looked up at each start, and that may lie far back in the log.
CREATE INDEX ix_log_events_sessions ON recon_store.log_events (gateway, seq)
    WHERE kind IN ('session.opened', 'session.closed', 'session.failed');
CREATE INDEX ix_log_events_rules ON recon_store.log_events (gateway, seq) WHERE kind IN ('rules', 'rules.proposed');
CREATE INDEX ix_log_events_decisions ON recon_store.log_events (gateway, seq) WHERE kind = 'decision';

CREATE TABLE recon_store.log_batches (
    gateway   text   NOT NULL,
    writer    uuid   NOT NULL,
    batch     bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq  bigint NOT NULL,
    login     text   NOT NULL DEFAULT session_user,
    CONSTRAINT pk_log_batches PRIMARY KEY (gateway, writer, batch)
);
COMMENT ON TABLE recon_store.log_batches IS 'Which writer appended what; a retried batch finds its earlier result here';

GRANT SELECT ON recon_store.log_gateways, recon_store.log_events, recon_store.log_batches TO recon_service;
"""

LOG_TRIGGERS = """
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE ON recon_store.log_events
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_store.log_events
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_change();
CREATE TRIGGER only_appended BEFORE UPDATE OR DELETE ON recon_store.log_batches
    FOR EACH ROW EXECUTE FUNCTION recon_store.refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON recon_store.log_batches
    FOR EACH STATEMENT EXECUTE FUNCTION recon_store.refuse_change();
"""

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
    CONSTRAINT ck_editions_state CHECK (state IN ('building', 'current', 'retired', 'what-if'))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX ux_editions_current ON recon_store.editions (gateway) WHERE state = 'current';
COMMENT ON TABLE recon_store.editions IS
    'One complete folding of a gateway''s log each; seq is its checkpoint, locked by whoever folds';
"""

ACCOUNTS = """
CREATE TABLE recon_store.accounts (
    gateway       text    NOT NULL,
    edition       integer NOT NULL,
    account       text    NOT NULL,
    state         text    NOT NULL,
    reason        text,
    last_alive_at timestamptz,
    data          bytea   NOT NULL,
    lag_us        bigint,
    venue_account text,
    unaccounted   jsonb   NOT NULL DEFAULT '[]',
    CONSTRAINT pk_accounts PRIMARY KEY (gateway, edition, account)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.instruments (
    gateway text    NOT NULL,
    edition integer NOT NULL,
    account text    NOT NULL,
    symbol  text    NOT NULL,
    data    bytea   NOT NULL,
    CONSTRAINT pk_instruments PRIMARY KEY (gateway, edition, account, symbol)
);

CREATE TABLE recon_store.coverage (
    gateway    text        NOT NULL,
    edition    integer     NOT NULL,
    account    text        NOT NULL,
    from_seq   bigint      NOT NULL,
    until_seq  bigint,
    from_time  timestamptz NOT NULL,
    until_time timestamptz,
    state      text        NOT NULL,
    reason     text,
    CONSTRAINT pk_coverage PRIMARY KEY (gateway, edition, account, from_seq)
);

CREATE TABLE recon_store.catch_ups (
    gateway        text        NOT NULL,
    edition        integer     NOT NULL,
    account        text        NOT NULL,
    from_seq       bigint      NOT NULL,
    until_seq      bigint,
    from_time      timestamptz NOT NULL,
    until_time     timestamptz,
    reason         text        NOT NULL,
    state          text        NOT NULL,
    history        text        NOT NULL,
    open           jsonb       NOT NULL,
    requests       integer     NOT NULL,
    orders_settled integer     NOT NULL,
    orders_found   integer     NOT NULL,
    fills_found    integer     NOT NULL,
    ended_seq      bigint,
    CONSTRAINT pk_catch_ups PRIMARY KEY (gateway, edition, account, from_seq)
);
COMMENT ON TABLE recon_store.catch_ups IS
    'Every stretch in which an account was not observed, and what catching up with it came to';
"""

ORDERS = """
CREATE TABLE recon_store.orders (
    gateway           text        NOT NULL,
    edition           integer     NOT NULL,
    account           text        NOT NULL,
    order_key         text        NOT NULL,
    client_order_id   text,
    exchange_order_id text,
    symbol            text,
    symbol_coinapi    text,
    side              text,
    price             numeric,
    amount_order      numeric,
    amount_filled     numeric     NOT NULL,
    amount_open       numeric,
    avg_px            numeric,
    status            text        NOT NULL,
    first_seq         bigint      NOT NULL,
    last_seq          bigint      NOT NULL,
    updated_at        timestamptz NOT NULL,
    open              boolean     NOT NULL,
    data              bytea       NOT NULL,
    CONSTRAINT pk_orders PRIMARY KEY (gateway, edition, account, order_key)
);
-- The id first: without statistics, indexes that begin alike tie, and the wrong one reads every order of the account.
CREATE INDEX ix_orders_client ON recon_store.orders (client_order_id, gateway, edition, account);
CREATE INDEX ix_orders_exchange ON recon_store.orders (exchange_order_id, gateway, edition, account);
CREATE INDEX ix_orders_open ON recon_store.orders (gateway, edition, account) WHERE open;

CREATE TABLE recon_store.fills (
    gateway     text        NOT NULL,
    edition     integer     NOT NULL,
    account     text        NOT NULL,
    order_key   text        NOT NULL,
    ordinal     integer     NOT NULL,
    symbol      text,
    side        text,
    price       numeric,
    price_known boolean     NOT NULL,
    amount      numeric     NOT NULL,
    cash        numeric,
    cash_asset  text,
    filled_at   timestamptz NOT NULL,
    seq         bigint      NOT NULL,
    source      text        NOT NULL,
    CONSTRAINT pk_fills PRIMARY KEY (gateway, edition, account, order_key, ordinal)
);
-- Trades without an order id are searched by time. Fills come in the order of time, so a block range index is enough.
CREATE INDEX ix_fills_filled_at ON recon_store.fills USING brin (filled_at) WITH (pages_per_range = 16);
"""

ENTRIES = """
CREATE TABLE recon_store.entries (
    gateway     text        NOT NULL,
    edition     integer     NOT NULL,
    account     text        NOT NULL,
    unit_kind   text        NOT NULL,
    unit        text        NOT NULL,
    entry_no    bigint      NOT NULL,
    seq         bigint      NOT NULL,
    clock       bigint      NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    cause       text        NOT NULL,
    certainty   text        NOT NULL,
    amount      numeric     NOT NULL,
    running     numeric     NOT NULL,
    rounded     integer     NOT NULL,
    blur        numeric     NOT NULL,
    order_key   text,
    ordinal     integer,
    break_id    text,
    leg         numeric     NOT NULL DEFAULT 0,
    replaces    bigint,
    fact        text,
    doubt       numeric     NOT NULL DEFAULT 0,
    CONSTRAINT pk_entries PRIMARY KEY (gateway, edition, account, unit_kind, unit, entry_no)
);
-- Entries that a fact may replace, by cause and time and by order, and those that were replaced. They are few beside
-- the entries of fills, so the hot path pays little.
CREATE INDEX ix_entries_replaceable ON recon_store.entries (cause, occurred_at)
    WHERE (certainty = 'inferred' OR break_id IS NOT NULL) AND replaces IS NULL AND fact IS NULL;
CREATE INDEX ix_entries_replaceable_order ON recon_store.entries (order_key, gateway)
    WHERE (certainty = 'inferred' OR break_id IS NOT NULL) AND replaces IS NULL AND fact IS NULL
      AND order_key IS NOT NULL;
CREATE INDEX ix_entries_replaces ON recon_store.entries (replaces, gateway, edition, account, unit_kind, unit)
    WHERE replaces IS NOT NULL;
-- Entries of facts that people recorded without a statement's id (the prefix in recon.ledger.facts).
CREATE INDEX ix_entries_told ON recon_store.entries (cause, occurred_at) WHERE fact LIKE 'told:%';

CREATE TABLE recon_store.units (
    gateway                  text    NOT NULL,
    edition                  integer NOT NULL,
    account                  text    NOT NULL,
    unit_kind                text    NOT NULL,
    unit                     text    NOT NULL,
    coinapi                  text,
    value                    numeric,
    opening                  numeric,
    fills                    numeric NOT NULL,
    explained                numeric NOT NULL,
    available                numeric,
    locked                   numeric,
    rate_usd                 numeric,
    long                     numeric,
    short                    numeric,
    avg_entry_price          numeric,
    reported_avg_entry_price numeric,
    withheld                 boolean NOT NULL,
    unmodelled               text,
    last_seq                 bigint  NOT NULL,
    data                     bytea   NOT NULL,
    CONSTRAINT pk_units PRIMARY KEY (gateway, edition, account, unit_kind, unit)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.facts (
    gateway     text        NOT NULL,
    edition     integer     NOT NULL,
    account     text        NOT NULL,
    external_id text        NOT NULL,
    digest      text        NOT NULL,
    seq         bigint      NOT NULL,
    fact        text        NOT NULL,
    unit_kind   text,
    unit        text        NOT NULL,
    amount      numeric     NOT NULL,
    occurred_at timestamptz NOT NULL,
    effect      text        NOT NULL,
    order_key   text,
    CONSTRAINT pk_facts PRIMARY KEY (gateway, edition, account, external_id)
);
COMMENT ON TABLE recon_store.facts IS
    'Every fact from outside by its external id, so that the same again changes nothing; digest is of its content';

CREATE TABLE recon_store.findings (
    gateway text    NOT NULL,
    edition integer NOT NULL,
    seq     bigint  NOT NULL,
    number  integer NOT NULL,
    account text,
    kind    text    NOT NULL,
    about   text    NOT NULL,
    message text    NOT NULL,
    CONSTRAINT pk_findings PRIMARY KEY (gateway, edition, seq, number)
);
"""

RECONCILIATION = """
CREATE TABLE recon_store.comparisons (
    gateway       text    NOT NULL,
    edition       integer NOT NULL,
    account       text    NOT NULL,
    unit_kind     text    NOT NULL,
    unit          text    NOT NULL,
    judgement     text    NOT NULL,
    reported      numeric,
    inferred      boolean NOT NULL,
    observed_at   timestamptz,
    cut_seq       bigint,
    cut_entry     bigint  NOT NULL,
    cut_fills     numeric NOT NULL,
    cut_explained numeric NOT NULL,
    data          bytea   NOT NULL,
    CONSTRAINT pk_comparisons PRIMARY KEY (gateway, edition, account, unit_kind, unit)
) WITH (fillfactor = 50);

CREATE TABLE recon_store.breaks (
    gateway          text        NOT NULL,
    edition          integer     NOT NULL,
    id               text        NOT NULL,
    case_id          text        NOT NULL,
    account          text        NOT NULL,
    unit_kind        text        NOT NULL,
    unit             text        NOT NULL,
    cause            text        NOT NULL,
    certainty        text        NOT NULL,
    state            text        NOT NULL,
    amount           numeric     NOT NULL,
    amount_usd       numeric,
    candidates       jsonb       NOT NULL,
    opened_at        timestamptz NOT NULL,
    closed_at        timestamptz,
    after_seq        bigint      NOT NULL,
    until_seq        bigint      NOT NULL,
    occurrences      integer     NOT NULL,
    owns_residual    boolean     NOT NULL,
    offset_by        text,
    rules_version    integer     NOT NULL,
    note             text        NOT NULL,
    assignee         text,
    origin_at        timestamptz NOT NULL,
    evidence         jsonb       NOT NULL DEFAULT '[]',
    tried            jsonb       NOT NULL DEFAULT '[]',
    proposal         jsonb,
    accepted_until   timestamptz,
    accepted_amount  numeric,
    severity         text,
    explained_amount numeric     NOT NULL DEFAULT 0,
    CONSTRAINT pk_breaks PRIMARY KEY (gateway, edition, id)
);
CREATE INDEX ix_breaks_active ON recon_store.breaks (gateway, edition)
    WHERE state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted');

CREATE TABLE recon_store.break_history (
    gateway text        NOT NULL,
    edition integer     NOT NULL,
    id      text        NOT NULL,
    seq     bigint      NOT NULL,
    number  integer     NOT NULL,
    event   text        NOT NULL,
    at      timestamptz NOT NULL,
    state   text        NOT NULL,
    amount  numeric     NOT NULL,
    cause   text        NOT NULL,
    reason  text        NOT NULL,
    actor   text,
    CONSTRAINT pk_break_history PRIMARY KEY (gateway, edition, id, seq, number)
);
"""

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

SERVICE = """
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

#: Tables that the service reads and writes; the log's are not among them.
WRITTEN = (
    "editions", "accounts", "instruments", "coverage", "catch_ups", "orders", "fills", "entries", "units", "facts",
    "findings", "comparisons", "breaks", "break_history", "outbox", "service_parts",
)  # fmt: skip

GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(f"recon_store.{table}" for table in WRITTEN)} TO recon_service;
GRANT SELECT ON recon_store.service_parts, recon_store.alembic_version TO recon_operator;
GRANT USAGE ON SCHEMA recon_store TO recon_service, recon_operator;

CREATE SCHEMA IF NOT EXISTS recon;
COMMENT ON SCHEMA recon IS 'What recon knows, as views: the public SQL surface';
GRANT USAGE ON SCHEMA recon TO recon_analyst, recon_service, recon_operator;
"""

REFUSE_WITH_EVENTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM recon_store.log_events) THEN
        RAISE EXCEPTION 'the event log is not empty: downgrading would lose it; export it and drop it by hand';
    END IF;
END $$
"""


def upgrade() -> None:
    for tables in (LOG, EDITIONS, ACCOUNTS, ORDERS, ENTRIES, RECONCILIATION, OUTBOX, SERVICE, GRANTS):
        execute(tables)
    create(revision, *FUNCTIONS)
    execute(LOG_TRIGGERS)
    create(revision, *VIEWS)


def downgrade() -> None:
    execute(REFUSE_WITH_EVENTS)
    drop(*VIEWS)
    execute("DROP SCHEMA recon")
    execute(f"DROP TABLE {', '.join(f'recon_store.{table}' for table in WRITTEN)}")
    execute("DROP TABLE recon_store.log_batches, recon_store.log_events, recon_store.log_gateways")
    drop(*FUNCTIONS)
    execute("REVOKE SELECT ON recon_store.alembic_version FROM recon_operator")
    execute("REVOKE USAGE ON SCHEMA recon_store FROM recon_operator")
