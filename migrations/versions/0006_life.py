"""The life of a break: what people decide, who they are, and what needs two of them.

Revision ID: 0006
Revises: 0005
"""

from alembic import op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: What words with an @ stand for in the statements below.
WORDS = {
    # States of a break that still owns its residual.
    "@active": "('open', 'assigned', 'investigating', 'proposed', 'accepted')",
    # Of every folded table only the current edition is shown.
    "@current": "JOIN recon_store.editions AS c"
    " ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current'",
    # A decision read as JSON; the CASE keeps any other payload from being read at all.
    "@decision": "CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END",
    "@arguments": "text, uuid, bigint, bigint, text[], text[], text[], bigint[], boolean[], bytea[]",
}

TABLES = """
ALTER TABLE recon_store.breaks
    ADD COLUMN assignee text,
    ADD COLUMN origin_at timestamptz,
    ADD COLUMN evidence jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN tried jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN proposal jsonb,
    ADD COLUMN accepted_until timestamptz,
    ADD COLUMN accepted_amount numeric,
    ADD COLUMN severity text,
    ADD COLUMN explained_amount numeric NOT NULL DEFAULT 0;
UPDATE recon_store.breaks SET origin_at = opened_at;
ALTER TABLE recon_store.breaks ALTER COLUMN origin_at SET NOT NULL;
DROP INDEX recon_store.ix_breaks_open;
CREATE INDEX ix_breaks_active ON recon_store.breaks (gateway, edition) WHERE state IN @active;
ALTER TABLE recon_store.break_history ADD COLUMN actor text;
ALTER TABLE recon_store.entries ADD COLUMN leg numeric NOT NULL DEFAULT 0;
DROP INDEX recon_store.ix_log_events_rules;
CREATE INDEX ix_log_events_rules ON recon_store.log_events (gateway, seq) WHERE kind IN ('rules', 'rules.proposed');
CREATE INDEX ix_log_events_decisions ON recon_store.log_events (gateway, seq) WHERE kind = 'decision';
"""

TABLES_DOWN = """
DROP INDEX recon_store.ix_log_events_decisions;
DROP INDEX recon_store.ix_log_events_rules;
CREATE INDEX ix_log_events_rules ON recon_store.log_events (gateway, seq) WHERE kind = 'rules';
ALTER TABLE recon_store.entries DROP COLUMN leg;
ALTER TABLE recon_store.break_history DROP COLUMN actor;
DROP INDEX recon_store.ix_breaks_active;
CREATE INDEX ix_breaks_open ON recon_store.breaks (gateway, edition) WHERE state = 'open';
ALTER TABLE recon_store.breaks
    DROP COLUMN assignee, DROP COLUMN origin_at, DROP COLUMN evidence, DROP COLUMN tried, DROP COLUMN proposal,
    DROP COLUMN accepted_until, DROP COLUMN accepted_amount, DROP COLUMN severity, DROP COLUMN explained_amount;
"""

# What append did is done by append_any, which nobody may call but append and decide: who a decision or a fact comes
# from is the database's word, so there is no other way for one into the log.
APPEND = """
ALTER FUNCTION recon_store.append(@arguments) RENAME TO append_any;
REVOKE ALL ON FUNCTION recon_store.append_any FROM PUBLIC, recon_service;
CREATE FUNCTION recon_store.append(
    p_gateway text, p_writer uuid, p_batch bigint, p_now_us bigint,
    p_kinds text[], p_accounts text[], p_sessions text[], p_received_us bigint[], p_redacted boolean[],
    p_payloads bytea[],
    OUT first_seq bigint, OUT last_seq bigint, OUT recorded_us bigint, OUT repeated boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_kinds && ARRAY['decision', 'fact'] THEN
        RAISE EXCEPTION 'decisions and facts are recorded by recon_store.decide, which tells who they come from'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT a.first_seq, a.last_seq, a.recorded_us, a.repeated INTO first_seq, last_seq, recorded_us, repeated
        FROM recon_store.append_any(p_gateway, p_writer, p_batch, p_now_us, p_kinds, p_accounts, p_sessions,
                                    p_received_us, p_redacted, p_payloads) AS a;
END $$;
COMMENT ON FUNCTION recon_store.append IS
    'The way into the log for everything but what people decide or tell: numbers, stamps, digests and commits one'
    ' named batch, or returns its earlier result';
COMMENT ON FUNCTION recon_store.append_any IS 'What append and decide have in common; for nobody else';
REVOKE ALL ON FUNCTION recon_store.append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION recon_store.append TO recon_service;
"""

