CREATE VIEW recon.clock_jumps AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    m.message ->> 'clock' AS clock,
    recon_store.moment_of(m.message ->> 'from_us') AS from_at,
    recon_store.moment_of(m.message ->> 'to_us') AS to_at,
    recon_store.moment_of(m.message ->> 'to_us') - recon_store.moment_of(m.message ->> 'from_us') AS leap
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'clock.jumped';

COMMENT ON VIEW recon.clock_jumps IS 'When a clock went another way than steady time did';
COMMENT ON COLUMN recon.clock_jumps.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.clock_jumps.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.clock_jumps.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.clock_jumps.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.clock_jumps.clock IS 'Which clock: the machine''s or the database''s';
COMMENT ON COLUMN recon.clock_jumps.from_at IS 'What it should have shown, UTC';
COMMENT ON COLUMN recon.clock_jumps.to_at IS 'What it showed, UTC';
COMMENT ON COLUMN recon.clock_jumps.leap IS 'How far it jumped ahead; negative: back';

GRANT SELECT ON recon.clock_jumps TO recon_analyst, recon_service, recon_operator;
