CREATE VIEW recon.limits WITH (security_barrier) AS
SELECT l.login, l.gateway, l.account, l.since
FROM recon_store.limits AS l
WHERE l.login = session_user OR recon.sees('', '');

COMMENT ON VIEW recon.limits IS
    'Which accounts a login is limited to; a login without a row sees all. A limited login sees its own rows alone';
COMMENT ON COLUMN recon.limits.login IS 'The login in the database that is limited, whatever role it acts as';
COMMENT ON COLUMN recon.limits.gateway IS 'Gateways that it may see: a name, or a pattern in which * stands for any text';
COMMENT ON COLUMN recon.limits.account IS
    'Accounts of them that it may see, likewise; *: also what is of no account of the gateway';
COMMENT ON COLUMN recon.limits.since IS 'When it was given, UTC';

GRANT SELECT ON recon.limits TO recon_analyst, recon_service, recon_operator;
