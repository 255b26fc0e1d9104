"""The public SQL surface: schema `recon`, views only, every view and column with its meaning as a COMMENT.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: How the last session of a gateway is found, however long ago it began.
INDEX = """
CREATE INDEX ix_log_events_sessions ON recon_store.log_events (gateway, seq)
    WHERE kind IN ('session.opened', 'session.closed', 'session.failed')
"""

#: What `@current` stands for: of every folded table only the current edition is shown.
CURRENT = "JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'"

# Numbers are those of the cut that the latest observation was held against; never observed: of all entries.
UNITS = """
FROM recon_store.units AS u
JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
LEFT JOIN recon_store.accounts AS a ON (a.gateway, a.edition, a.account) = (u.gateway, u.edition, u.account)
LEFT JOIN recon_store.comparisons AS o
    ON (o.gateway, o.edition, o.account, o.unit_kind, o.unit)
     = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
LEFT JOIN (
    SELECT k.gateway, k.edition, k.account, k.unit_kind, k.unit, count(*) AS open FROM recon_store.breaks AS k
    WHERE k.state = 'open' GROUP BY k.gateway, k.edition, k.account, k.unit_kind, k.unit
) AS b ON (b.gateway, b.edition, b.account, b.unit_kind, b.unit)
        = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
CROSS JOIN LATERAL (
    SELECT CASE WHEN o.reported IS NULL THEN u.fills ELSE o.cut_fills END AS fills,
           CASE WHEN o.reported IS NULL THEN u.explained ELSE o.cut_explained END AS explained,
           CASE WHEN o.reported IS NOT NULL THEN u.fills - o.cut_fills END AS in_flight,
           CASE WHEN a.account IS NULL THEN 'nothing is known of the account'
                WHEN a.state NOT IN ('covered', 'unresolved') THEN a.state || coalesce(', ' || a.reason, '')
                WHEN u.withheld THEN 'an order of this unit is not accounted for, or its cash is not known'
                WHEN a.last_alive_at IS NULL THEN 'no sign of life yet'
                WHEN a.last_alive_at < now() - interval '30 seconds' THEN 'no sign of life for more than 30 s'
           END AS stale
) AS n
CROSS JOIN LATERAL (
    SELECT CASE WHEN coalesce(o.judgement, 'unobserved') = 'unobserved' THEN 'unobserved'
                WHEN u.unmodelled IS NOT NULL THEN 'unmodelled'
                WHEN n.stale IS NOT NULL THEN 'stale'
                ELSE o.judgement END AS verdict
) AS v
"""
FIGURES = """u.opening, n.fills, u.opening + n.fills, n.explained, o.reported"""
DRIFT = """o.reported - (u.opening + n.fills), o.reported - (u.opening + n.fills) - n.explained, n.in_flight"""
REASON = """
    CASE v.verdict WHEN 'unmodelled' THEN u.unmodelled WHEN 'stale' THEN n.stale END,
    CASE WHEN o.reported IS NOT NULL THEN o.inferred END, coalesce(b.open, 0)"""

IN_UNIT = "in the unit itself, signed (short is negative)"
FIGURE_COLUMNS = f"""
opening | What was held when recon began to count, {IN_UNIT}; fixed once, never moved; null: not known yet
fills | Sum of our own fills, with the cash they realised, up to the cut, {IN_UNIT}
expected | What the books say should be reported: opening + fills, at the cut; null: no opening yet
explained | Sum of entries of other causes (rounding, unmodelled past, …) up to the cut, signed; 0: none
reported | The latest amount that the EMS reported, signed; null: never reported; 0: reported as zero, or left out
    of a complete snapshot (see inferred)
"""
DRIFT_COLUMNS = """
drift | reported - expected, signed; null: one of the two is not known
unexplained | drift - explained, signed; what the verdict judges; reported = opening + fills + explained +
    unexplained; null: not known
