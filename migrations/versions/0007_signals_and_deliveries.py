"""Signals are stored once, a policy routes them, and each of its messages is one delivery on one channel.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from recon.db.sql_objects import create, drop, execute

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# `json`, not `jsonb`: a document goes out as it was written, the same bytes at every attempt.
SIGNALS = """
CREATE TABLE recon_store.signals (
    gateway     text        NOT NULL,
    id          text        NOT NULL,
    number      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind        text        NOT NULL,
    event       text        NOT NULL,
    subject     text        NOT NULL,
    case_id     text        NOT NULL,
    case_seq    bigint      NOT NULL,
    seq         bigint      NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    routed_at   timestamptz,
    account     text        NOT NULL,
    unit_kind   text        NOT NULL,
    unit        text        NOT NULL,
    amount      numeric,
    amount_usd  numeric,
    cause       text        NOT NULL,
    certainty   text        NOT NULL,
    severity    text        NOT NULL,
    actor       text        NOT NULL,
    document    json        NOT NULL,
    CONSTRAINT pk_signals PRIMARY KEY (gateway, id)
) WITH (fillfactor = 80);
CREATE INDEX ix_signals_unrouted ON recon_store.signals (number) WHERE routed_at IS NULL;
CREATE INDEX ix_signals_routed ON recon_store.signals (routed_at, number);
CREATE UNIQUE INDEX ix_signals_case ON recon_store.signals (gateway, case_id, case_seq);
COMMENT ON TABLE recon_store.signals IS
    'What happened to a case, or to recon''s own sight; kept after routing, so that a rebuild tells nobody again';
COMMENT ON COLUMN recon_store.signals.number IS 'The order of routing; a gateway''s signals of one case have it too';
COMMENT ON COLUMN recon_store.signals.routed_at IS 'The moment at which the policy took it; null: not yet';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.signals TO recon_service;
"""
ROUTER = """
CREATE TABLE recon_store.router (
    one       boolean     NOT NULL DEFAULT true,
    routed_at timestamptz,
    due_at    timestamptz,
    state     bytea       NOT NULL,
    CONSTRAINT pk_router PRIMARY KEY (one),
    CONSTRAINT ck_router_one CHECK (one)
);
COMMENT ON TABLE recon_store.router IS
    'What the policy remembers after its last routing; locked by whoever routes, so one instance does at a time';
COMMENT ON COLUMN recon_store.router.due_at IS 'When time alone has the policy do something next; null: never';
INSERT INTO recon_store.router (state) VALUES ('');
CREATE TABLE recon_store.router_states (
    routed_at timestamptz NOT NULL,
    state     bytea       NOT NULL,
    CONSTRAINT pk_router_states PRIMARY KEY (routed_at)
);
COMMENT ON TABLE recon_store.router_states IS
    'What the policy remembered before the first routing of a day: from here on its steps can be derived again';
CREATE TABLE recon_store.policies (
    since    timestamptz NOT NULL,
    document json        NOT NULL,
    CONSTRAINT pk_policies PRIMARY KEY (since)
);
COMMENT ON TABLE recon_store.policies IS 'Each policy, and the routing from which on it was in force';
GRANT SELECT, UPDATE ON recon_store.router TO recon_service;
GRANT SELECT, INSERT, DELETE ON recon_store.router_states, recon_store.policies TO recon_service;
"""
SILENCES = """
CREATE TABLE recon_store.silences (
    id            text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    in_force_at   timestamptz,
    until         timestamptz NOT NULL,
    ended_at      timestamptz,
    lifted_at     timestamptz,
    login         text        NOT NULL,
    name          text        NOT NULL,
    authenticated boolean     NOT NULL,
    ended_by      text,
    reason        text        NOT NULL,
    gateway       text,
    account       text,
    unit          text,
    case_id       text,
    cause         text,
    CONSTRAINT pk_silences PRIMARY KEY (id)
);
COMMENT ON TABLE recon_store.silences IS 'What people asked not to be told of until a time';
COMMENT ON COLUMN recon_store.silences.in_force_at IS 'The first routing that knew of it; null: none did yet';
COMMENT ON COLUMN recon_store.silences.lifted_at IS 'The first routing that knew that a person ended it';
GRANT SELECT, UPDATE, DELETE ON recon_store.silences TO recon_service;
"""
DELIVERIES = """
CREATE TABLE recon_store.deliveries (
    gateway         text        NOT NULL,
    channel         text        NOT NULL,
    id              text        NOT NULL,
    number          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind            text        NOT NULL,
    event           text        NOT NULL,
    case_id         text,
    case_seq        bigint,
    cases           text[]      NOT NULL,
    signals         text[]      NOT NULL,
    held            integer     NOT NULL DEFAULT 0,
    reason          text        NOT NULL,
    at              timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    body            json        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    delivered_at    timestamptz,
    failed_at       timestamptz,
    last_error      text,
    CONSTRAINT pk_deliveries PRIMARY KEY (gateway, channel, id)
) WITH (fillfactor = 70);
CREATE INDEX ix_deliveries_pending ON recon_store.deliveries (channel, number)
    WHERE delivered_at IS NULL AND failed_at IS NULL;
