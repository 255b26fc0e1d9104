CREATE VIEW recon_store.rules_of_accounts AS
SELECT
    a.gateway,
    a.edition,
    a.account,
    f.rules
FROM recon_store.accounts AS a
JOIN recon_store.editions AS c ON c.gateway = a.gateway AND c.edition = a.edition AND c.state = 'current'
CROSS JOIN LATERAL recon_store.rules_seen(a.gateway, a.account) AS f (rules)
WHERE f.rules IS NOT NULL;

COMMENT ON VIEW recon_store.rules_of_accounts IS 'The rules in force for each account, as JSON; no row: none are logged';
