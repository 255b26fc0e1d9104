"""What people see of coverage: what became of each gap, how far clocks differ, and totals that count an account once.

Revision ID: 0010
Revises: 0009
"""

from alembic import op
from sqlalchemy import text

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE recon_store.catch_ups (
    gateway text NOT NULL, edition integer NOT NULL, account text NOT NULL, from_seq bigint NOT NULL,
    until_seq bigint, from_time timestamptz NOT NULL, until_time timestamptz, reason text NOT NULL,
    state text NOT NULL, history text NOT NULL, open jsonb NOT NULL, requests integer NOT NULL,
    orders_settled integer NOT NULL, orders_found integer NOT NULL, fills_found integer NOT NULL, ended_seq bigint,
    CONSTRAINT pk_catch_ups PRIMARY KEY (gateway, edition, account, from_seq)
);
COMMENT ON TABLE recon_store.catch_ups IS
    'Every stretch in which an account was not observed, and what catching up with it came to';
GRANT SELECT, INSERT, UPDATE, DELETE ON recon_store.catch_ups TO recon_service;

ALTER TABLE recon_store.accounts
    ADD COLUMN lag_us bigint,
    ADD COLUMN venue_account text,
    ADD COLUMN unaccounted jsonb NOT NULL DEFAULT '[]';
"""
TABLES_DOWN = """
ALTER TABLE recon_store.accounts DROP COLUMN lag_us, DROP COLUMN venue_account, DROP COLUMN unaccounted;
DROP TABLE recon_store.catch_ups;
"""

CURRENT = "JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'"
#: How a moment is written in words; the colons begin no parameters.
MOMENT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24\\:MI\\:SS.MS')"

CATCH_UPS = f"""
SELECT t.gateway, t.account, t.from_seq, t.until_seq, t.from_time, t.until_time, t.until_time - t.from_time, t.reason,
       t.state, t.history,
       CASE t.state
           WHEN 'waiting' THEN CASE WHEN t.until_seq IS NULL THEN 'not back yet' ELSE 'waits to be asked for' END
           WHEN 'running' THEN 'being asked for'
           WHEN 'whole' THEN 'whole' || CASE t.history
               WHEN 'read' THEN ''
               WHEN 'off' THEN ', but orders born and finished inside were not asked for'
               WHEN 'not configured' THEN
                   ', but orders born and finished inside cannot be recovered: history is not configured'
               ELSE ', but orders born and finished inside may be missing: history could not be read' END
           ELSE CASE jsonb_array_length(t.open)
               WHEN 0 THEN 'not asked for'
               ELSE 'open: ' || (
                   SELECT string_agg(q.question, '; ' ORDER BY q.place)
                   FROM jsonb_array_elements_text(t.open) WITH ORDINALITY AS q(question, place) WHERE q.place <= 3
               ) || CASE WHEN jsonb_array_length(t.open) > 3
                         THEN format(' (and %s more)', jsonb_array_length(t.open) - 3) ELSE '' END
               END
       END,
       t.open, t.requests, t.orders_settled, t.orders_found, t.fills_found, t.ended_seq, e.recorded_at,
       e.recorded_at - t.until_time
FROM recon_store.catch_ups AS t {CURRENT}
LEFT JOIN recon_store.log_events AS e ON (e.gateway, e.seq) = (t.gateway, t.ended_seq)
"""  # noqa: S608 - our own names, as below
CATCH_UP_COLUMNS = """
gateway | The gateway
account | The account (EMS exchange_id)
from_seq | First log position of the stretch in which it was not observed
until_seq | Log position at which it was heard again; null: it was not yet. Gaps that came before the catch-up had ended
    prolong the stretch
from_time | Log time of its last sign of life before
until_time | Log time at which it was heard again; null: it was not yet
lasted | until_time - from_time; null: it is going on
reason | Why it was not observed
state | waiting: the account is not back, or nothing was asked yet; running; whole: every order is accounted for, or a
    person settled what was not; open: something is not, or nobody asked
history | Whether orders born and finished inside were looked for. off: not to be, by the rules; wanted: not yet; read;
    not configured: the gateway keeps no order history; failed: it could not be read
