CREATE VIEW recon.break_history AS
SELECT
    t.gateway,
    t.id,
    t.seq,
    t.number,
    t.at,
    t.event,
    t.state,
    t.amount,
    t.cause,
    t.reason,
    t.actor
FROM recon_store.break_history AS t
JOIN recon_store.editions AS c ON c.gateway = t.gateway AND c.edition = t.edition AND c.state = 'current';

COMMENT ON VIEW recon.break_history IS 'Every step in the life of every break, in the order of the log';
COMMENT ON COLUMN recon.break_history.gateway IS 'The gateway';
COMMENT ON COLUMN recon.break_history.id IS 'The break, as in breaks';
COMMENT ON COLUMN recon.break_history.seq IS 'Log position at which the step was derived';
COMMENT ON COLUMN recon.break_history.number IS '1, 2, 3 … among the steps at this position';
COMMENT ON COLUMN recon.break_history.at IS 'Log time of the step';
COMMENT ON COLUMN recon.break_history.event IS
    'What happened. Derived: opened, cleared, offset, caused, explained, reduced, expired; '
    'decided by people: assign, comment, investigate, propose, approve, reject, accept, reopen. An acceptance that '
    'is material is a propose, and an accept once somebody else has approved it';
COMMENT ON COLUMN recon.break_history.state IS 'The break''s state from then on';
COMMENT ON COLUMN recon.break_history.amount IS 'The break''s amount from then on, in the unit itself, signed';
COMMENT ON COLUMN recon.break_history.cause IS 'The break''s cause from then on';
COMMENT ON COLUMN recon.break_history.reason IS 'Why, in words';
COMMENT ON COLUMN recon.break_history.actor IS
    'Who decided it, where a person did, as the database knows them; null: derived from data';

GRANT SELECT ON recon.break_history TO recon_analyst, recon_service, recon_operator;
