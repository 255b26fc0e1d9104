CREATE VIEW recon.limit_changes WITH (security_barrier) AS
SELECT c.number, c.at, c.by, c.change, c.login, c.gateway, c.account, c.reason
FROM recon_store.limit_changes AS c
WHERE c.login = session_user OR recon.sees('', '');

COMMENT ON VIEW recon.limit_changes IS
    'Each change of a limit, with who made it; a limited login sees the changes of its own limits alone';
COMMENT ON COLUMN recon.limit_changes.number IS '1, 2, 3 … in the order of the changes';
COMMENT ON COLUMN recon.limit_changes.at IS 'When it was changed, UTC, by the database''s clock';
COMMENT ON COLUMN recon.limit_changes.by IS 'The login that changed it, as the database saw it';
COMMENT ON COLUMN recon.limit_changes.change IS 'added or removed';
COMMENT ON COLUMN recon.limit_changes.login IS 'The login that is limited';
COMMENT ON COLUMN recon.limit_changes.gateway IS 'The pattern of gateways that was added or removed';
COMMENT ON COLUMN recon.limit_changes.account IS 'The pattern of accounts that was added or removed';
COMMENT ON COLUMN recon.limit_changes.reason IS 'Why, as told; null: it was changed by hand';

GRANT SELECT ON recon.limit_changes TO recon_analyst, recon_service, recon_operator;