outcome | What it came to, in words; of many open questions the first
open_questions | What is not accounted for, as a JSON list of text; it stays as the last catch-up of the stretch left it
requests | How many questions over REST were answered or given up
orders_settled | Orders that were open before, whose end was told
orders_found | Orders of which nothing was known before
fills_found | Fills that were booked because of it
ended_seq | Log position at which it ended, or was last settled; null: it has not ended
ended_at | Log time of that; null: it has not ended
took | ended_at - until_time: how long the account was not whole after it was back; null: it has not ended
"""

COVERAGE_NAMES = "gateway, account, from_seq, until_seq, from_time, until_time, state, reason"
COVERAGE = "SELECT t.gateway, t.account, t.from_seq, t.until_seq, t.from_time, t.until_time, t.state, t.reason"
# A stretch of catching up belongs to the gap before it; the first one of an account has none.
RECOVERY = f"""
FROM recon_store.coverage AS t {CURRENT}
LEFT JOIN LATERAL (
    SELECT x.from_seq FROM recon_store.coverage AS x
    WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account) AND x.from_seq <= t.from_seq
      AND x.state = 'gap' AND t.state IN ('gap', 'catching_up')
    ORDER BY x.from_seq DESC LIMIT 1
) AS g ON true
LEFT JOIN LATERAL (
    SELECT k.outcome FROM recon.catch_ups AS k
    WHERE (k.gateway, k.account) = (t.gateway, t.account) AND k.from_seq <= g.from_seq
      AND (k.until_seq IS NULL OR k.until_seq > g.from_seq)
    ORDER BY k.from_seq DESC LIMIT 1
) AS r ON true
"""  # noqa: S608
MORE_COVERAGE = ", CASE WHEN g.from_seq IS NOT NULL THEN coalesce(r.outcome, 'not asked for') END,"
MORE_COVERAGE += " t.until_time - t.from_time"
MORE_COVERAGE_COLUMNS = """
recovery | What catching up with the gap came to, in words, as outcome in catch_ups; null: the account was observed, or
    nothing had been observed before
lasted | How long it lasted; null: it is going on
"""
COVERAGE_STATE = (
    "covered; unresolved: observed, but orders from before a gap, or of it, are not accounted for; catching_up:"
    " snapshots are missing, or what the gap hid is being fetched; gap: not observed"
)
FORMER_COVERAGE_STATE = (
    "covered; unresolved: observed, but orders from before a gap are not accounted for; catching_up: snapshots are"
    " missing; gap: not observed"
)

ACCOUNT_NAMES = "gateway, account, state, reason, last_alive_at"
ACCOUNTS = "SELECT t.gateway, t.account, t.state, t.reason, t.last_alive_at"
MORE_ACCOUNTS = """,
    -t.lag_us * interval '1 microsecond',
    (
        SELECT min(x.from_time) FROM recon_store.coverage AS x
        WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account) AND x.from_seq > coalesce((
            SELECT y.from_seq FROM recon_store.coverage AS y
            WHERE (y.gateway, y.edition, y.account) = (t.gateway, t.edition, t.account) AND y.state <> t.state
            ORDER BY y.from_seq DESC LIMIT 1
        ), 0)
    ),
    jsonb_array_length(t.unaccounted), t.unaccounted, t.venue_account,
    (
        SELECT k.state FROM recon_store.catch_ups AS k
        WHERE (k.gateway, k.edition, k.account) = (t.gateway, t.edition, t.account) ORDER BY k.from_seq DESC LIMIT 1
    )
"""
MORE_ACCOUNT_COLUMNS = """
clock_skew | How far the EMS's clock seems ahead of ours, by its last heartbeat; negative: behind. The way of the
    message is inside: it makes the EMS seem behind by as much. null: no heartbeat told the time yet
since | Log time since when it has been in this state, for whatever reason
open_orders_unaccounted | How many orders were open and are told of no more: what became of them is not known
unaccounted_orders | Those orders, as a JSON list of order_key, as in orders
venue_account | The venue's own name of the account by the settings: accounts of one name, at whatever gateway, are one;
    null: none is told
