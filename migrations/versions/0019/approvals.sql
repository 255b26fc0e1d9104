CREATE VIEW recon.approvals AS
SELECT
    t.gateway,
    t.about,
    t.subject,
    t.account,
    t.unit,
    t.what,
    t.amount,
    t.digest,
    t.proposed_seq,
    t.proposed_at,
    t.proposed_by,
    t.proposer_authenticated,
    t.state,
    t.decided_seq,
    t.decided_at,
    t.decided_by,
    t.decider_authenticated,
    t.text
FROM (
    -- Breaks: each proposal, and the step that ended it.
    SELECT
        h.gateway,
        'break' AS about,
        h.id AS subject,
        b.account,
        b.unit,
        h.reason AS what,
        CASE WHEN (b.proposal ->> 'seq')::bigint = h.seq THEN (b.proposal ->> 'entry')::numeric END AS amount,
        coalesce(x.digest, p.digest, CASE WHEN (b.proposal ->> 'seq')::bigint = h.seq THEN b.proposal ->> 'digest' END)
            AS digest,
        h.seq AS proposed_seq,
        h.at AS proposed_at,
        p.login AS proposed_by,
        p.authenticated AS proposer_authenticated,
        CASE
            WHEN n.event IN ('approve', 'accept') THEN 'approved'
            WHEN n.event = 'reject' THEN 'rejected'
            WHEN n.event IS NULL AND b.state = 'proposed' THEN 'waiting'
            ELSE 'lapsed'
        END AS state,
        n.seq AS decided_seq,
        n.at AS decided_at,
        x.login AS decided_by,
        x.authenticated AS decider_authenticated,
        coalesce(x.text, p.text) AS text
    FROM recon_store.break_history AS h
    JOIN recon_store.editions AS c ON c.gateway = h.gateway AND c.edition = h.edition AND c.state = 'current'
    JOIN recon_store.breaks AS b ON (b.gateway, b.edition, b.id) = (h.gateway, h.edition, h.id)
    LEFT JOIN LATERAL (
        SELECT k.seq, k.at, k.event
        FROM recon_store.break_history AS k
        WHERE (k.gateway, k.edition, k.id) = (h.gateway, h.edition, h.id)
          AND (k.seq, k.number) > (h.seq, h.number)
          AND k.state <> 'proposed'
        ORDER BY k.seq, k.number
        LIMIT 1
    ) AS n ON true
    LEFT JOIN recon.decisions AS p ON (p.gateway, p.seq) = (h.gateway, h.seq)
    LEFT JOIN recon.decisions AS x ON (x.gateway, x.seq) = (h.gateway, n.seq)
    WHERE h.event = 'propose'
    UNION ALL
    -- Facts that needed a second person.
    SELECT
        w.gateway,
        'fact',
        w.external_id,
        w.account,
        coalesce(f.document ->> 'unit', f.document ->> 'symbol'),
        (f.document ->> 'fact') || ': ' || w.reason,
        coalesce(
            recon_store.number_of(f.document ->> 'amount'),
            recon_store.number_of(f.document ->> 'quantity') * CASE f.document ->> 'side' WHEN 'SELL' THEN -1 ELSE 1 END
        ),
        w.digest,
        w.seq,
        f.recorded_at,
        f.document -> 'by' ->> 'login',
        (f.document -> 'by' ->> 'authenticated')::boolean,
        w.state,
        w.decided_seq,
        x.at,
        x.login,
        x.authenticated,
        coalesce(x.text, f.document ->> 'text')
    FROM recon_store.waiting_facts AS w
    JOIN recon_store.editions AS c ON c.gateway = w.gateway AND c.edition = w.edition AND c.state = 'current'
    JOIN (
        SELECT e.gateway, e.seq, e.recorded_at, convert_from(e.payload, 'UTF8')::json AS document
        FROM recon_store.log_events AS e
        WHERE e.kind = 'fact' AND e.readable
    ) AS f ON (f.gateway, f.seq) = (w.gateway, w.seq)
    LEFT JOIN recon.decisions AS x ON (x.gateway, x.seq) = (w.gateway, w.decided_seq)
    UNION ALL
    -- Rules that loosen something.
    SELECT
        e.gateway,
        'rules',
        encode(sha256(e.payload), 'hex'),
        NULL,
        NULL,
        'rules that loosen something, by the settings of the service',
        NULL,
        encode(sha256(e.payload), 'hex'),
        e.seq,
        e.recorded_at,
        NULL,
        NULL,
        CASE
            WHEN x.action = 'approve_rules' THEN 'approved'
            WHEN x.action = 'reject_rules' THEN 'rejected'
            WHEN EXISTS (
                SELECT FROM recon_store.log_events AS l
                WHERE l.gateway = e.gateway AND l.kind IN ('rules', 'rules.proposed') AND l.seq > e.seq
            ) THEN 'lapsed'
            ELSE 'waiting'
        END,
        x.seq,
        x.at,
        x.login,
        x.authenticated,
        x.text
    FROM recon_store.log_events AS e
    LEFT JOIN LATERAL (
        SELECT d.action, d.seq, d.at, d.login, d.authenticated, d.text
        FROM recon.decisions AS d
        WHERE d.gateway = e.gateway
          AND d.seq > e.seq
          AND d.action IN ('approve_rules', 'reject_rules')
          AND d.rules_digest = encode(sha256(e.payload), 'hex')
        ORDER BY d.seq
        LIMIT 1
    ) AS x ON true
    WHERE e.kind = 'rules.proposed'
) AS t;