APPEND_DOWN = """
DROP FUNCTION recon_store.append(@arguments);
ALTER FUNCTION recon_store.append_any(@arguments) RENAME TO append;
COMMENT ON FUNCTION recon_store.append IS
    'The only way into the log: numbers, stamps, digests and commits one named batch, or returns its earlier result';
GRANT EXECUTE ON FUNCTION recon_store.append TO recon_service;
"""

RULES = """
CREATE FUNCTION recon_store.rules_in_force(p_gateway text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.payload FROM recon_store.log_events AS r
    WHERE r.gateway = p_gateway AND r.kind IN ('rules', 'rules.proposed') AND (r.kind = 'rules' OR EXISTS (
        SELECT FROM recon_store.log_events AS e
        WHERE e.gateway = r.gateway AND e.kind = 'decision' AND e.seq > r.seq
          AND @decision @> jsonb_build_object('action', 'approve_rules',
                                               'rules_digest', encode(sha256(r.payload), 'hex'))))
    ORDER BY r.seq DESC LIMIT 1
$$;
COMMENT ON FUNCTION recon_store.rules_in_force IS
    'The rules that decide for a gateway at the end of its log; null: none';

CREATE FUNCTION recon_store.rules_waiting(p_gateway text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.payload FROM (
        SELECT l.seq, l.kind, l.payload FROM recon_store.log_events AS l
        WHERE l.gateway = p_gateway AND l.kind IN ('rules', 'rules.proposed') ORDER BY l.seq DESC LIMIT 1
    ) AS r
    WHERE r.kind = 'rules.proposed' AND NOT EXISTS (
        SELECT FROM recon_store.log_events AS e
        WHERE e.gateway = p_gateway AND e.kind = 'decision' AND e.seq > r.seq
          AND @decision ->> 'action' IN ('approve_rules', 'reject_rules'))
$$;
COMMENT ON FUNCTION recon_store.rules_waiting IS
    'The rules that loosen something and wait for a person to decide; null: none';

CREATE FUNCTION recon_store.account_rules(p_gateway text, p_account text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(r.rules -> 'accounts' -> p_account, r.rules -> 'defaults', '{}'::jsonb)
    FROM (SELECT convert_from(recon_store.rules_in_force(p_gateway), 'UTF8')::jsonb AS rules) AS r
$$;
COMMENT ON FUNCTION recon_store.account_rules IS 'The rules in force for one account, as JSON; {}: none are logged';
"""

# As recon.reconciliation.breaks.approval, as far as the current edition has come; the fold decides in the end. What
# is asked of is what stands in the log, and in tables that no operator can write.
MATERIAL = """
CREATE FUNCTION recon_store.is_material(p_gateway text, p_breaks text[], p_now_us bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH known AS MATERIALIZED (
        SELECT t.* FROM recon_store.breaks AS t @current WHERE t.gateway = p_gateway
    ), named AS (
        SELECT k.*, k.amount_usd * coalesce((k.proposal ->> 'entry')::numeric / nullif(k.amount, 0), 1) AS entry_usd
        FROM known AS k WHERE k.id = ANY (p_breaks)
    ), accounts AS (
        SELECT n.account, coalesce((r.rules ->> 'material_usd')::numeric, 10000) AS most,
               coalesce((r.rules ->> 'cutoff_minute')::bigint, 0) * 60000000 AS cutoff_us
        FROM (SELECT DISTINCT account FROM named) AS n
        CROSS JOIN LATERAL (SELECT recon_store.account_rules(p_gateway, n.account) AS rules) AS r
    ), cases AS (
        SELECT bool_or(k.amount_usd IS NULL) OR sum(abs(k.amount_usd)) > a.most AS material
        FROM known AS k JOIN accounts AS a USING (account)
        WHERE k.state IN @active AND (k.account, k.case_id) IN (SELECT n.account, n.case_id FROM named AS n)
        GROUP BY k.account, k.case_id, a.most
    ), days AS (
        SELECT sum(abs(coalesce(d.usd, 0))) > a.most AS material
        FROM accounts AS a CROSS JOIN LATERAL (
            SELECT n.entry_usd AS usd FROM named AS n WHERE n.account = a.account
            UNION ALL
            SELECT k.amount_usd FROM known AS k WHERE k.account = a.account AND k.state = 'resolved'
              AND ((extract(epoch FROM k.closed_at) * 1000000)::bigint - a.cutoff_us) / 86400000000
                  = (p_now_us - a.cutoff_us) / 86400000000
        ) AS d GROUP BY a.account, a.most
    )
    SELECT (SELECT count(*) FROM named) < cardinality(p_breaks)
        OR coalesce((SELECT bool_or(material) FROM cases), true)
        OR coalesce((SELECT bool_or(material) FROM days), true)
$$;
COMMENT ON FUNCTION recon_store.is_material IS
    'Whether approving these breaks needs a second person: by the case, or by what is approved of an account in its'
    ' business day; what has no USD value, or is not folded yet, is material';
"""

