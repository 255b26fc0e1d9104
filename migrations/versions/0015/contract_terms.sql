CREATE VIEW recon_store.contract_terms AS
SELECT
    t.gateway,
    t.account,
    t.contract,
    t.terms ->> 'kind' AS kind,
    t.terms ->> 'method' AS method,
    (t.terms ->> 'multiplier')::numeric AS multiplier,
    -- The balance row that the settlement asset is, as far as one row says so.
    coalesce(
        (
            SELECT min(u.unit)
            FROM recon_store.units AS u
            WHERE (u.gateway, u.edition, u.account) = (t.gateway, t.edition, t.account)
              AND u.unit_kind = 'asset'
              AND u.unit = coalesce(t.assets ->> (t.terms ->> 'settlement_asset'), t.terms ->> 'settlement_asset')
        ),
        (
            SELECT min(u.unit)
            FROM recon_store.units AS u
            WHERE (u.gateway, u.edition, u.account) = (t.gateway, t.edition, t.account)
              AND u.unit_kind = 'asset'
              AND u.coinapi = t.terms ->> 'settlement_asset'
        ),
        t.terms ->> 'settlement_asset'
    ) AS asset,
    coalesce(
        t.terms ->> 'multiplier' IS NOT NULL
        AND t.terms ->> 'settlement_asset' IS NOT NULL
        AND (
            t.terms ->> 'kind' = 'premium'
            OR (t.terms ->> 'kind' IS NOT NULL AND t.terms ->> 'realised' = 'close' AND t.terms ->> 'method' IS NOT NULL)
        )
        AND NOT coalesce((t.terms ->> 'balance_includes_unrealised')::boolean, false),
        false
    ) AS modelled
FROM (
    SELECT a.gateway, a.edition, a.account, x.contract, x.terms, d.rules -> 'assets' AS assets
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
    ) AS f
    CROSS JOIN LATERAL (
        VALUES (coalesce(f.document -> 'accounts' -> a.account, f.document -> 'defaults'))
    ) AS d (rules)
    CROSS JOIN LATERAL jsonb_each(
        CASE jsonb_typeof(d.rules -> 'contracts') WHEN 'object' THEN d.rules -> 'contracts' ELSE '{}'::jsonb END
    ) AS x (contract, terms)
) AS t;

COMMENT ON VIEW recon_store.contract_terms IS
    'The terms of contracts by the rules in force, for each account: what P&L of contracts is worked out by';
