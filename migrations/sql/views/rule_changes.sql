CREATE VIEW recon.rule_changes AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.kind = 'rules.proposed' AS needs_approval,
    encode(sha256(e.payload), 'hex') AS digest,
    m.message AS rules
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind IN ('rules', 'rules.proposed');

COMMENT ON VIEW recon.rule_changes IS
    'The rules that recon reconciles by, each time they changed; the newest that needs no approval or has one '
    'decides';
COMMENT ON COLUMN recon.rule_changes.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.rule_changes.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.rule_changes.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.rule_changes.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.rule_changes.needs_approval IS
    'Whether they loosen something, so that a second person decides; see approvals';
COMMENT ON COLUMN recon.rule_changes.digest IS 'SHA-256 of the rules in hex: an approval names it';
COMMENT ON COLUMN recon.rule_changes.rules IS 'The rules as JSON';

GRANT SELECT ON recon.rule_changes TO recon_analyst, recon_service, recon_operator;
