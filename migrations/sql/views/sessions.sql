CREATE VIEW recon.sessions AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.session,
    substr(e.kind, 9) AS event,
    m.message ->> 'url' AS url,
    recon_store.whole_of(m.message ->> 'site') AS site,
    m.message ->> 'reason' AS reason,
    recon_store.whole_of(m.message ->> 'code') AS code,
    m.message ->> 'detail' AS detail
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind IN ('session.opened', 'session.closed', 'session.failed');

COMMENT ON VIEW recon.sessions IS 'Connections with the gateway: when one began, ended, or could not be made';
COMMENT ON COLUMN recon.sessions.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.sessions.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.sessions.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.sessions.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.sessions.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.sessions.event IS 'opened, closed, or failed: no session came of it';
COMMENT ON COLUMN recon.sessions.url IS 'The address, without anything secret';
COMMENT ON COLUMN recon.sessions.site IS 'The place of the address in the settings, from 0; null: not told';
COMMENT ON COLUMN recon.sessions.reason IS 'Why it ended or failed; null: it was opened';
COMMENT ON COLUMN recon.sessions.code IS 'The code of the WebSocket''s close; null: none';
COMMENT ON COLUMN recon.sessions.detail IS 'More about the reason; null or empty: nothing';

GRANT SELECT ON recon.sessions TO recon_analyst, recon_service, recon_operator;