DECIDE = """
CREATE FUNCTION recon_store.who(p_name text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('login', session_user, 'name', p_name, 'authenticated',
        session_user NOT IN ('recon_owner', 'recon_service', 'recon_analyst', 'recon_operator')
        AND NOT pg_has_role(session_user, 'recon_service', 'MEMBER')
        AND NOT pg_has_role(session_user, 'recon_owner', 'MEMBER'))
$$;
COMMENT ON FUNCTION recon_store.who IS
    'Who is speaking, as a decision or a fact keeps it: a login of recon''s own, or one that may act as it, is shared,'
    ' and the name given with it is only asserted';

CREATE FUNCTION recon_store.proposers(p_gateway text, p_breaks text[], p_digest text) RETURNS SETOF jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH proposals AS MATERIALIZED (
        SELECT d.seq, d.document FROM (
            SELECT e.seq, @decision AS document FROM recon_store.log_events AS e
            WHERE e.gateway = p_gateway AND e.kind = 'decision'
        ) AS d
        WHERE d.document ->> 'action' = 'propose' AND d.document -> 'breaks' ?| p_breaks
    )
    SELECT p.document -> 'by' FROM proposals AS p WHERE p.document ->> 'digest' = p_digest
    UNION ALL
    SELECT l.by FROM unnest(p_breaks) AS n(id) CROSS JOIN LATERAL (
        SELECT p.document -> 'by' AS by FROM proposals AS p
        WHERE p.document -> 'breaks' ? n.id ORDER BY p.seq DESC LIMIT 1
    ) AS l
    WHERE NOT EXISTS (SELECT FROM proposals AS p WHERE p.document ->> 'digest' = p_digest)
$$;
COMMENT ON FUNCTION recon_store.proposers IS
    'Who proposed what is to be approved: under its digest, or, where breaks that were proposed one by one are approved'
    ' together, the latest of each';

CREATE FUNCTION recon_store.check_decision(p_gateway text, p_decision jsonb, p_by jsonb, p_now_us bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_action  text := p_decision ->> 'action';
    v_shared  boolean := NOT (p_by ->> 'authenticated')::boolean;
    v_login   text := p_by ->> 'login';
    v_waiting text;
    v_breaks  text[];
    v_by      jsonb;
BEGIN
    IF v_action IN ('approve_rules', 'reject_rules') THEN
        v_waiting := encode(sha256(recon_store.rules_waiting(p_gateway)), 'hex');
        IF v_waiting IS DISTINCT FROM p_decision ->> 'rules_digest' THEN
            RAISE EXCEPTION 'the rules of gateway % that wait have the digest %, not %', p_gateway,
                coalesce(v_waiting, '(none wait)'), p_decision ->> 'rules_digest'
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        IF v_action = 'approve_rules' AND v_shared THEN
            RAISE EXCEPTION 'rules that loosen something are approved by a person: % is a login that people share',
                v_login USING ERRCODE = 'insufficient_privilege';
        END IF;
    ELSIF v_action = 'approve' THEN
        IF jsonb_typeof(p_decision -> 'breaks') IS DISTINCT FROM 'array' THEN
            RAISE EXCEPTION 'an approval names breaks' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        v_breaks := ARRAY(SELECT DISTINCT b FROM jsonb_array_elements_text(p_decision -> 'breaks') AS b);
        IF NOT recon_store.is_material(p_gateway, v_breaks, p_now_us) THEN
            RETURN;
        END IF;
        IF v_shared THEN
            RAISE EXCEPTION 'this is material, so two people decide, each by a login of their own: % is shared', v_login
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        FOR v_by IN SELECT * FROM recon_store.proposers(p_gateway, v_breaks, p_decision ->> 'digest') LOOP
            IF NOT (v_by ->> 'authenticated')::boolean THEN
                RAISE EXCEPTION 'this is material, and was proposed under %, a login that people share; propose it'
                    ' again by a login of your own', v_by ->> 'login' USING ERRCODE = 'insufficient_privilege';
            ELSIF v_by ->> 'login' = v_login THEN
                RAISE EXCEPTION 'this is material, and % proposed it: somebody else approves it', v_login
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
        END LOOP;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'nothing was proposed for these breaks' USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION recon_store.check_decision IS 'Refuses a decision that needs another person than who takes it';

CREATE FUNCTION recon_store.decide(
    p_gateway text, p_writer uuid, p_batch bigint, p_now_us bigint, p_kind text,
    p_payloads text[], p_accounts text[], p_name text,
    OUT first_seq bigint, OUT last_seq bigint, OUT recorded_us bigint, OUT repeated boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count    integer := coalesce(cardinality(p_payloads), 0);
    v_by       jsonb := recon_store.who(p_name);
    v_document jsonb;
    v_payloads bytea[];
    v_accounts text[];
    v_repeated boolean;
BEGIN
    IF p_kind IS NULL OR p_kind NOT IN ('decision', 'fact') THEN
        RAISE EXCEPTION 'people record decisions and facts, not %', p_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF v_count = 0 OR cardinality(p_accounts) IS DISTINCT FROM v_count THEN
        RAISE EXCEPTION 'batch % of writer % needs an account, or null, for each of its payloads', p_batch, p_writer
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Append locks the same row: what is looked at here is still so when the decision is in the log.
    PERFORM 1 FROM recon_store.log_gateways AS g WHERE g.gateway = p_gateway FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no log of gateway %', p_gateway USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A retried batch returns its earlier result, whatever has been decided since.
    v_repeated := EXISTS (SELECT FROM recon_store.log_batches AS b
        WHERE b.gateway = p_gateway AND b.writer = p_writer AND b.batch = p_batch);
    FOR i IN 1 .. v_count LOOP
        v_document := p_payloads[i]::jsonb;
        IF jsonb_typeof(v_document) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION 'payload % of batch % is no JSON object', i, p_batch
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
        v_document := v_document - 'by';
        IF p_kind = 'decision' AND NOT v_repeated THEN
            PERFORM recon_store.check_decision(p_gateway, v_document, v_by, p_now_us);
        END IF;
        v_payloads[i] := convert_to((v_document || jsonb_build_object('by', v_by))::text, 'UTF8');
        v_accounts[i] := coalesce(v_document ->> 'account', p_accounts[i]);
    END LOOP;
    SELECT a.first_seq, a.last_seq, a.recorded_us, a.repeated INTO first_seq, last_seq, recorded_us, repeated
        FROM recon_store.append_any(
            p_gateway, p_writer, p_batch, p_now_us, array_fill(p_kind, ARRAY[v_count]), v_accounts,
            array_fill(NULL::text, ARRAY[v_count]), array_fill(p_now_us, ARRAY[v_count]),
            array_fill(false, ARRAY[v_count]), v_payloads) AS a;
END $$;
COMMENT ON FUNCTION recon_store.decide IS
    'The way into the log for what people decide or tell: puts who they are into each payload, refuses what needs'
    ' another person, and appends one named batch, or returns its earlier result';
"""

