-- How much was traded, by day and symbol?
-- why: Turnover decides fee tiers. That of a contract follows from its terms: see fees-by-symbol.
-- coverage: covered_share: of the day; a day that was not covered throughout may lack fills.
SELECT
    (f.filled_at AT TIME ZONE 'UTC')::date AS day,
    f.gateway,
    f.account,
    f.symbol,
    count(*) AS fills,
    sum(f.amount) FILTER (WHERE f.side = 'BUY') AS bought,
    sum(f.amount) FILTER (WHERE f.side = 'SELL') AS sold,
    sum(f.amount * f.price) FILTER (WHERE f.cash_asset IS NOT NULL) AS turnover,
    count(*) FILTER (WHERE NOT f.price_known) AS without_price,
    min(c.covered_share) AS covered_share
FROM recon.fills AS f
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = f.gateway AND c.account = f.account AND c.day = (f.filled_at AT TIME ZONE 'UTC')::date
GROUP BY (f.filled_at AT TIME ZONE 'UTC')::date, f.gateway, f.account, f.symbol
ORDER BY day, f.gateway, f.account, f.symbol;
