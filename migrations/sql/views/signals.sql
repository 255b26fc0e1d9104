CREATE VIEW recon_exact.signals AS
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

COMMENT ON VIEW recon_exact.signals IS
    'Every signal as the policy reads it, empty where a column does not apply; alerts shows whether it was told';
COMMENT ON COLUMN recon_exact.signals.gateway IS 'The gateway; empty: recon itself';
COMMENT ON COLUMN recon_exact.signals.number IS 'The order in which the policy takes them';
COMMENT ON COLUMN recon_exact.signals.routed_at IS 'When the policy took it; null: not yet';
COMMENT ON COLUMN recon_exact.signals.id IS 'The signal''s identity';
COMMENT ON COLUMN recon_exact.signals.kind IS 'As in alerts';
COMMENT ON COLUMN recon_exact.signals.event IS 'What happened, as messages name it';
COMMENT ON COLUMN recon_exact.signals.subject IS 'The break, condition or event that it is about';
COMMENT ON COLUMN recon_exact.signals.case_id IS 'The case';
COMMENT ON COLUMN recon_exact.signals.seq IS 'Log position of what happened';
COMMENT ON COLUMN recon_exact.signals.occurred_at IS 'Log time of what happened';
COMMENT ON COLUMN recon_exact.signals.account IS 'The account';
COMMENT ON COLUMN recon_exact.signals.unit_kind IS 'asset or contract';
COMMENT ON COLUMN recon_exact.signals.unit IS 'The asset or contract';
COMMENT ON COLUMN recon_exact.signals.amount IS 'The break''s amount then, signed, in the unit; null: none';
COMMENT ON COLUMN recon_exact.signals.amount_usd IS 'Its worth in USD then; null: not known, or none';
COMMENT ON COLUMN recon_exact.signals.cause IS 'The break''s cause then';
COMMENT ON COLUMN recon_exact.signals.certainty IS 'exact, inferred or candidate';
COMMENT ON COLUMN recon_exact.signals.severity IS 'How much it mattered then';
COMMENT ON COLUMN recon_exact.signals.actor IS 'The person who decided the step';

GRANT SELECT ON recon_exact.signals TO recon_analyst, recon_service, recon_operator;
