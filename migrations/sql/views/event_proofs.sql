CREATE VIEW recon.event_proofs AS
SELECT
    e.gateway,
    e.seq,
    (extract(EPOCH FROM e.recorded_at) * 1000000)::bigint AS recorded_us,
    (extract(EPOCH FROM e.received_at) * 1000000)::bigint AS received_us,
    (extract(EPOCH FROM e.appended_at) * 1000000)::bigint AS appended_us,
    e.kind,
    e.account,
    e.session,
    e.payload AS raw,
    e.redacted,
    e.readable,
    encode(e.digest, 'hex') AS digest
FROM recon_store.log_events AS e;

COMMENT ON VIEW recon.event_proofs IS
    'Each event of the log with all that its digest covers, so that the chain can be computed again elsewhere';
COMMENT ON COLUMN recon.event_proofs.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.event_proofs.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.event_proofs.recorded_us IS 'Log time, in microseconds since 1970, UTC';
COMMENT ON COLUMN recon.event_proofs.received_us IS
    'When it reached recon by the writer''s clock, in microseconds since 1970, UTC';
COMMENT ON COLUMN recon.event_proofs.appended_us IS
    'When it was appended by the database''s clock, in microseconds since 1970; null: from before revision 0002';
COMMENT ON COLUMN recon.event_proofs.kind IS 'The kind, as in events';
COMMENT ON COLUMN recon.event_proofs.account IS 'The account (EMS exchange_id, exactly as sent) that it names; null: none';
COMMENT ON COLUMN recon.event_proofs.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.event_proofs.raw IS 'The content byte for byte';
COMMENT ON COLUMN recon.event_proofs.redacted IS 'Whether a credential inside the content was blotted out';
COMMENT ON COLUMN recon.event_proofs.readable IS 'Whether the content can be shown as JSON';
COMMENT ON COLUMN recon.event_proofs.digest IS 'SHA-256 in hex over the digest before and this event';

GRANT SELECT ON recon.event_proofs TO recon_analyst, recon_service, recon_operator;
