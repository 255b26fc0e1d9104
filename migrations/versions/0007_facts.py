"""Facts from outside: which are known, what became of them, and which entries they made surer; what-if editions.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.facts (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, external_id text NOT NULL,
    digest text NOT NULL, seq bigint NOT NULL, fact text NOT NULL, unit_kind text, unit text NOT NULL,
    amount numeric NOT NULL, occurred_at timestamptz NOT NULL, effect text NOT NULL, order_key text,
    CONSTRAINT pk_facts PRIMARY KEY (gateway, edition, account, external_id)
);
COMMENT ON TABLE recon_store.facts IS
    'Every fact from outside by its external id, so that the same again changes nothing; digest is of its content';

ALTER TABLE recon_store.entries ADD COLUMN replaces bigint, ADD COLUMN fact text;

ALTER TABLE recon_store.editions DROP CONSTRAINT ck_editions_state;
ALTER TABLE recon_store.editions ADD CONSTRAINT ck_editions_state
    CHECK (state IN ('building', 'current', 'retired', 'what-if'));
"""

# Entries that a fact may make surer, by cause and time and by order, and those that were made so. Inferred entries are
# few beside fills, so the hot path pays little.
INDEXES = """
CREATE INDEX ix_entries_replaceable ON recon_store.entries (cause, occurred_at)
    WHERE (certainty = 'inferred' OR break_id IS NOT NULL) AND replaces IS NULL AND fact IS NULL;
CREATE INDEX ix_entries_replaceable_order ON recon_store.entries (order_key, gateway)
    WHERE (certainty = 'inferred' OR break_id IS NOT NULL) AND replaces IS NULL AND fact IS NULL
      AND order_key IS NOT NULL;
CREATE INDEX ix_entries_replaces ON recon_store.entries (replaces, gateway, edition, account, unit_kind, unit)
    WHERE replaces IS NOT NULL;
-- Trades without an order id are looked for by time; fills come in its order, so blocks tell enough, at no cost.
CREATE INDEX ix_fills_filled_at ON recon_store.fills USING brin (filled_at) WITH (pages_per_range = 16);
"""

TABLES_DOWN = """
DROP TABLE recon_store.facts;
DROP INDEX recon_store.ix_fills_filled_at, recon_store.ix_entries_replaces, recon_store.ix_entries_replaceable_order,
    recon_store.ix_entries_replaceable;
ALTER TABLE recon_store.entries DROP COLUMN replaces, DROP COLUMN fact;
DELETE FROM recon_store.editions WHERE state = 'what-if';
ALTER TABLE recon_store.editions DROP CONSTRAINT ck_editions_state;
ALTER TABLE recon_store.editions ADD CONSTRAINT ck_editions_state CHECK (state IN ('building', 'current', 'retired'));
"""

CURRENT = "JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'"

# As in 0004; columns are added at the end.
ENTRY_NAMES = (
    "gateway, account, unit_kind, unit, entry_no, seq, occurred_at, recorded_at, cause, certainty, amount, running,"
    " order_key, ordinal, break_id"
)
ENTRIES = """
SELECT t.gateway, t.account, t.unit_kind, t.unit, t.entry_no, t.seq, t.occurred_at, t.recorded_at, t.cause,
       t.certainty, t.amount, t.running, t.order_key, t.ordinal, t.break_id"""
MORE_ENTRY_COLUMNS = """
replaces | The entry of the same unit that this one takes back, or stands in for because a fact is surer; 0: a part of
    fees that were inferred in sum; null: none
fact | External id of the fact that it follows from, as in facts; null: none
"""
ENTRY_COLUMNS = (
    MORE_ENTRY_COLUMNS
    + """
order_key | The order that caused it, as in orders, or t: and the external id of a trade of no order that is known;
    null: none
"""
)

FACTS = f"""
SELECT t.gateway, t.account, t.external_id, t.fact, t.unit_kind, t.unit, t.amount, t.occurred_at, t.seq, e.recorded_at,
       t.effect, t.order_key, d.document ->> 'source', d.document ->> 'text', d.document -> 'by' ->> 'login',
       (d.document -> 'by' ->> 'authenticated')::boolean, d.document -> 'by' ->> 'name', t.digest
FROM recon_store.facts AS t {CURRENT}
JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (t.gateway, t.seq)
CROSS JOIN LATERAL (SELECT convert_from(e.payload, 'UTF8')::json AS document) AS d
"""  # noqa: S608 - our own names
FACT_COLUMNS = """
gateway | The gateway
account | The account (EMS exchange_id); a transfer within the gateway stands under both
external_id | The statement's own id, else a digest of the row; the same again changes nothing
fact | deposit, withdrawal, transfer, fee, rebate, funding, interest, reward, conversion, adjustment or trade
unit_kind | asset or contract
unit | The asset or contract, as the source writes it; of a trade its symbol
amount | What it changes, in the unit itself, signed; of a trade the quantity, a sale negative
occurred_at | When it happened, UTC, as the source says
seq | Log position at which it became known
recorded_at | Log time at which it became known
effect | What became of it. replaced: it made an inferred entry exact; explained: it explains a break; booked: it was
    booked late, see findings; matched: a trade that reports had told; before_opening: it is part of the opening
order_key | The order that a trade was matched with, as in orders; null: none
source | The statement, or where else it is from
text | What the person wrote; null: nothing
login | The login that recorded it, as the database saw it
authenticated | Whether the login is one person's own; if not, name is only asserted
name | The name given under the login; null: none
digest | Digest of what it changes, by which a second telling is compared
"""


def meanings(columns: str) -> list[tuple[str, str]]:
    """Read `name | meaning` lines; a line without a bar goes on with the meaning before it."""
    read: list[tuple[str, str]] = []
    for line in columns.strip().splitlines():
        name, bar, meaning = line.partition(" | ")
        if bar:
            read.append((name.strip(), meaning.strip()))
        elif line.strip():
            read[-1] = (read[-1][0], f"{read[-1][1]} {line.strip()}")
    return read


def comment(view: str, columns: str) -> None:
    for name, told in meanings(columns):
        # A quote is doubled, and a colon never begins a parameter.
        literal = "'" + told.replace("'", "''").replace(":", "\\:") + "'"
        op.execute(f"COMMENT ON COLUMN recon.{view}.{name} IS {literal}")


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(INDEXES)
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.facts TO recon_service")
    op.execute(
        f"CREATE OR REPLACE VIEW recon.entries ({ENTRY_NAMES}, replaces, fact) AS"
        f" {ENTRIES}, t.replaces, t.fact FROM recon_store.entries AS t {CURRENT}"
    )
    comment("entries", ENTRY_COLUMNS)
    names = ", ".join(name for name, _ in meanings(FACT_COLUMNS))
    op.execute(f"CREATE VIEW recon.facts ({names}) AS {FACTS}")
    op.execute("COMMENT ON VIEW recon.facts IS 'What people and statements told from outside, and what became of it'")
    comment("facts", FACT_COLUMNS)
    op.execute("GRANT SELECT ON recon.facts TO recon_analyst, recon_service, recon_operator")


def downgrade() -> None:
    op.execute("DROP VIEW recon.facts, recon.entries")
    op.execute(f"CREATE VIEW recon.entries ({ENTRY_NAMES}) AS {ENTRIES} FROM recon_store.entries AS t {CURRENT}")
    op.execute("GRANT SELECT ON recon.entries TO recon_analyst, recon_service, recon_operator")
    op.execute(TABLES_DOWN)