in_flight | Fills booked after the cut, signed, which the observation cannot have seen; null: never observed
"""
VERDICT_COLUMNS = """
verdict | The first that applies: unobserved, unmodelled, stale, break, pending, agreed
observed_at | Log time of the observation in reported; null: never observed
cut_seq | Log position up to which the observation is held against the books; null: never observed
last_seq | Log position of the newest entry of the books; 0: none
reason | Why the verdict is unmodelled or stale; null for the others
inferred | Whether reported is a zero inferred from a row's absence in a complete snapshot; null: never observed
open_breaks | How many open breaks the unit has; shown whatever the verdict is
"""

#: Name, meaning, query, columns with their meaning. Columns may be added at the end; what is there is public and fixed.
VIEWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "events",
        "The log: every frame and every fact recorded by recon, in the order of (gateway, seq)",
        """
        SELECT e.gateway, e.seq, e.recorded_at, e.received_at, e.kind, e.account, e.session, e.readable,
               CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END, e.payload,
               e.redacted, encode(e.digest, 'hex')
        FROM recon_store.log_events AS e
        """,
        """
gateway | The gateway whose log it is
seq | Log position: 1, 2, 3 … without gaps, within the gateway
recorded_at | Log time, UTC: when it was appended; never goes back within a gateway
received_at | When it reached recon, UTC, by the writer's clock
kind | The EMS message type in capitals; frame: none of the protocol's; in small letters: recorded by recon itself
account | The account (EMS exchange_id, exactly as sent) that it names; null: none
session | The session with the gateway that it came in; null: none
readable | Whether payload can be shown as JSON: UTF-8, JSON, and text that Postgres can hold
payload | The content as JSON, as sent (json, not jsonb: numbers and key order are kept); null: not readable
raw | The content byte for byte
redacted | Whether a credential inside the content was blotted out before it was stored
digest | SHA-256 in hex over the digest before and this event; `recon verify` recomputes it
        """,
    ),
    (
        "orders",
        "The furthest known state of each order, joined from all its reports",
        """
        SELECT t.gateway, t.account, t.order_key, t.client_order_id, t.exchange_order_id, t.symbol, t.symbol_coinapi,
               t.side, t.price, t.amount_order, t.amount_filled, t.amount_open, t.avg_px, t.status, t.first_seq,
               t.last_seq, t.updated_at, t.open
        FROM recon_store.orders AS t @current
        """,
        """
gateway | The gateway
account | The account (EMS exchange_id)
order_key | recon's name of the order; one for each generation of a client id that is used again
client_order_id | The client's id; null: none was sent
exchange_order_id | The exchange's id; null: none was sent yet
symbol | The EMS's symbol_id_exchange; null: not sent
symbol_coinapi | The EMS's symbol_id_coinapi; null: not sent
side | BUY or SELL; null: not known
price | Limit price, in quote per base; null: not known
amount_order | Amount ordered, not negative, in the instrument's own unit; null: not known
amount_filled | Amount filled so far, not negative; the authority on what was filled
amount_open | Amount still open, as reported, not negative; null: not known
avg_px | Average price of amount_filled, in quote per base; null: not known
status | The furthest status reported, in the EMS's words
first_seq | Log position of its first report
last_seq | Log position of the last report that changed it
updated_at | Log time of that report
open | Whether it is open, or has fills that wait for their instrument
        """,
    ),
    (
        "fills",
        "What was booked of each order, in the order of booking; reports may be coarser than the venue's own fills",
        """
        SELECT t.gateway, t.account, t.order_key, t.ordinal, t.symbol, t.side, t.price, t.price_known, t.amount,
               t.cash, t.cash_asset, t.filled_at, t.seq, t.source
        FROM recon_store.fills AS t @current
        """,
        """
gateway | The gateway
account | The account (EMS exchange_id)
order_key | The order, as in orders
ordinal | 1, 2, 3 … within the order
symbol | The EMS's symbol_id_exchange
side | BUY or SELL
price | In quote per base; null: not known (the cash is exact where the price is not)
price_known | Whether the report told the price; if not, the cash is not known either
amount | Amount filled, not negative, in the instrument's own unit
cash | Change of cash_asset, signed (a purchase is negative), without fees; null: not known, or not modelled
cash_asset | The balance row that the cash moves in; null: no cash is modelled
filled_at | When it was filled as the EMS reports it, UTC; else log time of the report
seq | Log position of the report that it was booked from
source | What it was booked from: the report's own list of fills, or the difference of cumulative reports
        """,
    ),
    (
        "entries",
        "Every change to every unit, with its cause; the books are sums of these",
        """
        SELECT t.gateway, t.account, t.unit_kind, t.unit, t.entry_no, t.seq, t.occurred_at, t.recorded_at, t.cause,
               t.certainty, t.amount, t.running, t.order_key, t.ordinal, t.break_id
        FROM recon_store.entries AS t @current
        """,
        """
