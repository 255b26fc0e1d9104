-- How old are the open breaks, and what are they worth?
-- why: Old breaks are losses that nobody has admitted yet; controllers ask for them by bucket.
-- coverage: uncovered_accounts: accounts of the bucket that are not covered now, whose breaks may still clear.
SELECT
    g.bucket,
    count(*) AS breaks,
    sum(abs(g.amount_usd)) AS usd,
    count(*) FILTER (WHERE g.amount_usd IS NULL) AS without_worth,
    min(g.origin_at) AS oldest,
    count(DISTINCT (g.gateway, g.account)) FILTER (WHERE a.state <> 'covered') AS uncovered_accounts
FROM recon.break_ageing AS g
LEFT JOIN recon.accounts AS a ON a.gateway = g.gateway AND a.account = g.account
GROUP BY g.bucket
ORDER BY min(g.business_age);
