-- How did the drift of each unit that does not agree move?
-- why: A drift that grows with each trade is a fee; one that came at once is a transfer or a missed fill.
-- coverage: covered_share: of the day of the observation; in a gap there is no observation at all.
SELECT
    o.gateway, o.account, o.unit_kind, o.unit, o.at, o.reported, o.expected, o.drift, o.unexplained, o.verdict,
    c.covered_share
FROM recon.observations AS o
LEFT JOIN recon.coverage_daily AS c
    ON c.gateway = o.gateway AND c.account = o.account AND c.day = (o.at AT TIME ZONE 'UTC')::date
WHERE o.unexplained <> 0
ORDER BY o.gateway, o.account, o.unit, o.at;
