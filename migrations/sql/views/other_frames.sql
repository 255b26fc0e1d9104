CREATE VIEW recon.other_frames AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    m.message ->> 'type' AS type,
    e.readable,
    m.message AS payload,
    e.payload AS raw
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'frame';

COMMENT ON VIEW recon.other_frames IS
    'Frames that are none of the protocol''s messages; recon keeps them and books nothing from them';
COMMENT ON COLUMN recon.other_frames.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.other_frames.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.other_frames.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.other_frames.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.other_frames.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.other_frames.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.other_frames.type IS 'The type that the frame names; null: none, or it cannot be read';
COMMENT ON COLUMN recon.other_frames.readable IS 'Whether payload can be shown as JSON';
COMMENT ON COLUMN recon.other_frames.payload IS 'The content as JSON, as sent; null: not readable';
COMMENT ON COLUMN recon.other_frames.raw IS 'The content byte for byte';

GRANT SELECT ON recon.other_frames TO recon_analyst, recon_service, recon_operator;