gateway | The gateway
account | The account (EMS exchange_id)
unit_kind | asset or contract
unit | asset_id_exchange of an asset, symbol_id_exchange of a contract
entry_no | 1, 2, 3 … within the unit, in the order of knowledge
seq | Log position at which it became known
occurred_at | When it happened, UTC, as far as known
recorded_at | Log time at which it became known
cause | opening, fill, realised, rehomed: our own doing; any other explains drift
certainty | exact: arithmetic leaves no other reading; inferred: within stated limits
amount | The change, in the unit itself, signed; for an opening the amount held
running | Sum of amounts up to and including this entry, in the order of knowledge; the opening counts from its
    own entry on
order_key | The order that caused it; null: none
ordinal | The fill of that order; null: none
break_id | The break that it explains; null: none
        """,
    ),
    (
        "positions",
        "One row per contract and account: what is held, what is reported, and whether the two agree",
        f"""
        SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, u.long, u.short, {FIGURES},
               {DRIFT}, u.avg_entry_price, u.reported_avg_entry_price,
               v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}
        {UNITS} WHERE u.unit_kind = 'contract'
        """,
        f"""
gateway | The gateway
account | The account (EMS exchange_id)
symbol | The EMS's symbol_id_exchange
symbol_coinapi | The EMS's symbol_id_coinapi; null: not known
quantity | What the books say is held now: opening + all fills + explained, in contracts, signed (short is
    negative); null: no opening yet
long | The long leg as last reported, not negative; null: no rows by side are known
short | The short leg as last reported, not positive; null: no rows by side are known
{FIGURE_COLUMNS}{DRIFT_COLUMNS}
avg_entry_price | Average entry price by our own fills and the contract's terms; null: not known, or flat
reported_avg_entry_price | Average entry price as last reported; null: not reported
{VERDICT_COLUMNS}
        """,
    ),
    (
        "balances",
        "One row per asset and account: what the books say, what is reported, and whether the two agree",
        f"""
        SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, {FIGURES}, u.available, u.locked,
               {DRIFT}, u.rate_usd,
               v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}
        {UNITS} WHERE u.unit_kind = 'asset'
        """,
        f"""
gateway | The gateway
account | The account (EMS exchange_id)
asset | The EMS's asset_id_exchange; for a pool of several codes the first of them
asset_coinapi | The EMS's asset_id_coinapi; null: not known
balance | What the books say is held now: opening + all fills + explained, in the asset, signed; null: no opening yet
{FIGURE_COLUMNS}
available | As last reported, in the asset; null: not reported
locked | As last reported, in the asset; null: not reported
{DRIFT_COLUMNS}
rate_usd | USD for one of the asset, as last reported; null: not known (not zero)
{VERDICT_COLUMNS}
        """,
    ),
    (
        "breaks",
        "Steps of drift that no report, cut or race explains, in every state of their life",
        """
        SELECT t.id, t.case_id, t.gateway, t.account, t.unit_kind, t.unit, t.cause, t.certainty, t.state, t.amount,
               t.amount_usd, t.opened_at, t.closed_at, t.after_seq, t.until_seq, t.occurrences, t.note, t.candidates,
               t.owns_residual, t.offset_by, t.rules_version
        FROM recon_store.breaks AS t @current
        """,
        """
id | The break's identity: a hash of gateway, unit and origin, the same on every rebuild
case_id | The case: breaks of one common cause, which alerts and people act on
gateway | The gateway
account | The account (EMS exchange_id)
unit_kind | asset or contract
unit | asset_id_exchange of an asset, symbol_id_exchange of a contract
cause | What is known of the cause: timing, stale_coverage, inconsistent_report, unmapped, unexplained
certainty | exact: one amount fits; candidate: several do, see candidates
state | pending: it may still be a race; open; cleared: by later data; dismissed: it was a race, or part of
    another break
