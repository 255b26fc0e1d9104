CREATE VIEW recon.alerts AS
SELECT
    o.gateway,
    o.id,
    o.channel,
    o.event,
    o.break_id,
    o.case_id,
    o.seq,
    o.occurred_at,
    o.created_at,
    CASE
        WHEN o.delivered_at IS NOT NULL THEN 'delivered'
        WHEN o.failed_at IS NOT NULL THEN 'failed'
        WHEN o.attempts > 0 THEN 'retrying'
        ELSE 'waiting'
    END AS state,
    o.attempts,
    o.next_attempt_at,
    o.delivered_at,
    o.failed_at,
    o.last_error,
    o.message_id,
    o.document
FROM recon_store.outbox AS o;

COMMENT ON VIEW recon.alerts IS 'Every alert on every channel, and how far its delivery is';
COMMENT ON COLUMN recon.alerts.gateway IS 'The gateway; empty: the service as a whole';
COMMENT ON COLUMN recon.alerts.id IS 'The alert''s identity, the same on every channel and after every rebuild';
COMMENT ON COLUMN recon.alerts.channel IS 'The webhook''s name in the settings; notify: NOTIFY on channel recon_breaks';
COMMENT ON COLUMN recon.alerts.event IS
    'break.opened, break.cleared, break.explained, break.resolved, break.reopened, break.acceptance_expired, '
    'event.refused, recon.watchdog, or in what way recon does not see, such as gateway.down; .over: it sees again';
COMMENT ON COLUMN recon.alerts.break_id IS 'The break, as in breaks; event-SEQ: a refused event; KIND/SUBJECT: what recon does not see';
COMMENT ON COLUMN recon.alerts.case_id IS 'The case, as in breaks; event-SEQ: a refused event; KIND: in what way recon does not see';
COMMENT ON COLUMN recon.alerts.seq IS 'Log position of the step that is told of';
COMMENT ON COLUMN recon.alerts.occurred_at IS 'Log time of that step';
COMMENT ON COLUMN recon.alerts.created_at IS 'When it was queued, by the database''s clock';
COMMENT ON COLUMN recon.alerts.state IS 'waiting, retrying, delivered or failed (given up)';
COMMENT ON COLUMN recon.alerts.attempts IS 'How often delivery was tried; 0: not yet';
COMMENT ON COLUMN recon.alerts.next_attempt_at IS 'When it is tried again; null: at once, or never again';
COMMENT ON COLUMN recon.alerts.delivered_at IS 'When the receiver took it; null: not yet';
COMMENT ON COLUMN recon.alerts.failed_at IS 'When it was given up; null: it was not';
COMMENT ON COLUMN recon.alerts.last_error IS 'Why the last failed attempt failed; null: none did';
COMMENT ON COLUMN recon.alerts.message_id IS 'The message that carried it; null: none yet';
COMMENT ON COLUMN recon.alerts.document IS 'What the receiver is told, as JSON';

GRANT SELECT ON recon.alerts TO recon_analyst, recon_service, recon_operator;
