-- What did fees cost, by day and symbol, and at which rate?
-- why: The effective rate shows a lost tier or a wrong schedule at once.
-- coverage: covered_share: of the day; fees of a gap are known once its fills are.
SELECT
    (f.occurred_at AT TIME ZONE 'UTC')::date AS day,
    f.gateway,
    f.account,
    f.symbol,
    f.asset,
    sum(f.amount) AS fees,
    sum(f.turnover) AS turnover,
    round(-sum(f.amount) FILTER (WHERE f.turnover IS NOT NULL) / nullif(sum(f.turnover), 0), 8) AS rate,
    count(*) FILTER (WHERE f.certainty = 'inferred') AS inferred,
    min(c.covered_share) AS covered_share
FROM recon.fees AS f
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = f.gateway AND c.account = f.account AND c.day = (f.occurred_at AT TIME ZONE 'UTC')::date
GROUP BY (f.occurred_at AT TIME ZONE 'UTC')::date, f.gateway, f.account, f.symbol, f.asset
ORDER BY day, f.gateway, f.account, f.symbol, f.asset;