#: In the order in which they depend on each other.
FUNCTIONS = (
    "rules_in_force(text)",
    "rules_waiting(text)",
    "account_rules(text, text)",
    "is_material(text, text[], bigint)",
    "who(text)",
    "proposers(text, text[], text)",
    "check_decision(text, jsonb, jsonb, bigint)",
    "decide(text, uuid, bigint, bigint, text, text[], text[], text)",
)

# As in 0004, but that every active break counts as open.
UNITS = """
FROM recon_store.units AS u
JOIN recon_store.editions AS c ON c.gateway = u.gateway AND c.edition = u.edition AND c.state = 'current'
LEFT JOIN recon_store.accounts AS a ON (a.gateway, a.edition, a.account) = (u.gateway, u.edition, u.account)
LEFT JOIN recon_store.comparisons AS o
    ON (o.gateway, o.edition, o.account, o.unit_kind, o.unit)
     = (u.gateway, u.edition, u.account, u.unit_kind, u.unit)
LEFT JOIN (
    SELECT k.gateway, k.edition, k.account, k.unit_kind, k.unit, count(*) AS open FROM recon_store.breaks AS k
    WHERE k.state IN @active GROUP BY k.gateway, k.edition, k.account, k.unit_kind, k.unit
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
FIGURES = "u.opening, n.fills, u.opening + n.fills, n.explained, o.reported"
DRIFT = "o.reported - (u.opening + n.fills), o.reported - (u.opening + n.fills) - n.explained, n.in_flight"
REASON = """
    CASE v.verdict WHEN 'unmodelled' THEN u.unmodelled WHEN 'stale' THEN n.stale END,
    CASE WHEN o.reported IS NOT NULL THEN o.inferred END, coalesce(b.open, 0)"""
FIGURE_NAMES = "opening, fills, expected, explained, reported"
VERDICT_NAMES = "verdict, observed_at, cut_seq, last_seq, reason, inferred, open_breaks"

#: Views that show units; their columns are those of 0004.
POSITION_NAMES = (
    f"gateway, account, symbol, symbol_coinapi, quantity, long, short, {FIGURE_NAMES}, drift, unexplained,"
    f" in_flight, avg_entry_price, reported_avg_entry_price, {VERDICT_NAMES}"
)
POSITIONS = f"""
    SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, u.long, u.short, {FIGURES}, {DRIFT},
           u.avg_entry_price, u.reported_avg_entry_price, v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}
    {UNITS} WHERE u.unit_kind = 'contract'
