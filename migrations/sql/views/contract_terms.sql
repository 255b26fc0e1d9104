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
    SELECT d.gateway, d.edition, d.account, x.contract, x.terms, d.rules -> 'assets' AS assets
    FROM recon_store.rules_of_accounts AS d
    CROSS JOIN LATERAL jsonb_each(
        CASE jsonb_typeof(d.rules -> 'contracts') WHEN 'object' THEN d.rules -> 'contracts' ELSE '{}'::jsonb END
    ) AS x (contract, terms)
) AS t;

COMMENT ON VIEW recon_store.contract_terms IS
    'The terms of contracts by the rules in force, for each account: what P&L of contracts is worked out by';
