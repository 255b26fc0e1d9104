CREATE VIEW recon.decisions AS
SELECT
    t.gateway,
    t.seq,
    t.recorded_at AS at,
    t.document -> 'by' ->> 'login' AS login,
    (t.document -> 'by' ->> 'authenticated')::boolean AS authenticated,
    t.document -> 'by' ->> 'name' AS name,
    t.document ->> 'action' AS action,
    t.document -> 'breaks' AS breaks,
    t.document ->> 'text' AS text,
    t.document ->> 'assignee' AS assignee,
    t.document ->> 'cause' AS cause,
    t.document ->> 'entry' AS entry,
    t.document -> 'evidence' AS evidence,
    t.document ->> 'digest' AS digest,
    t.document ->> 'until' AS until,
    t.document ->> 'amount' AS amount,
    t.account,
    t.document ->> 'order' AS order_key,
    t.document ->> 'outcome' AS outcome,
    t.document ->> 'rules_digest' AS rules_digest,
    t.document -> 'facts' AS facts
FROM (
    SELECT
        e.gateway,
        e.seq,
        e.recorded_at,
        e.account,
        -- The CASE keeps any other payload from being read at all.
        CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END AS document
    FROM recon_store.log_events AS e
    WHERE e.kind = 'decision'
) AS t;

COMMENT ON VIEW recon.decisions IS 'What people decided, as it stands in the log';
COMMENT ON COLUMN recon.decisions.gateway IS 'The gateway whose log it is in';
COMMENT ON COLUMN recon.decisions.seq IS
    'Log position; what came of it stands in break_history, or in findings where it was refused';
COMMENT ON COLUMN recon.decisions.at IS 'Log time';
COMMENT ON COLUMN recon.decisions.login IS 'The login that the database saw';
COMMENT ON COLUMN recon.decisions.authenticated IS
    'Whether the login is one person''s own; if not, name is only asserted';
COMMENT ON COLUMN recon.decisions.name IS 'The name given under the login; null: none';
COMMENT ON COLUMN recon.decisions.action IS
    'assign, comment, investigate, propose, approve, reject, accept, reopen, settle_order, settle_gap, '
    'approve_rules, reject_rules, approve_facts or reject_facts';
COMMENT ON COLUMN recon.decisions.breaks IS
    'The breaks that it is about, as a JSON list of ids; null: it is about none';
COMMENT ON COLUMN recon.decisions.text IS 'The reason, as written; null: none';
COMMENT ON COLUMN recon.decisions.assignee IS 'assign: to whom';
COMMENT ON COLUMN recon.decisions.cause IS 'propose: the cause';
COMMENT ON COLUMN recon.decisions.entry IS
    'propose: the entry that would explain it, in the unit itself, as text; null: as large as each break';
COMMENT ON COLUMN recon.decisions.evidence IS 'propose: a JSON list of text; null: none';
COMMENT ON COLUMN recon.decisions.digest IS
    'propose: the digest of what is proposed; approve, reject, approve_facts, reject_facts: the one that is meant';
COMMENT ON COLUMN recon.decisions.until IS 'accept: until when, UTC';
COMMENT ON COLUMN recon.decisions.amount IS 'accept: up to which drift, as text; null: as large as each break';
COMMENT ON COLUMN recon.decisions.account IS 'settle_order: the account; null: it is about breaks';
COMMENT ON COLUMN recon.decisions.order_key IS 'settle_order: the order, as in orders';
COMMENT ON COLUMN recon.decisions.outcome IS 'settle_order: what became of it, as the person says';
COMMENT ON COLUMN recon.decisions.rules_digest IS
    'approve_rules, reject_rules: the SHA-256 of the rules that are meant, in hex';
COMMENT ON COLUMN recon.decisions.facts IS
    'approve_facts, reject_facts: the log positions of the facts, as a JSON list; null: it is about none';

GRANT SELECT ON recon.decisions TO recon_analyst, recon_service, recon_operator;