"""
BALANCE_NAMES = (
    f"gateway, account, asset, asset_coinapi, balance, {FIGURE_NAMES}, available, locked, drift, unexplained,"
    f" in_flight, rate_usd, {VERDICT_NAMES}"
)
BALANCES = f"""
    SELECT u.gateway, u.account, u.unit, u.coinapi, u.value, {FIGURES}, u.available, u.locked, {DRIFT},
           u.rate_usd, v.verdict, o.observed_at, o.cut_seq, u.last_seq, {REASON}
    {UNITS} WHERE u.unit_kind = 'asset'
"""
UNIT_VIEWS = (("positions", POSITION_NAMES, POSITIONS), ("balances", BALANCE_NAMES, BALANCES))

BREAK_NAMES = (
    "id, case_id, gateway, account, unit_kind, unit, cause, certainty, state, amount, amount_usd, opened_at, closed_at,"
    " after_seq, until_seq, occurrences, note, candidates, owns_residual, offset_by, rules_version"
)
BREAKS = """
SELECT t.id, t.case_id, t.gateway, t.account, t.unit_kind, t.unit, t.cause, t.certainty, t.state, t.amount,
       t.amount_usd, t.opened_at, t.closed_at, t.after_seq, t.until_seq, t.occurrences, t.note, t.candidates,
       t.owns_residual, t.offset_by, t.rules_version"""
MORE_BREAK_COLUMNS = """
assignee | Who is to look after it, as the person who assigned it wrote; null: nobody
origin_at | Log time of the first report that shows it; its age counts from here
evidence | What the cause rests on, as a JSON list of {text, seq, amount}; seq is a log position or null
tried | The causes that were considered, as a JSON list of {cause, fits, why}
proposal | What is proposed, or was approved, as JSON {digest, cause, entry, evidence, login, authenticated, seq};
    null: nothing
accepted_until | Log time until which it is accepted; null: it is not
accepted_amount | The drift up to which it is accepted, not negative; null: it is not
severity | info, low, medium, high or critical, as of its latest step; null: not judged
explained_amount | What entries explain of it since it last opened, signed like amount; 0: nothing. While it is open,
    amount is what is left
"""
BREAK_COLUMNS = """
cause | The surest cause that fits; unexplained: none does, see tried
certainty | exact: the arithmetic, a fact or a person leaves no other reading; inferred: within stated limits;
    candidate: one reading of several
state | pending: it may still be a race; open, assigned, investigating, proposed, accepted: it owns a part of the
    drift; explained: by a fact; resolved: by an approved proposal; cleared: by later data; dismissed: it was a race,
    or part of another break
amount | The step, reported minus expected, in the unit itself, signed; while part of it is explained, what is left
closed_at | Log time at which it was over; null: it is not
"""
HISTORY_NAMES = "gateway, id, seq, number, at, event, state, amount, cause, reason"
HISTORY = "SELECT t.gateway, t.id, t.seq, t.number, t.at, t.event, t.state, t.amount, t.cause, t.reason"
HISTORY_COLUMNS = """
event | What happened. Derived: pending, opened, cleared, dismissed, offset, caused, explained, reduced, expired;
    decided by people: assign, comment, investigate, propose, approve, reject, accept, reopen
