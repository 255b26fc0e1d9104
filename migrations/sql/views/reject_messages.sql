CREATE VIEW recon.reject_messages AS
SELECT
    e.gateway,
    e.seq,
    e.recorded_at,
    e.received_at,
    e.account,
    e.session,
    coalesce(m.message -> 'data' ->> 'reject_reason', m.message ->> 'reject_reason') AS reason,
    coalesce(m.message -> 'data' ->> 'message', m.message ->> 'message') AS message,
    coalesce(m.message -> 'data' ->> 'rejected_message', m.message ->> 'rejected_message') AS rejected_message
FROM recon_store.log_events AS e
-- The CASE keeps a payload that is no JSON from being read at all.
CROSS JOIN LATERAL (VALUES (CASE WHEN e.readable THEN convert_from(e.payload, 'UTF8')::json END)) AS m (message)
WHERE e.kind = 'MESSAGE_REJECT';

COMMENT ON VIEW recon.reject_messages IS 'Requests that the EMS refused, with its reason';
COMMENT ON COLUMN recon.reject_messages.gateway IS 'The gateway whose log it is';
COMMENT ON COLUMN recon.reject_messages.seq IS 'Log position: 1, 2, 3 … without gaps, within the gateway';
COMMENT ON COLUMN recon.reject_messages.recorded_at IS 'Log time, UTC; never goes back within a gateway';
COMMENT ON COLUMN recon.reject_messages.received_at IS 'When it reached recon, UTC, by the writer''s clock';
COMMENT ON COLUMN recon.reject_messages.account IS 'The account (EMS exchange_id) that the message names; null: none';
COMMENT ON COLUMN recon.reject_messages.session IS 'The session with the gateway that it came in; null: none';
COMMENT ON COLUMN recon.reject_messages.reason IS 'Why, in the EMS''s words; null: not sent';
COMMENT ON COLUMN recon.reject_messages.message IS 'What the EMS says about it; null: nothing';
COMMENT ON COLUMN recon.reject_messages.rejected_message IS
    'The request that was refused, as the EMS has it; it may be broken JSON; null: not sent';

GRANT SELECT ON recon.reject_messages TO recon_analyst, recon_service, recon_operator;