CREATE INDEX ix_deliveries_settled ON recon_store.deliveries (delivered_at) WHERE delivered_at IS NOT NULL;
CREATE INDEX ix_deliveries_signals ON recon_store.deliveries USING gin (signals);
COMMENT ON TABLE recon_store.deliveries IS 'One row for each message on one channel; those given up are kept';
COMMENT ON COLUMN recon_store.deliveries.gateway IS 'The gateway of its case; '''': several, or recon itself';
COMMENT ON COLUMN recon_store.deliveries.cases IS 'GATEWAY/CASE of each: later ones of it wait';
COMMENT ON COLUMN recon_store.deliveries.next_attempt_at IS
    'Null: at once. While an attempt is under way: when it counts as lost';
CREATE TABLE recon_store.told_cases (
    channel  text        NOT NULL,
    gateway  text        NOT NULL,
    case_id  text        NOT NULL,
    case_seq bigint      NOT NULL,
    told_at  timestamptz NOT NULL,
    CONSTRAINT pk_told_cases PRIMARY KEY (channel, gateway, case_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE recon_store.told_cases IS 'How many messages of a case were made for a channel: 1, 2, 3 …';
CREATE TABLE recon_store.channels (
    channel    text    NOT NULL,
    failures   integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    gone_at    timestamptz,
    last_error text,
    CONSTRAINT pk_channels PRIMARY KEY (channel)
) WITH (fillfactor = 50);
COMMENT ON TABLE recon_store.channels IS 'One row for each channel, locked by each claim, and how its receiver fares';
COMMENT ON COLUMN recon_store.channels.failures IS 'Attempts that failed since the last one that did not';
COMMENT ON COLUMN recon_store.channels.open_until IS 'Nothing is sent before this time; null: at once';
COMMENT ON COLUMN recon_store.channels.gone_at IS
    'When the receiver said that it is gone for good: nothing is sent until a person acts; null: it did not';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.deliveries, recon_store.told_cases, recon_store.channels
    TO recon_service;
"""

#: What was told is known on, so a fold from the first event tells nobody again; the policy begins without memory.
KNOWN = """
INSERT INTO recon_store.signals (gateway, id, kind, event, subject, case_id, case_seq, seq, occurred_at, created_at,
    routed_at, account, unit_kind, unit, amount, amount_usd, cause, certainty, severity, actor, document)
SELECT o.gateway, o.id,
    CASE
        WHEN o.event IN ('break.cleared', 'break.explained', 'break.resolved') OR o.event LIKE '%.over' THEN 'ends'
        WHEN o.event IN ('break.reopened', 'break.acceptance_expired') THEN 'again'
        WHEN o.event IN ('event.refused', 'recon.watchdog', 'service.away') THEN 'tells'
        ELSE 'fires'
    END,
    o.event, o.break_id, o.case_id, row_number() OVER (PARTITION BY o.gateway, o.case_id ORDER BY o.seq, o.id),
    o.seq, o.occurred_at, o.created_at, o.created_at,
    coalesce(o.document ->> 'account', ''), coalesce(o.document ->> 'unit_kind', ''),
    coalesce(o.document ->> 'unit', ''), (o.document ->> 'amount')::numeric, (o.document ->> 'amount_usd')::numeric,
    coalesce(o.document ->> 'cause', ''), coalesce(o.document ->> 'certainty', ''),
    coalesce(o.document ->> 'severity', ''), coalesce(o.document ->> 'actor', ''), o.document
FROM recon_store.outbox AS o WHERE o.channel = 'notify' AND o.event <> 'recon.watchdog'
ORDER BY o.created_at, o.seq, o.id
"""
#: What waits is delivered on, with its attempts and, once it was tried, its id; what was given up is kept.
WAITING = """
INSERT INTO recon_store.deliveries (gateway, channel, id, kind, event, case_id, cases, signals, reason, at, created_at,
    body, attempts, next_attempt_at, failed_at, last_error)
SELECT w.gateway, w.channel, w.id, 'notice', w.event, w.case_id, ARRAY[w.gateway || '/' || w.case_id], w.signals,
    'waited when messages of a policy took the place of alerts', w.at, w.created_at,
    json_build_object('type', w.event, 'timestamp',
        to_char(w.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'data',
        json_build_object('gateway', w.gateway, 'case_id', w.case_id, 'count', cardinality(w.signals),
            'alerts', w.documents)),
    w.attempts, w.next_attempt_at, w.failed_at, w.last_error
FROM (
    SELECT o.gateway, o.channel, coalesce(o.message_id, 'msg_' || o.id) AS id, min(o.event) AS event,
        min(o.case_id) AS case_id, array_agg(o.id ORDER BY o.seq, o.id) AS signals, max(o.occurred_at) AS at,
        min(o.created_at) AS created_at, json_agg(o.document ORDER BY o.seq, o.id) AS documents,
        max(o.attempts) AS attempts, max(o.next_attempt_at) AS next_attempt_at, max(o.failed_at) AS failed_at,
        max(o.last_error) AS last_error, min(o.seq) AS seq
    FROM recon_store.outbox AS o
    WHERE o.channel <> 'notify' AND o.delivered_at IS NULL AND o.event <> 'recon.watchdog'
    GROUP BY o.gateway, o.channel, coalesce(o.message_id, 'msg_' || o.id)
) AS w ORDER BY w.seq, w.id
"""
FORMER = """
DROP TABLE recon_store.outbox_turns;
DROP TABLE recon_store.outbox;
"""

#: As revisions 0001 and 0002 made them.
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
CREATE TABLE recon_store.outbox_turns (
    gateway text NOT NULL,
    channel text NOT NULL,
    CONSTRAINT pk_outbox_turns PRIMARY KEY (gateway, channel)
);
COMMENT ON TABLE recon_store.outbox_turns IS 'One row per channel, locked by each claim, never updated';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.outbox TO recon_service;
GRANT SELECT, INSERT, UPDATE ON recon_store.outbox_turns TO recon_service;
"""
#: What is known stays known; what waits on a channel is not told any more.
KNOWN_AGAIN = """
INSERT INTO recon_store.outbox
    (gateway, id, channel, event, break_id, case_id, seq, occurred_at, created_at, document, attempts, delivered_at)
SELECT s.gateway, s.id, 'notify', s.event, s.subject, s.case_id, s.seq, s.occurred_at, s.created_at, s.document, 1,
    s.created_at
FROM recon_store.signals AS s
"""
TABLES_AGAIN = """
DROP TABLE recon_store.channels;
DROP TABLE recon_store.told_cases;
DROP TABLE recon_store.deliveries;
DROP TABLE recon_store.silences;
DROP TABLE recon_store.policies;
DROP TABLE recon_store.router_states;
DROP TABLE recon_store.router;
DROP TABLE recon_store.signals;
"""

#: Views and functions of this revision; the former text of `alerts` lies in `0007/`.
NEW: tuple[str, ...] = (
    "signals",
    "deliveries",
    "silences",
    "policies",
    "policy_states",
    "silence",
    "unsilence",
    "retry_deliveries",
)


def upgrade() -> None:
    """Upgrade the schema."""
    for change in (SIGNALS, ROUTER, SILENCES, DELIVERIES, KNOWN, WAITING):
        execute(change)
    drop("alerts")
    execute(FORMER)
    create(revision, "alerts", *NEW)


def downgrade() -> None:
    """Downgrade the schema."""
    drop("alerts", *NEW)
    execute(OUTBOX)
    execute(KNOWN_AGAIN)
    execute(TABLES_AGAIN)
    create(down_revision, "alerts")