actor | Who decided it, where a person did, as the database knows them; null: derived from data
"""

CASES = """
SELECT t.case_id, t.gateway, array_agg(DISTINCT t.account ORDER BY t.account), count(*),
       count(*) FILTER (WHERE t.state IN @active),
       CASE WHEN count(*) = count(t.amount_usd) THEN sum(abs(t.amount_usd)) END,
       (array_agg(t.cause ORDER BY t.after_seq, t.id))[1],
       (array_agg(t.state ORDER BY array_position(
            ARRAY['open', 'assigned', 'investigating', 'proposed', 'accepted', 'resolved', 'explained', 'cleared'],
            t.state)))[1],
       min(t.opened_at),
       (array_agg(t.severity ORDER BY array_position(
            ARRAY['info', 'low', 'medium', 'high', 'critical'], t.severity) DESC NULLS LAST))[1]
FROM recon_store.breaks AS t @current
WHERE t.state NOT IN ('pending', 'dismissed') GROUP BY t.case_id, t.gateway
"""
CASE_COLUMNS = """
case_id | The case: breaks of one common cause, which alerts and people act on
gateway | The gateway
accounts | The accounts (EMS exchange_id) that its breaks are of
breaks | How many breaks it has, open or over
open_breaks | How many of them are open, in whatever state of being worked on
amount_usd | Sum of the sizes of its breaks, in USD, not negative; null: of one of them no rate is known (not zero)
cause | The cause of its first break
state | That of the break that has come least far
opened_at | Log time at which the first of them opened
severity | The highest of its breaks; null: not judged
"""
DECISIONS = """
SELECT t.gateway, t.seq, t.recorded_at, t.by ->> 'login', (t.by ->> 'authenticated')::boolean, t.by ->> 'name',
       t.document ->> 'action', t.document -> 'breaks', t.document ->> 'text', t.document ->> 'assignee',
       t.document ->> 'cause', t.document ->> 'entry', t.document -> 'evidence', t.document ->> 'digest',
       t.document ->> 'until', t.document ->> 'amount', t.account, t.document ->> 'order', t.document ->> 'outcome',
       t.document ->> 'rules_digest'
FROM (
    SELECT e.gateway, e.seq, e.recorded_at, e.account, d.document, d.document -> 'by' AS by
    FROM recon_store.log_events AS e CROSS JOIN LATERAL (SELECT @decision AS document) AS d
    WHERE e.kind = 'decision'
) AS t
"""
DECISION_COLUMNS = """
gateway | The gateway whose log it is in
seq | Log position; what came of it stands in break_history, or in findings where it was refused
at | Log time
login | The login that the database saw
authenticated | Whether the login is one person's own; if not, name is only asserted
name | The name given under the login; null: none
action | assign, comment, investigate, propose, approve, reject, accept, reopen, settle_order, approve_rules or
    reject_rules
breaks | The breaks that it is about, as a JSON list of ids; null: it is about none
text | The reason, as written; null: none
assignee | assign: to whom
cause | propose: the cause
entry | propose: the entry that would explain it, in the unit itself, as text; null: as large as each break
evidence | propose: a JSON list of text; null: none
digest | propose: the digest of what is proposed; approve, reject: the one that is meant
until | accept: until when, UTC
amount | accept: up to which drift, as text; null: as large as each break
account | settle_order: the account; null: it is about breaks
order_key | settle_order: the order, as in orders
outcome | settle_order: what became of it, as the person says
rules_digest | approve_rules, reject_rules: the SHA-256 of the rules that are meant, in hex
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


def run(statement: str, **others: str) -> None:
    """Execute a statement with its words filled in; `others` replace them."""
    for word, meaning in (WORDS | {f"@{name}": meaning for name, meaning in others.items()}).items():
        statement = statement.replace(word, meaning)
    op.execute(statement)


def comment(view: str, columns: str) -> None:
    for name, told in meanings(columns):
        op.execute(f"COMMENT ON COLUMN recon.{view}.{name} IS {literal(told)}")


def literal(told: str) -> str:
    # A quote is doubled, and a colon never begins a parameter.
    return "'" + told.replace("'", "''").replace(":", "\\:") + "'"


