-- What do breaks come from, and how did they end?
-- why: A cause that keeps coming back is a process to mend, not a break to explain.
-- coverage: in_gaps: how many of them have an origin in a day that was not covered throughout.
SELECT
    b.cause,
    b.state,
    count(*) AS breaks,
    sum(abs(b.amount_usd)) AS usd,
    avg(b.closed_at - b.opened_at) AS mean_life,
    count(*) FILTER (WHERE NOT c.whole) AS in_gaps
FROM recon.breaks AS b
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = b.gateway AND c.account = b.account AND c.day = (b.origin_at AT TIME ZONE 'UTC')::date
GROUP BY b.cause, b.state
ORDER BY breaks DESC, b.cause, b.state;
