CREATE VIEW recon.events AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.kind,
    e.account,
    e.session,
    e.readable,
    CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END AS payload,
    e.payload AS raw,
    e.redacted,
    encode(e.digest, 'hex') AS digest
FROM recon_store.log_events AS e;

COMMENT ON VIEW recon.events IS 'The log: every frame and every fact recorded by recon, in the order of (gateway, seq)';
COMMENT ON COLUMN recon.events.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.events.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.events.recorded_at IS 'Log time, UTC: when it was appended; never goes back within a gateway';
COMMENT ON COLUMN recon.events.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.events.kind IS
    'The EMS message type in capitals; frame: none of the protocol''s; in small letters: recorded by recon itself';
COMMENT ON COLUMN recon.events.account IS 'The account (EMS exchange_id, exactly as sent) that it names; null: none';
COMMENT ON COLUMN recon.events.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.events.readable IS
    'Whether payload can be shown as JSON: UTF-8, JSON, and text that Postgres can hold';
COMMENT ON COLUMN recon.events.payload IS
    'The content as JSON, as sent (json, not jsonb: numbers and key order are kept); null: not readable';
COMMENT ON COLUMN recon.events.raw IS 'The content byte for byte';
COMMENT ON COLUMN recon.events.redacted IS
    'Whether a credential inside the content was blotted out before it was stored';
COMMENT ON COLUMN recon.events.digest IS
    'SHA-256 in hex over the digest before and this event; `recon verify` recomputes it';

GRANT SELECT ON recon.events TO recon_analyst, recon_service, recon_operator;
