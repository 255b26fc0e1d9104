CREATE VIEW recon.refused_events AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    recon_store.whole_of(m.message ->> 'seq') AS refused_seq,
    recon_store.whole_of(m.message ->> 'fold_version') AS fold_version,
    m.message ->> 'reason' AS reason
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'event.refused';

COMMENT ON VIEW recon.refused_events IS 'Events that the fold leaves out, because a step failed on them';
COMMENT ON COLUMN recon.refused_events.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.refused_events.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.refused_events.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.refused_events.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.refused_events.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.refused_events.refused_seq IS 'Log position of the event that is left out';
COMMENT ON COLUMN recon.refused_events.fold_version IS
    'The version of the fold that leaves it out; a later one folds it';
COMMENT ON COLUMN recon.refused_events.reason IS 'Why, in words';

GRANT SELECT ON recon.refused_events TO recon_analyst, recon_service, recon_operator;
