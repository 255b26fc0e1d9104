CREATE VIEW recon.deliveries AS
SELECT
    d.channel,
    d.id,
    nullif(d.gateway, '') AS gateway,
    d.kind,
    d.event,
    d.case_id,
    d.case_seq,
    cardinality(d.cases) AS cases,
    d.signals,
    d.held,
    d.reason,
    d.at,
    d.created_at,
    CASE
        WHEN d.delivered_at IS NOT NULL THEN 'delivered'
        WHEN d.failed_at IS NOT NULL THEN 'failed'
        WHEN c.gone_at IS NOT NULL THEN 'channel_gone'
        WHEN d.attempts > 0 THEN 'retrying'
        ELSE 'waiting'
    END AS state,
    d.attempts,
    CASE
        WHEN d.delivered_at IS NULL AND d.failed_at IS NULL AND c.gone_at IS NULL THEN greatest(d.next_attempt_at, c.open_until)
    END AS next_attempt_at,
    d.delivered_at,
    d.failed_at,
    CASE
        WHEN d.delivered_at IS NULL AND d.failed_at IS NULL AND c.gone_at IS NOT NULL THEN c.last_error
        ELSE d.last_error
    END AS last_error,
    d.body
FROM recon_store.deliveries AS d
LEFT JOIN recon_store.channels AS c ON c.channel = d.channel;

COMMENT ON VIEW recon.deliveries IS 'Every message on every channel, and how far its delivery is';
COMMENT ON COLUMN recon.deliveries.channel IS 'The channel, as KIND:NAME of the settings';
COMMENT ON COLUMN recon.deliveries.id IS 'The message''s identity, the same at every attempt';
COMMENT ON COLUMN recon.deliveries.gateway IS 'The gateway of its case; null: several, or recon itself';
COMMENT ON COLUMN recon.deliveries.kind IS
    'firing, moved, reminder, escalation, recovery, summary, digest or notice';
COMMENT ON COLUMN recon.deliveries.event IS 'The message''s type: what happened last of what it tells';
COMMENT ON COLUMN recon.deliveries.case_id IS 'Its case, as in alerts; null: several';
COMMENT ON COLUMN recon.deliveries.case_seq IS
    '1, 2, 3 … among the messages of the case on the channel, so that a missing one shows; null: several cases';
COMMENT ON COLUMN recon.deliveries.cases IS 'How many cases it tells of';
COMMENT ON COLUMN recon.deliveries.signals IS 'The ids of what it tells, as in alerts';
COMMENT ON COLUMN recon.deliveries.held IS 'How many messages it sums up; 0: it is no summary';
COMMENT ON COLUMN recon.deliveries.reason IS 'Which part of the policy had it sent';
COMMENT ON COLUMN recon.deliveries.at IS 'When the policy had it sent, by the service''s clock';
COMMENT ON COLUMN recon.deliveries.created_at IS 'When it was queued, by the database''s clock';
COMMENT ON COLUMN recon.deliveries.state IS 
    'waiting, retrying, delivered, failed (given up), or channel_gone: the receiver said that it is gone for good';
COMMENT ON COLUMN recon.deliveries.attempts IS 'How often delivery was tried; 0: not yet';
COMMENT ON COLUMN recon.deliveries.next_attempt_at IS 'When it is tried again; null: at once, or never again';
COMMENT ON COLUMN recon.deliveries.delivered_at IS 'When the receiver took it; null: not yet';
COMMENT ON COLUMN recon.deliveries.failed_at IS
    'When it was given up; null: it was not. recon alerts retry sends it again';
COMMENT ON COLUMN recon.deliveries.last_error IS 'Why the last failed attempt failed; null: none did';
COMMENT ON COLUMN recon.deliveries.body IS 'What the receiver is sent, as JSON';

GRANT SELECT ON recon.deliveries TO recon_analyst, recon_service, recon_operator;
