CREATE VIEW recon.policies AS
SELECT
    p.since,
    lead(p.since) OVER (ORDER BY p.since) AS until,
    p.document
FROM recon_store.policies AS p;

COMMENT ON VIEW recon.policies IS 'Each policy that decided who was told, and when it was in force';
COMMENT ON COLUMN recon.policies.since IS 'The first routing under it, by the service''s clock';
COMMENT ON COLUMN recon.policies.until IS 'The first routing under the next one; null: it is in force';
COMMENT ON COLUMN recon.policies.document IS 'The policy, as JSON';

GRANT SELECT ON recon.policies TO recon_analyst, recon_service, recon_operator;