COMMENT ON VIEW recon.approvals IS
    'What needed or got a second person: who proposed it, who decided, and the digest that both are bound to';
COMMENT ON COLUMN recon.approvals.gateway IS 'The gateway whose log it is in';
COMMENT ON COLUMN recon.approvals.about IS 'break, fact or rules';
COMMENT ON COLUMN recon.approvals.subject IS
    'The break, as in breaks; the fact by its external id, as in facts; rules by their digest';
COMMENT ON COLUMN recon.approvals.account IS 'The account (EMS exchange_id); null: rules are of all accounts';
COMMENT ON COLUMN recon.approvals.unit IS 'The asset or contract; of a trade its symbol; null: rules';
COMMENT ON COLUMN recon.approvals.what IS 'What is proposed, in words';
COMMENT ON COLUMN recon.approvals.amount IS
    'What it would change, in the unit itself, signed; null: rules, or a proposal that a newer one has replaced';
COMMENT ON COLUMN recon.approvals.digest IS
    'SHA-256 in hex of what is decided; breaks that are decided together share one; null: none was named';
COMMENT ON COLUMN recon.approvals.proposed_seq IS 'Log position of the proposal';
COMMENT ON COLUMN recon.approvals.proposed_at IS 'Log time of the proposal';
COMMENT ON COLUMN recon.approvals.proposed_by IS
    'The login that proposed it, as the database saw it; null: rules come from the settings of the service';
COMMENT ON COLUMN recon.approvals.proposer_authenticated IS
    'Whether that login is one person''s own; null: rules';
COMMENT ON COLUMN recon.approvals.state IS
    'waiting, approved, rejected, or lapsed: something else happened first, such as a newer proposal';
COMMENT ON COLUMN recon.approvals.decided_seq IS 'Log position at which it was decided, or lapsed; null: it was not';
COMMENT ON COLUMN recon.approvals.decided_at IS 'Log time at which it was decided, or lapsed; null: it was not';
COMMENT ON COLUMN recon.approvals.decided_by IS
    'The login that decided, as the database saw it; null: nobody did';
COMMENT ON COLUMN recon.approvals.decider_authenticated IS
    'Whether that login is one person''s own; null: nobody decided';
COMMENT ON COLUMN recon.approvals.text IS 'What the one who decided wrote, else the proposer; null: nothing';

GRANT SELECT ON recon.approvals TO recon_analyst, recon_service, recon_operator;
