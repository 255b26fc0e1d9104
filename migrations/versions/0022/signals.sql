CREATE VIEW recon.signals AS
SELECT
    s.gateway,
    s.number,
    s.routed_at,
    s.id,
    s.kind,
    s.event,
    s.subject,
    s.case_id,
    s.seq,
    s.occurred_at,
    s.account,
    s.unit_kind,
    s.unit,
    s.amount,
    s.amount_usd,
    s.cause,
    s.certainty,
    s.severity,
    s.actor
FROM recon_store.signals AS s;

COMMENT ON VIEW recon.signals IS
    'Every signal as the policy reads it, empty where a column does not apply; alerts shows whether it was told';
COMMENT ON COLUMN recon.signals.gateway IS 'The gateway; empty: recon itself';
COMMENT ON COLUMN recon.signals.number IS 'The order in which the policy takes them';
COMMENT ON COLUMN recon.signals.routed_at IS 'When the policy took it; null: not yet';
COMMENT ON COLUMN recon.signals.id IS 'The signal''s identity';
COMMENT ON COLUMN recon.signals.kind IS 'As in alerts';
COMMENT ON COLUMN recon.signals.event IS 'What happened, as messages name it';
COMMENT ON COLUMN recon.signals.subject IS 'The break, condition or event that it is about';
COMMENT ON COLUMN recon.signals.case_id IS 'The case';
COMMENT ON COLUMN recon.signals.seq IS 'Log position of what happened';
COMMENT ON COLUMN recon.signals.occurred_at IS 'Log time of what happened';
COMMENT ON COLUMN recon.signals.account IS 'The account';
COMMENT ON COLUMN recon.signals.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon.signals.unit IS 'The asset or contract';
COMMENT ON COLUMN recon.signals.amount IS 'The break''s amount then, signed, in the unit; null: none';
COMMENT ON COLUMN recon.signals.amount_usd IS 'Its worth in USD then; null: not known, or none';
COMMENT ON COLUMN recon.signals.cause IS 'The break''s cause then';
COMMENT ON COLUMN recon.signals.certainty IS 'exact, inferred or candidate';
COMMENT ON COLUMN recon.signals.severity IS 'How much it mattered then';
COMMENT ON COLUMN recon.signals.actor IS 'The person who decided the step';

GRANT SELECT ON recon.signals TO recon_analyst, recon_service, recon_operator;
