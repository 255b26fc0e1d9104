CREATE VIEW recon_store.rules_of_accounts AS
SELECT
    a.gateway,
    a.edition,
    a.account,
    coalesce(f.document -> 'accounts' -> a.account, f.document -> 'defaults') AS rules
FROM recon_store.accounts AS a
JOIN recon_store.editions AS c ON c.gateway = a.gateway AND c.edition = a.edition AND c.state = 'current'
-- As recon_store.rules_in_force, which analysts may not call.
CROSS JOIN LATERAL (
    SELECT convert_from(r.payload, 'UTF8')::jsonb AS document
    FROM recon_store.log_events AS r
    WHERE r.gateway = a.gateway
      AND r.kind IN ('rules', 'rules.proposed')
      AND (
          r.kind = 'rules'
          OR EXISTS (
              SELECT FROM recon_store.log_events AS e
              WHERE e.gateway = r.gateway
                AND e.kind = 'decision'
                AND e.seq > r.seq
                -- The CASE keeps any other payload from being read at all.
                AND CASE WHEN e.kind = 'decision' AND e.readable THEN convert_from(e.payload, 'UTF8')::jsonb END
                    @> jsonb_build_object('action', 'approve_rules', 'rules_digest', encode(sha256(r.payload), 'hex'))
          )
      )
    ORDER BY r.seq DESC
    LIMIT 1
) AS f;

COMMENT ON VIEW recon_store.rules_of_accounts IS 'The rules in force for each account, as JSON; no row: none are logged';