catch_up | The state of its last catch-up, as in catch_ups; null: it was never out of sight
"""

# As in 0006, but for the column at the end.
UNITS = """
FROM recon_store.units AS u
JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
LEFT JOIN recon_store.accounts AS a ON (a.gateway, a.edition, a.account) = (u.gateway, u.edition, u.account)
LEFT JOIN recon_store.comparisons AS o
    ON (o.gateway, o.edition, o.account, o.unit_kind, o.unit)
     = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
LEFT JOIN (
    SELECT k.gateway, k.edition, k.account, k.unit_kind, k.unit, count(*) AS open FROM recon_store.breaks AS k
    WHERE k.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')
    GROUP BY k.gateway, k.edition, k.account, k.unit_kind, k.unit
) AS b ON (b.gateway, b.edition, b.account, b.unit_kind, b.unit)
        = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
CROSS JOIN LATERAL (
    SELECT CASE WHEN o.reported IS NULL THEN u.fills ELSE o.cut_fills END AS fills,
           CASE WHEN o.reported IS NULL THEN u.explained ELSE o.cut_explained END AS explained,
           CASE WHEN o.reported IS NOT NULL THEN u.fills - o.cut_fills END AS in_flight,
           CASE WHEN a.account IS NULL THEN 'nothing is known of the account'
                WHEN a.state NOT IN ('covered', 'unresolved') THEN a.state || coalesce(', ' || a.reason, '')
                WHEN u.withheld THEN @withheld
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
FIGURES = "u.opening, n.fills, u.opening + n.fills, n.explained, o.reported"
DRIFT = "o.reported - (u.opening + n.fills), o.reported - (u.opening + n.fills) - n.explained, n.in_flight"
REASON = """
    CASE v.verdict WHEN 'unmodelled' THEN u.unmodelled WHEN 'stale' THEN n.stale END,
    CASE WHEN o.reported IS NOT NULL THEN o.inferred END, coalesce(b.open, 0)"""
FIGURE_NAMES = "opening, fills, expected, explained, reported"
VERDICT_NAMES = "verdict, observed_at, cut_seq, last_seq, reason, inferred, open_breaks"
POSITION_NAMES = (
    f"gateway, account, symbol, symbol_coinapi, quantity, long, short, {FIGURE_NAMES}, drift, unexplained,"
    f" in_flight, avg_entry_price, reported_avg_entry_price, {VERDICT_NAMES}"
)
POSITIONS = f"""
    SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, u.long, u.short, {FIGURES}, {DRIFT},
           u.avg_entry_price, u.reported_avg_entry_price, v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}"""
BALANCE_NAMES = (
    f"gateway, account, asset, asset_coinapi, balance, {FIGURE_NAMES}, available, locked, drift, unexplained,"
    f" in_flight, rate_usd, {VERDICT_NAMES}"
)
BALANCES = f"""
    SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, {FIGURES}, u.available, u.locked, {DRIFT},
           u.rate_usd, v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}"""
MORE_UNIT_COLUMNS = """
venue_account | The venue's own name of the account, as in accounts: the firm's totals count it once; null: none is told
"""

BREAK_NAMES = (
    "id, case_id, gateway, account, unit_kind, unit, cause, certainty, state, amount, amount_usd, opened_at, closed_at,"
    " after_seq, until_seq, occurrences, note, candidates, owns_residual, offset_by, rules_version, assignee,"
    " origin_at, evidence, tried, proposal, accepted_until, accepted_amount, severity, explained_amount"
)
BREAKS = f"SELECT {', '.join(f't.{name.strip()}' for name in BREAK_NAMES.split(','))}"
# Stretches of coverage lie end to end: the one that the origin begins in is the last that began before it.
MORE_BREAKS = f""", (
    SELECT format('from event %s, %s, until %s: %s; catching up: %s',
               min(v.from_seq), {MOMENT.format("min(v.from_time)")},
               CASE WHEN bool_or(v.until_seq IS NULL) THEN 'now'
                    ELSE format('event %s, %s', max(v.until_seq), {MOMENT.format("max(v.until_time)")}) END,
               coalesce(string_agg(DISTINCT v.reason, ', ') FILTER (WHERE v.state = 'gap'), max(v.reason)),
               string_agg(DISTINCT v.recovery, ', '))
    FROM recon.coverage AS v
    WHERE (v.gateway, v.account) = (t.gateway, t.account) AND v.recovery IS NOT NULL
      AND v.from_seq <= t.until_seq AND (v.until_seq IS NULL OR v.until_seq > t.after_seq)
      AND v.from_seq >= coalesce((
          SELECT x.from_seq FROM recon_store.coverage AS x
          WHERE (x.gateway, x.edition, x.account) = (t.gateway, t.edition, t.account) AND x.from_seq <= t.after_seq
          ORDER BY x.from_seq DESC LIMIT 1
      ), 0)
    HAVING count(*) > 0
)"""  # noqa: S608
MORE_BREAK_COLUMNS = """
gap | The stretches between after_seq and until_seq in which the account was not observed or not caught up with: from
    which log position until which, their log times in UTC, why, and what catching up came to, in words; null: it was
    observed all the time
"""

# Of the accounts that one venue account is known by, one is counted: the best observed. All its rows count, for an
# account may hold an asset under several codes.
FIRM = """
WITH rows AS (
    SELECT u.*, @key AS code, u.@coinapi AS coinapi, @exchange AS exchange,
           coalesce(a.state = 'covered', false) AS covered,
           CASE WHEN u.venue_account IS NULL THEN u.gateway END AS own_gateway,
           CASE WHEN u.venue_account IS NULL THEN u.account END AS own_account
    FROM recon.@view AS u LEFT JOIN recon.accounts AS a ON (a.gateway, a.account) = (u.gateway, u.account)
), seen AS (
    SELECT r.*, max(r.observed_at) OVER (PARTITION BY r.gateway, r.account, r.code, r.coinapi, r.exchange) AS seen_at
    FROM rows AS r
), ranked AS (
    SELECT s.*, dense_rank() OVER (
        PARTITION BY s.venue_account, s.own_gateway, s.own_account, s.code, s.coinapi, s.exchange
        ORDER BY s.covered DESC, s.seen_at DESC NULLS LAST, s.gateway, s.account) AS place
    FROM seen AS s
)
SELECT coalesce(k.coinapi, k.code), k.coinapi, @first
       @sums,
       count(DISTINCT (k.gateway, k.account)) FILTER (WHERE k.place = 1),
       count(*) FILTER (WHERE k.place > 1),
       (array_agg(k.verdict ORDER BY array_position(
            ARRAY['break', 'stale', 'unobserved', 'unmodelled', 'pending', 'agreed'], k.verdict)) FILTER (
            WHERE k.place = 1))[1],
       min(k.observed_at) FILTER (WHERE k.place = 1),
       coalesce(sum(k.open_breaks) FILTER (WHERE k.place = 1), 0)::bigint
FROM ranked AS k GROUP BY k.code, k.coinapi, k.exchange
"""
COMMON_FIRM_COLUMNS = """
reported | Sum of the latest amounts that the EMS reported, signed; null: one of them is not known
drift | Sum of reported - expected, signed; null: one of them is not known
unexplained | Sum of what of the drift is not explained, signed; null: one of them is not known
accounts | How many accounts it is the total of
same_account | How many rows were left out because they are of the same account, seen through another gateway or under
    another name: of the accounts of one venue_account the one counts that is covered, then the one observed last
verdict | The worst of the rows that count: break, stale, unobserved, unmodelled, pending, agreed
observed_at | Log time of the oldest observation that counts; null: never observed
open_breaks | How many open breaks the rows that count have
"""
FIRM_BALANCE_COLUMNS = (
    """
asset | The asset: its asset_id_coinapi, or the EMS's own code where it has none
asset_coinapi | The EMS's asset_id_coinapi; null: not known, the code alone tells
balance | What the books say is held now over all gateways, in the asset, signed; null: of one account it is not known
balance_usd | The same in USD at the last rates reported, USD itself at one; null: one of the rates is not known (not
    zero)
"""
    + COMMON_FIRM_COLUMNS
)
FIRM_POSITION_COLUMNS = (
    """
symbol | The contract: its symbol_id_coinapi, or the EMS's own symbol where it has none
symbol_coinapi | The EMS's symbol_id_coinapi; null: not known
exchange | Where symbol_coinapi is null: the exchange whose symbol it is, from the account up to its tag; null: the
    symbol tells by itself
quantity | What the books say is held now over all gateways, in contracts, signed (short is negative); null: of one
    account it is not known
"""
    + COMMON_FIRM_COLUMNS
)
#: Nobody reports a rate of what all rates are in.
RATE_USD = "coalesce(k.rate_usd, CASE WHEN coalesce(k.coinapi, k.code) = 'USD' THEN 1 END)"
FIRM_VIEWS = (
    (
        "firm_balances",
        "The firm's holdings of each asset over all gateways; an account that two gateways show counts once",
        FIRM_BALANCE_COLUMNS,
        "balances",
        "asset",
        "NULL::text",
        "",
        ("balance", f"balance * {RATE_USD}", "reported", "drift", "unexplained"),
    ),
    (
        "firm_positions",
        "The firm's position in each contract over all gateways; an account that two gateways show counts once",
        FIRM_POSITION_COLUMNS,
        "positions",
        "symbol",
        "CASE WHEN u.symbol_coinapi IS NULL THEN substring(u.account FROM '^[A-Za-z0-9]+') END",
        "k.exchange,",
        ("quantity", "reported", "drift", "unexplained"),
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


def names_of(columns: str) -> str:
    return ", ".join(name for name, _ in meanings(columns))


def literal(told: str) -> str:
    # A quote is doubled, and a colon never begins a parameter.
    return "'" + told.replace("'", "''").replace(":", "\\:") + "'"


def comment(view: str, columns: str) -> None:
    for name, told in meanings(columns):
        op.execute(f"COMMENT ON COLUMN recon.{view}.{name} IS {literal(told)}")


def view(name: str, names: str, query: str) -> None:
    op.execute(f"CREATE OR REPLACE VIEW recon.{name} ({names}) AS {query}")


def firm(name: str, columns: str, of: str, unit: str, exchange: str, first: str, amounts: tuple[str, ...]) -> None:
    words = {
        # Where the CoinAPI code is known, rows of all the EMS's codes for it are added up.
        "@key": f"CASE WHEN u.{unit}_coinapi IS NULL THEN u.{unit} END",
        "@coinapi": f"{unit}_coinapi",
        "@exchange": exchange,
        "@view": of,
        "@first": first,
        # A sum is known only where all its parts are.
        "@sums": ", ".join(
            f"CASE WHEN bool_and(k.{amount} IS NOT NULL) FILTER (WHERE k.place = 1)"
            f" THEN sum(k.{amount}) FILTER (WHERE k.place = 1) END"
            for amount in amounts
        ),
    }
    query = FIRM
    for word, meaning in words.items():
        query = query.replace(word, meaning)
    view(name, names_of(columns), query)


#: Why a unit may not agree although its account is observed.
FORMER_WITHHELD = "an order of this unit is not accounted for, or its cash is not known"
WITHHELD = (
    "an order of this unit is not accounted for, its cash is not known, or nothing was told of the unit since the gap"
)


def unit_views(more_names: str, more: str, *, withheld: str) -> None:
    units = UNITS.replace("@withheld", literal(withheld))
    for name, names, query, kind in (
        ("positions", POSITION_NAMES, POSITIONS, "contract"),
        ("balances", BALANCE_NAMES, BALANCES, "asset"),
    ):
        view(name, names + more_names, f"{query}{more} {units} WHERE u.unit_kind = '{kind}'")


def break_views(more_names: str, more: str) -> None:
    view("breaks", BREAK_NAMES + more_names, f"{BREAKS}{more} FROM recon_store.breaks AS t {CURRENT}")
    active = "b.state IN ('open', 'assigned', 'investigating', 'proposed', 'accepted')"
    view("open_breaks", BREAK_NAMES + more_names, f"SELECT * FROM recon.breaks AS b WHERE {active}")  # noqa: S608


def upgrade() -> None:
    op.execute(TABLES)
    view("catch_ups", names_of(CATCH_UP_COLUMNS), CATCH_UPS)
    view("coverage", f"{COVERAGE_NAMES}, {names_of(MORE_COVERAGE_COLUMNS)}", COVERAGE + MORE_COVERAGE + RECOVERY)
    accounts = f"{ACCOUNTS}{MORE_ACCOUNTS} FROM recon_store.accounts AS t {CURRENT}"
    view("accounts", f"{ACCOUNT_NAMES}, {names_of(MORE_ACCOUNT_COLUMNS)}", accounts)
    unit_views(", venue_account", ", a.venue_account", withheld=WITHHELD)
    break_views(", gap", MORE_BREAKS)
    op.execute("COMMENT ON VIEW recon.catch_ups IS 'What every gap hid, and what asking for it over REST came to'")
    op.execute(f"COMMENT ON COLUMN recon.coverage.state IS {literal(COVERAGE_STATE)}")
    comment("catch_ups", CATCH_UP_COLUMNS)
    comment("coverage", MORE_COVERAGE_COLUMNS)
    comment("accounts", MORE_ACCOUNT_COLUMNS)
    for name in ("positions", "balances"):
        comment(name, MORE_UNIT_COLUMNS)
    for name in ("breaks", "open_breaks"):
        comment(name, MORE_BREAK_COLUMNS)
    for name, meaning, columns, of, unit, exchange, first, amounts in FIRM_VIEWS:
        firm(name, columns, of, unit, exchange, first, amounts)
        op.execute(f"COMMENT ON VIEW recon.{name} IS {literal(meaning)}")
        comment(name, columns)
    op.execute(
        "GRANT SELECT ON recon.catch_ups, recon.firm_balances, recon.firm_positions"
        " TO recon_analyst, recon_service, recon_operator"
    )


def downgrade() -> None:
    """Give back the views of before, with what they meant and who may read them."""
    changed = ("coverage", "accounts", "positions", "balances", "breaks", "open_breaks")
    told = told_of(changed)
    op.execute(
        "DROP VIEW recon.firm_balances, recon.firm_positions, recon.open_breaks, recon.breaks, recon.balances,"
        " recon.positions, recon.accounts, recon.coverage, recon.catch_ups"
    )
    view("coverage", COVERAGE_NAMES, f"{COVERAGE} FROM recon_store.coverage AS t {CURRENT}")
    view("accounts", ACCOUNT_NAMES, f"{ACCOUNTS} FROM recon_store.accounts AS t {CURRENT}")
    unit_views("", "", withheld=FORMER_WITHHELD)
    break_views("", "")
    more = {"recovery", "lasted", "venue_account", "gap"} | {name for name, _ in meanings(MORE_ACCOUNT_COLUMNS)}
    for name, meaning in told:
        if name.rpartition(".")[2] not in more:
            op.execute(f"COMMENT ON {name} IS {literal(meaning)}")
    op.execute(f"COMMENT ON COLUMN recon.coverage.state IS {literal(FORMER_COVERAGE_STATE)}")
    views = ", ".join(f"recon.{name}" for name in changed)
    op.execute(f"GRANT SELECT ON {views} TO recon_analyst, recon_service, recon_operator")
    op.execute(TABLES_DOWN)


def told_of(views: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what views and their columns mean, each with what it is told of."""
    rows = op.get_bind().execute(
        text(
            "SELECT CASE WHEN a.attname IS NULL THEN 'VIEW recon.' ELSE 'COLUMN recon.' END"
            " || c.relname || coalesce('.' || a.attname, ''), d.description"
            " FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass"
            " LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0"
            " WHERE c.relnamespace = 'recon'::regnamespace AND c.relname = ANY (:views)"
        ),
        {"views": list(views)},
    )
    return [(name, told) for name, told in rows]
