CREATE VIEW recon.heartbeats AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    h.account,
    recon_store.whole_of(h.beat ->> 'count') AS beats,
    recon_store.moment_of(h.beat ->> 'last_us') AS last_at,
    recon_store.whole_of(h.beat ->> 'lag_us') * interval '1 microsecond' AS lag
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
CROSS JOIN LATERAL json_each(
    CASE json_typeof(m.message -> 'heartbeats') WHEN 'object' THEN m.message -> 'heartbeats' ELSE '{}'::json END
) AS h (account, beat)
WHERE e.kind = 'tick';

COMMENT ON VIEW recon.heartbeats IS 'Heartbeats summed up: a row for each account of a tick of the log';
COMMENT ON COLUMN recon.heartbeats.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.heartbeats.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.heartbeats.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.heartbeats.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.heartbeats.account IS 'The account (EMS exchange_id)';
COMMENT ON COLUMN recon.heartbeats.beats IS 'How many heartbeats came since the tick before';
COMMENT ON COLUMN recon.heartbeats.last_at IS 'Log time of the last of them, UTC';
COMMENT ON COLUMN recon.heartbeats.lag IS 'How long the last one was under way, by the two clocks; null: not known';

GRANT SELECT ON recon.heartbeats TO recon_analyst, recon_service, recon_operator;