amount | The step, reported minus expected, in the unit itself, signed
amount_usd | The step at the last rate reported, in USD, signed; null: no rate is known (not zero)
opened_at | Log time at which it opened; while pending, and once dismissed: of the first report that did not fit
closed_at | Log time at which it was cleared or dismissed; null: it was not
after_seq | It arose after this log position …
until_seq | … and up to this one
occurrences | How often it opened: 1, or more where it recurred
note | What is known of the circumstances, in words
candidates | Every amount that fits the reports so far, as a JSON list of text
owns_residual | Whether the amount is part of the unit's drift (a contradiction inside a report is not)
offset_by | The break of the opposite step that cancels it; null: none
rules_version | The version of the rules that named the cause
        """,
    ),
    ("open_breaks", "The breaks that are open now, with all columns of breaks", "", ""),
    (
        "break_history",
        "Every step in the life of every break, in the order of the log",
        """
        SELECT t.gateway, t.id, t.seq, t.number, t.at, t.event, t.state, t.amount, t.cause, t.reason
        FROM recon_store.break_history AS t @current
        """,
        """
gateway | The gateway
id | The break, as in breaks
seq | Log position at which the step was derived
number | 1, 2, 3 … among the steps at this position
at | Log time of the step
event | What happened: pending, opened, cleared, dismissed, offset
state | The break's state from then on
amount | The break's amount from then on, in the unit itself, signed
cause | The break's cause from then on
reason | Why, in words
        """,
    ),
    (
        "findings",
        "Discrepancies in the data itself: what could not be read, or contradicts the protocol or itself",
        """
        SELECT t.gateway, t.account, t.seq, t.kind, t.about, t.message, t.number
        FROM recon_store.findings AS t @current
        """,
        """
gateway | The gateway
account | The account that it concerns; null: none is known
seq | Log position of the event that it was found in
kind | What kind of discrepancy
about | What it concerns: an order, an asset, a field; may be empty
message | What was found, in words
number | 1, 2, 3 … among the findings at this position
        """,
    ),
    (
        "coverage",
        "Which stretches of the log each account was truly observed in; outside them nothing is known",
        """
        SELECT t.gateway, t.account, t.from_seq, t.until_seq, t.from_time, t.until_time, t.state, t.reason
        FROM recon_store.coverage AS t @current
        """,
        """
gateway | The gateway
account | The account (EMS exchange_id)
from_seq | First log position of the stretch
until_seq | First log position after it; null: it is going on
from_time | Log time at which it began
until_time | Log time at which it ended; null: it is going on
state | covered; unresolved: observed, but orders from before a gap are not accounted for; catching_up: snapshots
    are missing; gap: not observed
reason | Why it is not covered; null: covered
        """,
    ),
    (
        "accounts",
        "Every account that a gateway has named, and how it is observed now",
        """
        SELECT t.gateway, t.account, t.state, t.reason, t.last_alive_at
        FROM recon_store.accounts AS t @current
        """,
        """
gateway | The gateway
account | The account (EMS exchange_id, exactly as sent)
state | covered, unresolved, catching_up or gap, as in coverage
reason | Why it is not covered; null: covered
last_alive_at | Log time of its last sign of life; null: none yet
        """,
    ),
    (
        "gateways",
        "One row per log: whether the gateway is connected, and how far its log is folded into the books",
        """
        SELECT g.gateway,
               CASE WHEN s.seq IS NULL THEN 'unconnected'
                    WHEN s.kind = 'session.failed' THEN 'failing'
                    WHEN s.kind = 'session.closed' THEN 'disconnected'
                    WHEN h.recorded_at < now() - interval '30 seconds' THEN 'silent'
                    ELSE 'connected' END,
               CASE WHEN s.kind = 'session.opened' THEN s.session END,
               CASE WHEN s.kind = 'session.opened' THEN s.recorded_at END,
               h.recorded_at, coalesce(h.seq, 0), coalesce(e.seq, 0), coalesce(h.seq, 0) - coalesce(e.seq, 0),
               s.recorded_at, s.note ->> 'url', s.note ->> 'reason', s.note ->> 'detail', e.edition, e.fold_version
        FROM recon_store.log_gateways AS g
        LEFT JOIN LATERAL (
            SELECT x.seq, x.recorded_at FROM recon_store.log_events AS x WHERE x.gateway = g.gateway
            ORDER BY x.seq DESC LIMIT 1
        ) AS h ON true
        LEFT JOIN LATERAL (
            SELECT x.seq, x.recorded_at, x.kind, x.session,
                   CASE WHEN x.readable THEN convert_from(x.payload, 'UTF8')::json END AS note
            FROM recon_store.log_events AS x
            WHERE x.gateway = g.gateway AND x.kind IN ('session.opened', 'session.closed', 'session.failed')
            ORDER BY x.seq DESC LIMIT 1
        ) AS s ON true
        LEFT JOIN recon_store.editions AS e ON e.gateway = g.gateway AND e.state = 'current'
        """,
        """
