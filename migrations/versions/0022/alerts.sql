CREATE VIEW recon.alerts AS
SELECT
    s.gateway,
    s.id,
    s.kind,
    s.event,
    s.subject AS break_id,
    s.case_id,
    s.case_seq,
    s.seq,
    s.occurred_at,
    s.created_at,
    s.routed_at,
    CASE
        WHEN s.routed_at IS NULL THEN 'waiting'
        WHEN d.messages IS NULL THEN 'not_sent'
        WHEN d.pending > 0 THEN 'sending'
        WHEN d.delivered > 0 THEN 'delivered'
        ELSE 'failed'
    END AS state,
    coalesce(d.messages, 0) AS messages,
    coalesce(d.channels, '{}') AS channels,
    nullif(s.account, '') AS account,
    nullif(s.unit_kind, '') AS unit_kind,
    nullif(s.unit, '') AS unit,
    s.amount,
    s.amount_usd,
    nullif(s.cause, '') AS cause,
    nullif(s.certainty, '') AS certainty,
    nullif(s.severity, '') AS severity,
    nullif(s.actor, '') AS actor,
    s.document
FROM recon_store.signals AS s
LEFT JOIN LATERAL (
    SELECT
        nullif(count(*), 0) AS messages,
        count(*) FILTER (WHERE m.delivered_at IS NULL AND m.failed_at IS NULL) AS pending,
        count(*) FILTER (WHERE m.delivered_at IS NOT NULL) AS delivered,
        array_agg(DISTINCT m.channel ORDER BY m.channel) AS channels
    FROM recon_store.deliveries AS m
    WHERE m.signals @> ARRAY[s.id]
) AS d ON true;

COMMENT ON VIEW recon.alerts IS
    'Every signal: what happened to a case, or to recon''s own sight; and whether the policy had it sent';
COMMENT ON COLUMN recon.alerts.gateway IS 'The gateway; empty: recon itself';
COMMENT ON COLUMN recon.alerts.id IS 'The signal''s identity, the same after every rebuild';
COMMENT ON COLUMN recon.alerts.kind IS
    'fires, again, moves, taken_up, given_back, wants_approval, ends, or tells (it has no end)';
COMMENT ON COLUMN recon.alerts.event IS 'What happened, as messages name it: break.opened, gateway.down, event.refused …';
COMMENT ON COLUMN recon.alerts.break_id IS 'The break, as in breaks; KIND/NAME: a condition; event-SEQ: a refused event';
COMMENT ON COLUMN recon.alerts.case_id IS 'The case, as in breaks; the kind of a condition; event-SEQ: a refused event';
COMMENT ON COLUMN recon.alerts.case_seq IS '1, 2, 3 … among the signals of the case';
COMMENT ON COLUMN recon.alerts.seq IS 'Log position of what happened';
COMMENT ON COLUMN recon.alerts.occurred_at IS 'Log time of what happened';
COMMENT ON COLUMN recon.alerts.created_at IS 'When it was stored, by the database''s clock';
COMMENT ON COLUMN recon.alerts.routed_at IS 'When the policy took it, by the service''s clock; null: not yet';
COMMENT ON COLUMN recon.alerts.state IS
    'waiting (for the policy), not_sent (the policy sent nothing of it, or old messages are removed), sending, '
    'delivered (somewhere), or failed (given up on every channel)';
COMMENT ON COLUMN recon.alerts.messages IS 'How many messages tell of it; recon alerts why says why';
COMMENT ON COLUMN recon.alerts.channels IS 'The channels of these messages';
COMMENT ON COLUMN recon.alerts.account IS 'The account; null: none';
COMMENT ON COLUMN recon.alerts.unit_kind IS 'asset or contract; null: none';
COMMENT ON COLUMN recon.alerts.unit IS 'The asset or contract; null: none';
COMMENT ON COLUMN recon.alerts.amount IS 'The break''s amount then, signed, in the unit; null: none';
COMMENT ON COLUMN recon.alerts.amount_usd IS 'Its worth in USD then; null: not known, or none';
COMMENT ON COLUMN recon.alerts.cause IS 'The break''s cause then; null: none';
COMMENT ON COLUMN recon.alerts.certainty IS 'exact, inferred or candidate; null: none';
COMMENT ON COLUMN recon.alerts.severity IS 'How much it mattered then; null: none';
COMMENT ON COLUMN recon.alerts.actor IS 'The person who decided the step; null: nobody did';
COMMENT ON COLUMN recon.alerts.document IS 'What receivers are told of it, as JSON';

GRANT SELECT ON recon.alerts TO recon_analyst, recon_service, recon_operator;
