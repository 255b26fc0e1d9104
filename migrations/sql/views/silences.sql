CREATE VIEW recon.silences AS
SELECT
    s.id,
    s.created_at,
    s.until,
    s.ended_at,
    s.ended_at IS NULL AND s.until > clock_timestamp() AS active,
    s.login,
    s.name,
    s.authenticated,
    s.ended_by,
    s.reason,
    s.gateway,
    s.account,
    s.unit,
    s.case_id,
    s.cause,
    s.in_force_at,
    s.lifted_at
FROM recon_store.silences AS s;

COMMENT ON VIEW recon.silences IS 'What people asked not to be told of; what is silenced stays in every other view';
COMMENT ON COLUMN recon.silences.id IS 'The silence''s identity';
COMMENT ON COLUMN recon.silences.created_at IS 'When it was asked for, by the database''s clock';
COMMENT ON COLUMN recon.silences.until IS 'Until when it holds';
COMMENT ON COLUMN recon.silences.ended_at IS 'When a person ended it; null: nobody did';
COMMENT ON COLUMN recon.silences.active IS 'Whether it holds now';
COMMENT ON COLUMN recon.silences.login IS 'The database login that asked for it';
COMMENT ON COLUMN recon.silences.name IS 'The name given with it; only a claim where the login is shared';
COMMENT ON COLUMN recon.silences.authenticated IS 'Whether the login is a person''s own';
COMMENT ON COLUMN recon.silences.ended_by IS 'The login that ended it; null: nobody did';
COMMENT ON COLUMN recon.silences.reason IS 'Why, in the person''s words';
COMMENT ON COLUMN recon.silences.gateway IS 'The gateway; null: every one';
COMMENT ON COLUMN recon.silences.account IS 'The account; null: every one';
COMMENT ON COLUMN recon.silences.unit IS 'The asset or contract; null: every one';
COMMENT ON COLUMN recon.silences.case_id IS 'The case, as in alerts; null: every one';
COMMENT ON COLUMN recon.silences.cause IS 'The cause; null: every one';
COMMENT ON COLUMN recon.silences.in_force_at IS 'The first routing that knew of it; null: none did yet';
COMMENT ON COLUMN recon.silences.lifted_at IS 'The first routing that knew that a person ended it; null: none';

GRANT SELECT ON recon.silences TO recon_analyst, recon_service, recon_operator;