name | The gateway's name in the settings
state | unconnected: never tried; connected; silent: connected, but nothing was logged for more than 30 s (is the
    service running?); disconnected; failing: the last attempt to connect failed
session | The session that is open; null: none
connected_at | Log time at which it was opened; null: none is open
last_event_at | Log time of the last event in the log; null: the log is empty
head_seq | Log position of that event; 0: the log is empty
projected_seq | Log position up to which the books are folded; 0: not at all
lag_events | Events in the log that the books do not hold yet
changed_at | Log time of the last session event; null: never tried
url | The address of that event, without credentials; null: not known
reason | Why the session ended, or could not be opened; null: one is open
detail | The same in words; null: nothing more is known
edition | The edition of the books that the views show; null: nothing was folded yet
fold_version | The version of the code that folded it; null: nothing was folded yet
        """,
    ),
    (
        "alerts",
        "Every alert on every channel, and how far its delivery is",
        """
        SELECT o.gateway, o.id, o.channel, o.event, o.break_id, o.case_id, o.seq, o.occurred_at, o.created_at,
               CASE WHEN o.delivered_at IS NOT NULL THEN 'delivered' WHEN o.failed_at IS NOT NULL THEN 'failed'
                    WHEN o.attempts > 0 THEN 'retrying' ELSE 'waiting' END,
               o.attempts, o.next_attempt_at, o.delivered_at, o.failed_at, o.last_error, o.message_id, o.document
        FROM recon_store.outbox AS o
        """,
        """
gateway | The gateway
id | The alert's identity, the same on every channel and after every rebuild
channel | The webhook's name in the settings; notify: NOTIFY on channel recon_breaks
event | break.opened or break.cleared
break_id | The break, as in breaks
case_id | The case, as in breaks
seq | Log position of the step that is told of
occurred_at | Log time of that step
created_at | When it was queued, by the database's clock
state | waiting, retrying, delivered or failed (given up)
attempts | How often delivery was tried; 0: not yet
next_attempt_at | When it is tried again; null: at once, or never again
delivered_at | When the receiver took it; null: not yet
failed_at | When it was given up; null: it was not
last_error | Why the last failed attempt failed; null: none did
message_id | The message that carried it; null: none yet
document | What the receiver is told, as JSON
        """,
    ),
)


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


def create_view(name: str, meaning: str, query: str, columns: list[tuple[str, str]]) -> None:
    names = ", ".join(column for column, _ in columns)
    op.execute(f"CREATE VIEW recon.{name} ({names}) AS {query.replace('@current', CURRENT)}")
    op.execute(f"COMMENT ON VIEW recon.{name} IS {literal(meaning)}")
    for column, told in columns:
        op.execute(f"COMMENT ON COLUMN recon.{name}.{column} IS {literal(told)}")


def literal(text: str) -> str:
    # A quote is doubled, and a colon never begins a parameter.
    return "'" + text.replace("'", "''").replace(":", "\\:") + "'"


def upgrade() -> None:
    op.execute(INDEX)
    op.execute("CREATE SCHEMA IF NOT EXISTS recon")
    op.execute("COMMENT ON SCHEMA recon IS 'What recon knows, as views: the public SQL surface'")
    known = {name: meanings(columns) for name, _, _, columns in VIEWS}
    known["open_breaks"] = known["breaks"]
    for name, meaning, query, _ in VIEWS:
        shown = "SELECT * FROM recon.breaks AS b WHERE b.state = 'open'" if name == "open_breaks" else query
        create_view(name, meaning, shown, known[name])
    op.execute("GRANT USAGE ON SCHEMA recon TO recon_analyst, recon_service")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA recon TO recon_analyst, recon_service")


def downgrade() -> None:
    # Refused here already, or a way down to nothing would lose the books before it meets the log.
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT FROM recon_store.log_events) THEN
                RAISE EXCEPTION 'the event log is not empty: downgrading would lose it; export it and drop it by hand';
            END IF;
        END $$""")
    for name, *_ in reversed(VIEWS):
        op.execute(f"DROP VIEW recon.{name}")
    op.execute("DROP SCHEMA recon")
    op.execute("DROP INDEX recon_store.ix_log_events_sessions")