def told_of(views: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what views and their columns mean, each with what it is told of."""
    rows = op.get_bind().execute(
        text(
            "SELECT 'VIEW recon.' || c.relname || coalesce('.' || a.attname, ''), d.description"
            " FROM pg_description AS d JOIN pg_class AS c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass"
            " LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0"
            " WHERE c.relnamespace = 'recon'::regnamespace AND c.relname = ANY (:views)"
        ),
        {"views": list(views)},
    )
    return [(name.replace("VIEW", "COLUMN") if name.count(".") > 1 else name, told) for name, told in rows]


def view(name: str, names: str, query: str, **words: str) -> None:
    run(f"CREATE OR REPLACE VIEW recon.{name} ({names}) AS {query}", **words)


def names_of(columns: str) -> str:
    return ", ".join(name for name, _ in meanings(columns))


def upgrade() -> None:
    for statement in (TABLES, APPEND, RULES, MATERIAL, DECIDE):
        run(statement)
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION recon_store.{function} FROM PUBLIC")
    for function in ("decide", "rules_in_force", "rules_waiting"):
        op.execute(f"GRANT EXECUTE ON FUNCTION recon_store.{function} TO recon_service, recon_operator")
    for name, names, query in UNIT_VIEWS:
        view(name, names, query)
    columns = names_of(MORE_BREAK_COLUMNS)
    more = ", ".join(f"t.{name.strip()}" for name in columns.split(","))
    view("breaks", f"{BREAK_NAMES}, {columns}", f"{BREAKS}, {more} FROM recon_store.breaks AS t @current")
    view("open_breaks", f"{BREAK_NAMES}, {columns}", "SELECT * FROM recon.breaks AS b WHERE b.state IN @active")
    view("break_history", f"{HISTORY_NAMES}, actor", f"{HISTORY}, t.actor FROM recon_store.break_history AS t @current")
    view("cases", names_of(CASE_COLUMNS), CASES)
    view("decisions", names_of(DECISION_COLUMNS), DECISIONS)
    for name in ("breaks", "open_breaks"):
        comment(name, BREAK_COLUMNS)
        comment(name, MORE_BREAK_COLUMNS)
    comment("break_history", HISTORY_COLUMNS)
    comment("cases", CASE_COLUMNS)
    comment("decisions", DECISION_COLUMNS)
    op.execute("COMMENT ON VIEW recon.open_breaks IS 'The breaks that are open now, whoever works on them'")
    op.execute("COMMENT ON VIEW recon.cases IS 'Breaks of one common cause: what alerts and people act on'")
    op.execute("COMMENT ON VIEW recon.decisions IS 'What people decided, as it stands in the log'")
    op.execute("GRANT SELECT ON recon.cases, recon.decisions TO recon_analyst, recon_service")
    op.execute("GRANT USAGE ON SCHEMA recon_store, recon TO recon_operator")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA recon TO recon_operator")
    op.execute("GRANT SELECT ON recon_store.alembic_version TO recon_operator")


def downgrade() -> None:
    told = told_of(("breaks", "open_breaks", "break_history"))
    op.execute("DROP VIEW recon.decisions, recon.cases, recon.open_breaks, recon.breaks, recon.break_history")
    for name, names, query in UNIT_VIEWS:
        view(name, names, query, active="('open')")
    view("breaks", BREAK_NAMES, f"{BREAKS} FROM recon_store.breaks AS t @current")
    view("open_breaks", BREAK_NAMES, "SELECT * FROM recon.breaks AS b WHERE b.state = 'open'")
    view("break_history", HISTORY_NAMES, f"{HISTORY} FROM recon_store.break_history AS t @current")
    more = {name for name, _ in meanings(MORE_BREAK_COLUMNS)} | {"actor"}
    for name, meaning in told:
        if name.rpartition(".")[2] not in more:
            op.execute(f"COMMENT ON {name} IS {literal(meaning)}")
    op.execute("GRANT SELECT ON recon.breaks, recon.open_breaks, recon.break_history TO recon_analyst, recon_service")
    for function in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION recon_store.{function}")
    run(APPEND_DOWN)
    op.execute(TABLES_DOWN)
    op.execute("REVOKE ALL ON ALL TABLES IN SCHEMA recon, recon_store FROM recon_operator")
    op.execute("REVOKE USAGE ON SCHEMA recon, recon_store FROM recon_operator")
